"""All installed renderers give the same result."""

import functools
import re
from pathlib import Path

import pytest

from tests.k8s.rendering import (
    ALL,
    COMBINATIONS,
    K8S,
    RENDERERS,
    parsed,
    rendered_by,
    renderers,
    write,
)


@pytest.fixture(params=RENDERERS)
def renderer(request: pytest.FixtureRequest) -> str:
    """Each renderer in turn; a renderer that is not installed is skipped visibly."""
    name: str = request.param
    if name not in renderers():
        pytest.skip(f"{name} is not here: {RENDERERS[name]}")
    return name


@functools.cache
def reference(path: Path) -> str:
    """Returns the output of the first installed renderer."""
    return rendered_by(next(iter(renderers())), path)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of `ALL`."""
    return {
        name: write(COMBINATIONS[name], tmp_path_factory.mktemp("k8s"))
        if name in COMBINATIONS
        else K8S / name
        for name in ALL
    }


@pytest.mark.parametrize("name", ALL)
def test_every_renderer_writes_the_same(
    renderer: str, name: str, paths: dict[str, Path]
) -> None:
    first = next(iter(renderers()))
    text = reference(paths[name])
    assert parsed(text)
    if renderer != first:
        assert rendered_by(renderer, paths[name]) == text


@pytest.mark.parametrize("model", ["letters", "2024", "my-letters-2", "true"])
def test_every_renderer_writes_any_name(
    renderer: str, model: str, tmp_path: Path
) -> None:
    # YAML reads names of these kinds as numbers or booleans.
    setting = {
        "name": "model",
        "behavior": "merge",
        "literals": [f"MODEL_NAME={model}"],
    }
    kustomization = {
        "resources": ["../k8s/train"],
        "configMapGenerator": [setting],
        "transformers": ["../k8s/model/everywhere"],
    }
    text = rendered_by(renderer, write(kustomization, tmp_path))
    (job,) = (m for m in parsed(text) if m["kind"] == "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "MODEL_NAME", "value": model}]


def test_those_that_are_missing_are_named_with_a_way_to_get_them() -> None:
    for name, way in RENDERERS.items():
        assert re.search("install", way), name
