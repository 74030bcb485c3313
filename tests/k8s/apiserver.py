"""A model of the API server that refuses changes of immutable fields."""

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.k8s.rendering import Manifest

Key = tuple[str, str, str]


class FieldIsImmutable(Exception):
    """The API server would answer this apply with `field is immutable`."""


# From k8s.io/kubernetes pkg/apis/*/validation, Validate...Update (1.32), for the kinds
# in k8s/. Of a pod nearly all fields are immutable, of a claim all but its size.
_FIXED: dict[str, tuple[str, ...]] = {
    "Deployment": ("spec.selector",),
    "Job": ("spec.selector", "spec.template", "spec.podFailurePolicy"),
    "PersistentVolumeClaim": ("spec",),
    "Pod": ("spec",),
    "RoleBinding": ("roleRef",),
    "Service": ("spec.clusterIP",),
}
_MAY_CHANGE: dict[str, tuple[str, ...]] = {
    "PersistentVolumeClaim": ("resources",),
    "Pod": ("activeDeadlineSeconds", "tolerations"),
}


@dataclass
class ApiServer:
    """The objects of a cluster.

    Attributes:
        objects: The objects, by kind, namespace and name.
    """

    objects: dict[Key, Manifest] = field(default_factory=dict)

    def apply(self, manifests: list[Manifest], namespace: str) -> None:
        """Does `kubectl -n NAMESPACE apply`.

        Raises:
            FieldIsImmutable: An existing object differs in an immutable field.
        """
        for manifest in manifests:
            key = _key(manifest, namespace)
            if key in self.objects:
                self._compare(self.objects[key], manifest)
            self.objects[key] = manifest

    def delete(self, manifests: list[Manifest], namespace: str) -> None:
        """Does `kubectl -n NAMESPACE delete --ignore-not-found`."""
        for manifest in manifests:
            self.objects.pop(_key(manifest, namespace), None)

    def claims(self) -> dict[Key, Any]:
        """Returns the specs of the claims."""
        return {
            key: manifest["spec"]
            for key, manifest in self.objects.items()
            if key[0] == "PersistentVolumeClaim"
        }

    @staticmethod
    def _compare(old: Manifest, new: Manifest) -> None:
        kind = new["kind"]
        for path in _FIXED.get(kind, ()):
            if _at(old, path) != _at(new, path):
                name = new["metadata"]["name"]
                raise FieldIsImmutable(f"{kind}/{name}: {path}")


def _key(manifest: Manifest, namespace: str) -> Key:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", namespace), metadata["name"]


def _at(manifest: Manifest, path: str) -> Any:
    found: Any = manifest
    for part in path.split("."):
        found = found.get(part, {})
    if isinstance(found, dict):
        found = copy.deepcopy(found)
        for name in _MAY_CHANGE.get(manifest["kind"], ()):
            found.pop(name, None)
    return found
