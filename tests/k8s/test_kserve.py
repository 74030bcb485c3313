"""The InferenceService serves as the Deployment does."""

import pytest

from tests.k8s.conftest import Rendered
from tests.k8s.pods import flag, server_of, the_pod
from tests.k8s.rendering import Manifest, the


@pytest.fixture
def service(rendered: Rendered) -> Manifest:
    return the(rendered("kserve"), "InferenceService")


def test_it_serves_the_model_that_is_called_like_it(service: Manifest) -> None:
    model = service["spec"]["predictor"]["model"]
    name = service["metadata"]["name"]
    assert model["storageUri"] == f"pvc://mnist-models/{name}"
    for probe in ("startupProbe", "readinessProbe"):
        path = model[probe]["httpGet"]["path"]
        assert path == f"/v1/models/{name}/metadata"


def test_ports_are_those_of_the_runtime(rendered: Rendered) -> None:
    pod = the_pod(rendered("kserve"))
    server = server_of(pod)
    grpc = int(flag(server, "port"))
    assert [port["containerPort"] for port in server["ports"]] == [grpc]
    assert server["livenessProbe"]["grpc"]["port"] == grpc
    for probe in ("startupProbe", "readinessProbe"):
        rest = int(flag(server, "rest_api_port"))
        assert server[probe]["httpGet"]["port"] == rest


def test_it_serves_as_the_deployment_does(rendered: Rendered) -> None:
    ours = the_pod(rendered("base"))
    theirs = the_pod(rendered("kserve"))
    assert theirs["securityContext"] == ours["securityContext"]
    assert server_of(theirs)["resources"] == server_of(ours)["resources"]
    for name in (
        "file_system_poll_wait_seconds",
        "grpc_channel_arguments",
        "load_retry_interval_micros",
        "tensorflow_inter_op_parallelism",
        "tensorflow_intra_op_parallelism",
    ):
        assert flag(server_of(theirs), name) == flag(server_of(ours), name)
