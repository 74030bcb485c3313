"""The InferenceService serves in the same way as the Deployment."""

import pytest

from tests.k8s.conftest import Rendered
from tests.k8s.pods import files_in, flag, server_of, the_pod
from tests.k8s.rendering import Manifest, model_name, of_kind, the

FLAVOURS = ["kserve", "my-kserve", "kserve of letters"]


@pytest.fixture
def service(rendered: Rendered) -> Manifest:
    return the(rendered("kserve"), "InferenceService")


@pytest.mark.parametrize("name", FLAVOURS)
def test_it_serves_the_model_that_is_called_like_it(
    rendered: Rendered, name: str
) -> None:
    manifests = rendered(name)
    model = the(manifests, "InferenceService")["metadata"]["name"]
    assert model == model_name(name)
    server = server_of(the_pod(manifests))
    assert flag(server, "model_name") == model
    assert flag(server, "model_base_path") == f"/models/{model}"
    for probe in ("startupProbe", "readinessProbe"):
        assert server[probe]["httpGet"]["path"] == f"/v1/models/{model}/metadata"


def test_it_serves_as_the_deployment_does(rendered: Rendered) -> None:
    ours, theirs = rendered("base"), rendered("kserve")
    our_pod, their_pod = the_pod(ours), the_pod(theirs)
    for field in ("securityContext", "nodeSelector", "terminationGracePeriodSeconds"):
        assert their_pod[field] == our_pod[field]
    our_server, their_server = server_of(our_pod), server_of(their_pod)
    for field in (
        "image",
        "command",
        "livenessProbe",
        "readinessProbe",
        "resources",
        "securityContext",
        "startupProbe",
        "volumeMounts",
    ):
        assert their_server[field] == our_server[field], field
    # They get the model differently: KServe has no file of versions and labels.
    assert set(their_server["args"]) - set(our_server["args"]) == {
        "--model_name=mnist",
        "--model_base_path=/models/mnist",
    }
    assert set(our_server["args"]) - set(their_server["args"]) == {
        "--model_config_file=/models/models.config",
        "--model_config_file_poll_wait_seconds=5",
        "--allow_version_labels_for_unavailable_models=true",
    }
    our_files, their_files = files_in(our_pod, ours), files_in(their_pod, theirs)
    assert our_files.pop("/etc/serving/models.config")
    assert their_files == our_files


def test_there_is_no_limit_of_cpu(rendered: Rendered) -> None:
    # KServe's own runtime has a limit; the test makes sure that it is not inherited.
    assert server_of(the_pod(rendered("kserve")))["resources"]["limits"].keys() == {
        "memory"
    }


def test_metrics_are_announced_where_they_are(rendered: Rendered) -> None:
    runtime = the(rendered("kserve"), "ServingRuntime")["spec"]
    assert runtime["annotations"] == {
        "prometheus.kserve.io/port": flag(
            server_of(the_pod(rendered("kserve"))), "rest_api_port"
        ),
        "prometheus.kserve.io/path": "/monitoring/prometheus/metrics",
    }


def test_the_services_first_port_is_grpc(rendered: Rendered) -> None:
    # KServe makes it port 80 of <name>-predictor, with HTTP/2 because of its name
    # (service_reconciler.go, isGrpcPort).
    server = server_of(the_pod(rendered("kserve")))
    first, second = server["ports"]
    assert "grpc" in first["name"]
    assert first["containerPort"] == int(flag(server, "port"))
    assert second["containerPort"] == int(flag(server, "rest_api_port"))


def test_no_folder_is_mounted_that_is_there_after_the_first_push_only(
    rendered: Rendered, service: Manifest
) -> None:
    # Kubelet would make the folder as root, and Pusher could not write there.
    assert "storageUri" not in service["spec"]["predictor"]["model"]
    for mount in server_of(the_pod(rendered("kserve")))["volumeMounts"]:
        assert "subPath" not in mount


def test_each_version_of_kserve_is_given_its_name_of_the_mode(
    rendered: Rendered,
) -> None:
    # KServe 0.16 refuses a strategy unless the mode has the newer name; earlier
    # versions know only the older name. None is needed: Kubernetes' default is right.
    for name, mode in (("kserve", "Standard"), ("my-kserve", "RawDeployment")):
        service = the(rendered(name), "InferenceService")
        annotations = service["metadata"]["annotations"]
        assert annotations == {"serving.kserve.io/deploymentMode": mode}
        assert "deploymentStrategy" not in service["spec"]["predictor"]


def test_it_is_instead_of_the_deployment(rendered: Rendered) -> None:
    assert of_kind(rendered("kserve"), "Deployment") == []
