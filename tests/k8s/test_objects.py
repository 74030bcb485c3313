"""Every kustomization by itself: what one object says of another is true."""

from typing import Any

import pytest

from tests.k8s.conftest import Rendered
from tests.k8s.pods import containers, pod_specs, the_pod
from tests.k8s.rendering import SERVING, Manifest, the

# Objects that are there before, or made by somebody else (docs/deploy.md).
FROM_ELSEWHERE = {
    ("Secret", "mnist-serving-tls"),  # by hand or by cert-manager
    ("ServiceAccount", "default"),
}


def test_every_object_says_what_it_is_part_of(manifests: list[Manifest]) -> None:
    parts = [
        manifest["metadata"]["labels"].get("app.kubernetes.io/part-of")
        for manifest in manifests
    ]
    assert set(parts) == {"mnist"}


def test_no_object_comes_twice(manifests: list[Manifest]) -> None:
    names = [(m["kind"], m["metadata"]["name"]) for m in manifests]
    assert len(names) == len(set(names))


def _referred_to(pod: Manifest) -> set[tuple[str, str]]:
    """The (kind, name) of all that a PodSpec refers to."""
    found = {("ServiceAccount", pod.get("serviceAccountName", "default"))}
    for volume in pod["volumes"]:
        for source in [volume, *volume.get("projected", {}).get("sources", [])]:
            if "configMap" in source:
                found.add(("ConfigMap", source["configMap"]["name"]))
            if "secret" in source:
                found.add(("Secret", source["secret"]["secretName"]))
            if "persistentVolumeClaim" in source:
                claim = source["persistentVolumeClaim"]["claimName"]
                found.add(("PersistentVolumeClaim", claim))
    return found


def test_what_pods_refer_to_is_there(manifests: list[Manifest]) -> None:
    there = {(m["kind"], m["metadata"]["name"]) for m in manifests} | FROM_ELSEWHERE
    for _, pod in pod_specs(manifests):
        assert _referred_to(pod) <= there


@pytest.mark.parametrize("name", [*SERVING, "train"])
def test_what_is_there_is_referred_to(rendered: Rendered, name: str) -> None:
    manifests = rendered(name)
    of_pods = {"ConfigMap", "PersistentVolumeClaim", "ServiceAccount"}
    there = {(m["kind"], m["metadata"]["name"]) for m in manifests}
    used = _referred_to(the_pod(manifests))
    assert {found for found in there if found[0] in of_pods} <= used


def test_volumes_and_mounts_match(manifests: list[Manifest]) -> None:
    for name, pod in pod_specs(manifests):
        volumes = [volume["name"] for volume in pod["volumes"]]
        mounted = {
            mount["name"]
            for container in containers(pod)
            for mount in container["volumeMounts"]
        }
        assert mounted == set(volumes), name
        assert len(volumes) == len(set(volumes)), name
        for container in containers(pod):
            paths = [mount["mountPath"] for mount in container["volumeMounts"]]
            assert len(paths) == len(set(paths)), name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("base", "kubeflow"),
        ("overlays/production", "kubeflow"),
        ("kserve", "kubeflow"),
        ("train", "storage"),
        ("overlays/local", "overlays/kubeflow-local"),
    ],
)
def test_both_sides_ask_for_the_same_volume(
    rendered: Rendered, one: str, other: str
) -> None:
    def claim(name: str) -> Any:
        found = the(rendered(name), "PersistentVolumeClaim", "mnist-models")
        metadata = {k: v for k, v in found["metadata"].items() if k != "namespace"}
        return metadata, found["spec"]

    assert claim(one) == claim(other)
