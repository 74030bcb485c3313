"""The image, an engine that runs it, and a cluster to run pipelines on."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from components.mnist_example_gen import digits
from tests.kubeflow.emulation.cluster import Cluster

ENGINES = ("podman", "docker")


@pytest.fixture(scope="session")
def image() -> str:
    """The image's name; `make test-kubeflow` builds it and hands it over."""
    name = os.environ.get("MNIST_IMAGE")
    if not name:
        pytest.skip("no image: MNIST_IMAGE is not set; make test-kubeflow sets it")
    return name


@pytest.fixture(scope="session")
def engine(image: str) -> str:
    """A container engine that has the image."""
    for name in ENGINES:
        executable = shutil.which(name)
        if (
            executable
            and not subprocess.run(
                [executable, "image", "inspect", image],
                capture_output=True,
                check=False,
            ).returncode
        ):
            return executable
    pytest.fail(f"{image}: no engine of {ENGINES} has it")


@pytest.fixture(scope="session")
def cluster(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return Cluster(tmp_path_factory.mktemp("cluster"), engine)


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded data set as IDX files."""
    folder = tmp_path_factory.mktemp("data") / "digits"
    digits.write(str(folder))
    return folder
