"""The Deployment, its Services and its probes, in every flavour."""

import re

import pytest

from tests.k8s.conftest import Rendered
from tests.k8s.pods import flag, pod_labels, port_numbers, selects, the_server
from tests.k8s.rendering import DEPLOYED, of_kind, the


@pytest.mark.parametrize("name", DEPLOYED)
class TestDeployed:
    """The Deployment, its Services and its probes, in every flavour."""

    def test_a_changed_file_makes_a_rollout(
        self, rendered: Rendered, name: str
    ) -> None:
        for config in of_kind(rendered(name), "ConfigMap"):
            assert re.search("-[a-z0-9]{10}$", config["metadata"]["name"])

    def test_the_namespace_is_left_to_whoever_applies(
        self, rendered: Rendered, name: str
    ) -> None:
        assert {m["metadata"].get("namespace") for m in rendered(name)} == {None}

    def test_the_deployment_selects_its_pods(
        self, rendered: Rendered, name: str
    ) -> None:
        spec = the(rendered(name), "Deployment")["spec"]
        labels = pod_labels(rendered(name))
        assert selects(spec["selector"]["matchLabels"], labels)
        for constraint in spec["template"]["spec"]["topologySpreadConstraints"]:
            assert selects(constraint["labelSelector"]["matchLabels"], labels)

    def test_no_pod_goes_before_its_successor_answers(
        self, rendered: Rendered, name: str
    ) -> None:
        spec = the(rendered(name), "Deployment")["spec"]
        assert spec["strategy"] == {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        }

    def test_ports_are_those_of_the_flags(self, rendered: Rendered, name: str) -> None:
        server = the_server(rendered(name))
        assert port_numbers(server) == {
            "grpc": int(flag(server, "port")),
            "http": int(flag(server, "rest_api_port")),
        }

    def test_services_lead_to_the_pods(self, rendered: Rendered, name: str) -> None:
        manifests = rendered(name)
        numbers = port_numbers(the_server(manifests))
        services = of_kind(manifests, "Service")
        assert {s["metadata"]["name"] for s in services} == {
            "mnist-serving",
            "mnist-serving-headless",
        }
        for service in services:
            assert selects(service["spec"]["selector"], pod_labels(manifests))
            for port in service["spec"]["ports"]:
                assert numbers[port["targetPort"]] == port["port"]
                assert port["name"] == port["targetPort"]

    def test_one_service_has_no_address_of_its_own(
        self, rendered: Rendered, name: str
    ) -> None:
        headless = the(rendered(name), "Service", "mnist-serving-headless")["spec"]
        assert headless["clusterIP"] == "None"
        assert [port["name"] for port in headless["ports"]] == ["grpc"]

    def test_nobody_outside_reaches_a_service(
        self, rendered: Rendered, name: str
    ) -> None:
        types = {s["spec"]["type"] for s in of_kind(rendered(name), "Service")}
        assert types == {"ClusterIP"}

    def test_the_protocol_said_is_the_one_spoken(
        self, rendered: Rendered, name: str
    ) -> None:
        manifests = rendered(name)
        tls = any("ssl_config_file" in word for word in the_server(manifests)["args"])
        said = {
            port["appProtocol"]
            for service in of_kind(manifests, "Service")
            for port in service["spec"]["ports"]
            if port["name"] == "grpc"
        }
        assert said == {"https" if tls else "kubernetes.io/h2c"}

    def test_startup_and_readiness_need_the_model_and_liveness_does_not(
        self, rendered: Rendered, name: str
    ) -> None:
        server = the_server(rendered(name))
        metadata = {"path": "/v1/models/mnist/metadata", "port": "http"}
        assert server["startupProbe"]["httpGet"] == metadata
        assert server["readinessProbe"]["httpGet"] == metadata
        liveness = server["livenessProbe"]
        if any(word.startswith("--ssl_config_file") for word in server["args"]):
            # Kubernetes' gRPC probes speak no TLS.
            assert liveness["httpGet"] == {"path": "/v1/models/mnist", "port": "http"}
        else:
            assert liveness["grpc"] == {"port": int(flag(server, "port"))}
            assert flag(server, "enable_grpc_healthcheck_service") == "true"

    def test_a_slow_load_is_no_reason_to_kill(
        self, rendered: Rendered, name: str
    ) -> None:
        probe = the_server(rendered(name))["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 300

    def test_a_busy_minute_is_no_reason_to_kill(
        self, rendered: Rendered, name: str
    ) -> None:
        probe = the_server(rendered(name))["livenessProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 60


def test_the_local_overlay_is_one_pod_on_one_node(rendered: Rendered) -> None:
    manifests = rendered("overlays/local")
    assert the(manifests, "Deployment")["spec"]["replicas"] == 1
    claim = the(manifests, "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
