"""In every kustomization, references between objects are correct."""

import pytest

from tests.k8s.conftest import Rendered
from tests.k8s.pods import containers, pod_specs, the_pod
from tests.k8s.rendering import SERVING, Manifest, the

# Objects that exist before, or that others make (docs/deploy.md).
FROM_ELSEWHERE = {
    ("Secret", "model-server-tls"),  # by hand or by cert-manager
    ("ServiceAccount", "default"),
}


def test_every_object_says_what_it_is_part_of(manifests: list[Manifest]) -> None:
    parts = [
        manifest["metadata"]["labels"].get("app.kubernetes.io/part-of")
        for manifest in manifests
    ]
    assert set(parts) == {"tfx-pipeline"}


def test_no_object_comes_twice(manifests: list[Manifest]) -> None:
    names = [(m["kind"], m["metadata"]["name"]) for m in manifests]
    assert len(names) == len(set(names))


def _referred_to(pod: Manifest) -> set[tuple[str, str]]:
    """Returns the (kind, name) of every object that a PodSpec refers to."""
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


@pytest.fixture
def claims(rendered: Rendered) -> set[str]:
    """The claims of storage/, which is not part of other folders."""
    return {
        the(rendered(name), "PersistentVolumeClaim")["metadata"]["name"]
        for name in ("storage", "storage/beam", "storage/data", "storage/requests")
    }


def test_what_pods_refer_to_is_there(
    manifests: list[Manifest], claims: set[str]
) -> None:
    there = {(m["kind"], m["metadata"]["name"]) for m in manifests} | FROM_ELSEWHERE
    there |= {("PersistentVolumeClaim", name) for name in claims}
    for _, pod in pod_specs(manifests):
        assert _referred_to(pod) <= there


@pytest.mark.parametrize("name", [*SERVING, "toolbox", "train"])
def test_what_is_there_is_referred_to(rendered: Rendered, name: str) -> None:
    manifests = rendered(name)
    of_pods = {"ConfigMap", "ServiceAccount"}
    there = {(m["kind"], m["metadata"]["name"]) for m in manifests}
    there.remove(("ConfigMap", "model"))  # only kustomize and people read it
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
