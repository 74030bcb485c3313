"""KServe's logger finds the collector, and the collector finds its inputs."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from serving.collector.cli import cli
from tests.k8s.conftest import Rendered
from tests.k8s.pods import flag, pod_specs, port_numbers, selects, server_of
from tests.k8s.rendering import Manifest, the


@pytest.fixture
def manifests(rendered: Rendered) -> list[Manifest]:
    return rendered("overlays/kserve-rest")


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Returns containers by the kind of their object."""
    return {name.split("/")[0]: server_of(pod) for name, pod in pod_specs(manifests)}


def test_the_logger_sends_to_the_collectors_service(manifests: list[Manifest]) -> None:
    predictor = the(manifests, "InferenceService")["spec"]["predictor"]
    url = urlsplit(predictor["logger"]["url"])
    service = the(manifests, "Service", url.hostname)
    assert [port["port"] for port in service["spec"]["ports"]] == [url.port or 80]
    labels = the(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert selects(service["spec"]["selector"], labels)
    assert predictor["model"]["protocolVersion"] == "v1"


def test_what_is_logged_is_rest(manifests: list[Manifest]) -> None:
    """KServe's logger is a proxy in front of the container's first port."""
    server = pods(manifests)["InferenceService"]
    rest = int(flag(server, "rest_api_port"))
    assert server["ports"][0]["containerPort"] == rest
    # The logger asks this port for readiness by number, as it takes `http` for 80.
    assert server["readinessProbe"]["httpGet"]["port"] == rest


def test_the_collector_takes_its_arguments(manifests: list[Manifest]) -> None:
    container = pods(manifests)["Deployment"]
    [folder] = [arg for arg in container["args"] if not arg.startswith("--")]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {f"/{folder.split('/')[1]}", flag(container, "models")} <= mounted
    arguments = [*container["args"], "--models=/"]
    given: dict[str, Any] = cli.make_context("collector", arguments).params
    assert given["folder"] == folder
    assert given["host"] == "0.0.0.0"
    assert given["port"] == port_numbers(container)["http"]


def test_the_log_fits_on_its_volume(
    rendered: Rendered, manifests: list[Manifest]
) -> None:
    claim = the(rendered("storage/requests"), "PersistentVolumeClaim")
    size = claim["spec"]["resources"]["requests"]["storage"]
    gibibytes = int(size.removesuffix("Gi"))
    most = int(flag(pods(manifests)["Deployment"], "max-bytes"))
    assert most < gibibytes << 30
