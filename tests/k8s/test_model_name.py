"""The model's name is one setting."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.k8s.conftest import Rendered
from tests.k8s.pods import the_server
from tests.k8s.rendering import (
    K8S,
    LETTERS,
    Manifest,
    of_kind,
    parsed,
    rendered_by,
    renderers,
)

# Names of the project, which is called after its first model.
PROJECTS = re.compile(r"mnist-(models|data|tfx-pipeline:[\d.]+)")


def texts(value: Any) -> Iterator[str]:
    """Yields every text in an object, including keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    else:
        yield str(value)


def traces(manifests: list[Manifest]) -> list[str]:
    """Returns the texts that still name the default model."""
    return [text for text in texts(manifests) if "mnist" in PROJECTS.sub("", text)]


@pytest.mark.parametrize("name", LETTERS)
def test_another_model_leaves_no_trace_of_the_first(
    rendered: Rendered, name: str
) -> None:
    assert traces(rendered(name)) == []
    assert any("letters" in text for text in texts(rendered(name)))


@pytest.mark.parametrize(
    "name",
    ["base", "overlays/local", "overlays/production", "kserve", "toolbox", "train"],
)
def test_in_a_clone_it_is_one_line_of_one_file(name: str, tmp_path: Path) -> None:
    if not renderers():
        pytest.skip("nothing here renders kustomizations")
    clone = tmp_path / "k8s"
    shutil.copytree(K8S, clone)
    setting = clone / "model" / "model.env"
    assert setting.read_text().splitlines() == ["MODEL_NAME=mnist"]
    setting.write_text("MODEL_NAME=letters\n")
    found = parsed(rendered_by(next(iter(renderers())), clone / name))
    assert traces(found) == []


def test_a_trace_would_be_found(rendered: Rendered) -> None:
    assert traces(rendered("base")) != []


@pytest.mark.parametrize("name", ["toolbox", "toolbox of letters"])
def test_the_toolbox_asks_the_server_that_is_there(
    rendered: Rendered, name: str
) -> None:
    variables = {
        variable["name"]: variable["value"]
        for variable in the_server(rendered(name))["env"]
    }
    service, _, port = variables["SERVING_ADDRESS"].partition(":")
    (found,) = (
        s
        for s in of_kind(rendered("base"), "Service")
        if s["metadata"]["name"] == service
    )
    assert int(port) in {p["port"] for p in found["spec"]["ports"]}
