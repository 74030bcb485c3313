"""Rendered manifests, each rendered once."""

from collections.abc import Callable

import pytest

from tests.k8s import rendering
from tests.k8s.rendering import Manifest

Rendered = Callable[[str], list[Manifest]]


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """`rendering.render` with a cache."""
    done: dict[str, list[Manifest]] = {}

    def render(name: str) -> list[Manifest]:
        if name not in done:
            done[name] = rendering.render(name, tmp_path_factory.mktemp("k8s"))
        return done[name]

    return render


@pytest.fixture(params=rendering.ALL)
def manifests(request: pytest.FixtureRequest, rendered: Rendered) -> list[Manifest]:
    """The objects of each kustomization in turn."""
    return rendered(request.param)
