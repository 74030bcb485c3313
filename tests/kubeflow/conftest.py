"""The image, an engine that runs it, and a cluster to run pipelines on."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.image_example_gen import digits
from components.image_example_gen.source import open_source
from pipeline.config import Config
from runner.datasets import DIGITS_BOUNDS
from runner.kubeflow.deployment import Deployment
from runner.kubeflow.specification import compile_pipeline
from tests.kubeflow.emulation.cluster import Cluster, Task

ENGINES = ("podman", "docker")
NAME = "digits"
DATA = "minio://mlpipeline/datasets/digits"
"""The data, in the pipeline root's bucket, which KFP's launcher can always read."""


def compiled(image: str, data: str, fingerprint: str = "", secret: str = "") -> str:
    config = Config().with_gate_defaults(**DIGITS_BOUNDS)
    deployment = Deployment(image, data_secret=secret)
    return compile_pipeline(config, deployment, NAME, data, fingerprint)


@dataclass(frozen=True)
class Story:
    """Two successive runs of one pipeline, and the state after each.

    `name` is the first run's. Other tests may have run pipelines before.
    """

    name: str
    pushed: dict[str, Task]
    versions_after_push: list[str]
    refused: dict[str, Task]
    versions_after_refusal: list[str]


def versions(cluster: Cluster) -> list[str]:
    folder = cluster.volume("mnist-models") / NAME
    return sorted(name for name in os.listdir(folder) if name.isdigit())


@pytest.fixture(scope="session")
def image() -> str:
    """The image's name; `make test-kubeflow` builds the image and passes the name."""
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


@pytest.fixture(scope="session")
def story(cluster: Cluster, image: str, digits_folder: Path) -> Story:
    cluster.store.upload(digits_folder, DATA)
    fingerprint = open_source(str(digits_folder)).fingerprint()
    package = compiled(image, DATA, fingerprint)
    pushed = cluster.run(package)
    name = f"mnist-run-{cluster.runs}"
    after_push = versions(cluster)
    refused = cluster.run(package, {"min_accuracy": 0.9999})
    return Story(name, pushed, after_push, refused, versions(cluster))
