"""The additions of production."""

import pytest

from tests.k8s.conftest import Rendered
from tests.k8s.pods import (
    containers,
    flag,
    init_of,
    pod_labels,
    port_numbers,
    selects,
    server_of,
    the_pod,
    the_server,
)
from tests.k8s.rendering import Manifest, of_kind, the


@pytest.fixture
def manifests(rendered: Rendered) -> list[Manifest]:
    return rendered("overlays/production")


def test_the_autoscaler_has_the_replicas_to_itself(manifests: list[Manifest]) -> None:
    spec = the(manifests, "HorizontalPodAutoscaler")["spec"]
    target = the(manifests, "Deployment")
    assert spec["scaleTargetRef"] == {
        "apiVersion": target["apiVersion"],
        "kind": target["kind"],
        "name": target["metadata"]["name"],
    }
    assert "replicas" not in target["spec"]
    assert 2 <= spec["minReplicas"] < spec["maxReplicas"]


def test_a_drain_takes_one_pod_at_a_time(manifests: list[Manifest]) -> None:
    spec = the(manifests, "PodDisruptionBudget")["spec"]
    assert selects(spec["selector"]["matchLabels"], pod_labels(manifests))
    assert spec["maxUnavailable"] == 1


def test_prometheus_finds_each_pod_once(manifests: list[Manifest]) -> None:
    spec = the(manifests, "ServiceMonitor")["spec"]
    (service,) = (
        service
        for service in of_kind(manifests, "Service")
        if selects(spec["selector"]["matchLabels"], service["metadata"]["labels"])
    )
    (endpoint,) = spec["endpoints"]
    assert endpoint["port"] in {p["name"] for p in service["spec"]["ports"]}


def test_all_traffic_is_denied_that_is_not_named(manifests: list[Manifest]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")
    for policy in policies:
        selector = policy["spec"]["podSelector"]["matchLabels"]
        assert selects(selector, pod_labels(manifests))
    deny = the(manifests, "NetworkPolicy", "model-server-default-deny")["spec"]
    assert set(deny["policyTypes"]) == {"Ingress", "Egress"}
    assert deny.keys() == {"podSelector", "policyTypes"}
    assert not any("egress" in policy["spec"] for policy in policies)


def test_the_pipelines_pods_are_left_alone(manifests: list[Manifest]) -> None:
    # They share the namespace because of the volume.
    for policy in of_kind(manifests, "NetworkPolicy"):
        assert policy["spec"]["podSelector"]["matchLabels"]


@pytest.mark.parametrize(
    ("policy", "port"),
    [("model-server-clients", "grpc"), ("model-server-metrics", "http")],
)
def test_each_door_is_for_somebody_named(
    manifests: list[Manifest], policy: str, port: str
) -> None:
    (rule,) = the(manifests, "NetworkPolicy", policy)["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": port}]
    assert port in port_numbers(the_server(manifests))
    assert rule["from"]
    for peer in rule["from"]:
        # A peer without a label would match every pod.
        assert peer["podSelector"]["matchLabels"]
        assert peer.get("namespaceSelector", {"matchLabels": True})["matchLabels"]


def test_tls_comes_from_the_secret(manifests: list[Manifest]) -> None:
    pod = the(manifests, "Deployment")["spec"]["template"]["spec"]
    init = init_of(pod, "ssl-config")
    server = server_of(pod)
    mounts = {mount["mountPath"]: mount["name"] for mount in init["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    folder, file = init["args"]
    secret = volumes[mounts[folder]]["secret"]
    assert secret["secretName"] == "model-server-tls"
    # Only the pod's group can read it.
    assert secret["defaultMode"] == 0o440
    written = file.rpartition("/")[0]
    assert volumes[mounts[written]]["emptyDir"]["medium"] == "Memory"
    assert flag(server, "ssl_config_file") == file
    assert {"name": mounts[written], "mountPath": written, "readOnly": True} in (
        server["volumeMounts"]
    )
    assert not any(mount["name"] == mounts[folder] for mount in server["volumeMounts"])


def test_the_certificates_container_has_memory_to_start(
    manifests: list[Manifest],
) -> None:
    # runc itself needs about 16 MiB for a moment (opencontainers/runc#3986).
    init = init_of(the_pod(manifests), "ssl-config")
    assert init["resources"]["limits"]["memory"] == "64Mi"


def test_the_certificate_is_read_by_the_servers_own_image(rendered: Rendered) -> None:
    for name in ("overlays/production", "production+embedded"):
        pod = the(rendered(name), "Deployment")["spec"]["template"]["spec"]
        assert len({container["image"] for container in containers(pod)}) == 1
