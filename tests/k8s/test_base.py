"""The Deployment, its Services and its probes, in every flavour."""

import re

import pytest

from tests.k8s.conftest import Rendered
from tests.k8s.pods import (
    flag,
    pod_labels,
    port_numbers,
    selects,
    the_pod,
    the_server,
)
from tests.k8s.rendering import DEPLOYED, EMBEDDED, SERVING, model_name, of_kind, the


@pytest.mark.parametrize("name", DEPLOYED)
class TestDeployed:
    """The Deployment, its Services and its probes, in every flavour."""

    def test_a_changed_file_makes_a_rollout(
        self, rendered: Rendered, name: str
    ) -> None:
        names = {c["metadata"]["name"] for c in of_kind(rendered(name), "ConfigMap")}
        # No pod reads the model's name from it; kustomize has copied the name.
        for config in names - {"model"}:
            assert re.search("-[a-z0-9]{10}$", config)

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
            "model-server",
            "model-server-headless",
        }
        for service in services:
            assert selects(service["spec"]["selector"], pod_labels(manifests))
            for port in service["spec"]["ports"]:
                assert numbers[port["targetPort"]] == port["port"]
                assert port["name"] == port["targetPort"]

    def test_one_service_has_no_address_of_its_own(
        self, rendered: Rendered, name: str
    ) -> None:
        headless = the(rendered(name), "Service", "model-server-headless")["spec"]
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
        metadata = {"path": f"/v1/models/{model_name(name)}/metadata", "port": "http"}
        assert server["startupProbe"]["httpGet"] == metadata
        assert server["readinessProbe"]["httpGet"] == metadata
        liveness = server["livenessProbe"]
        if any(word.startswith("--ssl_config_file") for word in server["args"]):
            # Kubernetes' gRPC probes do not support TLS.
            path = "/monitoring/prometheus/metrics"
            assert liveness["httpGet"] == {"path": path, "port": "http"}
        else:
            assert liveness["grpc"] == {"port": int(flag(server, "port"))}
            assert flag(server, "enable_grpc_healthcheck_service") == "true"

    def test_a_rollout_is_not_given_up_before_a_pod_is(
        self, rendered: Rendered, name: str
    ) -> None:
        probe = the_server(rendered(name))["startupProbe"]
        seconds = probe["periodSeconds"] * probe["failureThreshold"]
        assert the(rendered(name), "Deployment")["spec"]["progressDeadlineSeconds"] > (
            seconds
        )

    def test_pods_are_spread_by_rollout(self, rendered: Rendered, name: str) -> None:
        constraints = the_pod(rendered(name))["topologySpreadConstraints"]
        assert [c["matchLabelKeys"] for c in constraints] == [["pod-template-hash"]] * 2

    def test_a_busy_minute_is_no_reason_to_kill(
        self, rendered: Rendered, name: str
    ) -> None:
        probe = the_server(rendered(name))["livenessProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 60


def test_the_local_overlay_is_one_pod_on_one_node(rendered: Rendered) -> None:
    manifests = rendered("overlays/local")
    assert the(manifests, "Deployment")["spec"]["replicas"] == 1
    claim = the(rendered("overlays/local-storage"), "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


@pytest.mark.parametrize("name", SERVING)
def test_a_server_that_waits_for_its_first_model_is_started_anew_at_once(
    rendered: Rendered, name: str
) -> None:
    # Kubelet forgets a container's crashes after it has run for twice the longest
    # back-off of 300 s (pkg/kubelet/kubelet.go, MaxContainerBackOff; client-go
    # util/flowcontrol/backoff.go, hasExpired). A container that runs for less stays in
    # CrashLoopBackOff, and so does the first model.
    probe = the_server(rendered(name))["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > 600 + 30


@pytest.mark.parametrize("name", SERVING)
def test_pods_go_where_their_image_runs(rendered: Rendered, name: str) -> None:
    # tensorflow/serving is published for amd64 only; the project's image has the
    # architecture of the machine that built it.
    selector = the_pod(rendered(name)).get("nodeSelector")
    if name in EMBEDDED:
        assert selector is None
    else:
        assert selector == {"kubernetes.io/arch": "amd64"}
