"""A version is the same in all places that name it."""

import re

import pytest

from serving.launch.servers import IMAGE, IMAGE_TAGS
from tests.k8s.conftest import Rendered
from tests.k8s.pods import containers, pod_specs
from tests.k8s.rendering import ALL, ROOT, Manifest

PROJECT_IMAGE = "mnist-tfx-pipeline"


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def trained_with(lock: str) -> str:
    """Returns the TensorFlow version of a lock."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    (version,) = re.findall(r"^tensorflow==([\d.]+)", text, re.MULTILINE)
    return version


def images(manifests: list[Manifest]) -> set[str]:
    """Returns all images, with their tags."""
    return {
        container["image"]
        for _, pod in pod_specs(manifests)
        for container in containers(pod)
    }


def tag_of(image: str, name: str) -> str:
    assert image.startswith(f"{name}:"), image
    return image.removeprefix(f"{name}:")


@pytest.mark.parametrize("lock", ["current", "compat"])
@pytest.mark.parametrize("name", ["base", "overlays/production", "kserve"])
def test_the_server_is_not_older_than_what_trains(
    rendered: Rendered, name: str, lock: str
) -> None:
    # A server reads models of its own TensorFlow and of older ones
    # (tensorflow/serving#2168).
    (image,) = images(rendered(name))
    assert numbers(tag_of(image, IMAGE)) >= numbers(trained_with(lock))


def test_the_server_is_one_that_make_serve_knows(rendered: Rendered) -> None:
    (image,) = images(rendered("base"))
    assert tag_of(image, IMAGE) in IMAGE_TAGS


def test_kserve_runs_the_same_server(rendered: Rendered) -> None:
    assert images(rendered("kserve")) == images(rendered("base"))


@pytest.mark.parametrize(
    "name",
    ["overlays/local", "toolbox", "train", *(n for n in ALL if "embedded" in n)],
)
def test_the_projects_image_is_of_the_projects_version(
    rendered: Rendered, name: str
) -> None:
    (version,) = re.findall(r'version="(.+)"', (ROOT / "setup.py").read_text())
    assert images(rendered(name)) == {f"{PROJECT_IMAGE}:{version}"}
