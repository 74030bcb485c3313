"""The same image serves the model that a run pushed to the volume, over gRPC."""

import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen import idx
from components.image_example_gen.files import File
from runner.datasets import DIGITS_BOUNDS
from serving.client import Client, ModelSpec
from tests.kubeflow.conftest import NAME, Story
from tests.kubeflow.emulation.cluster import Cluster

START_SECONDS = 120


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A serving container, and the engine's process that waits for it."""

    name: str
    address: str
    process: subprocess.Popen[bytes]


@contextmanager
def serving(engine: str, image: str, models: Path) -> Iterator[Server]:
    name, port = f"mnist-serving-{uuid.uuid4().hex[:8]}", free_port()
    command = [engine, "run", "--rm", "--name", name, "--network", "host"]
    command += ["--read-only", "--cap-drop", "all", "--tmpfs", "/tmp"]
    command += ["--security-opt", "no-new-privileges"]
    command += ["--volume", f"{models}:/models:ro", image]
    command += ["python", "-m", "serving.server", f"--port={port}"]
    command += ["--rest_api_port=0", f"--model_name={NAME}"]
    command += [f"--model_base_path=/models/{NAME}"]
    address = f"127.0.0.1:{port}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            with Client(address, ModelSpec(NAME)) as client:
                client.wait(timeout=START_SECONDS)
            yield Server(name, address, process)
        finally:
            subprocess.run(
                [engine, "rm", "--force", name], capture_output=True, check=False
            )


@pytest.fixture(scope="module")
def client(engine: str, image: str, cluster: Cluster, story: Story) -> Iterator[Client]:
    models = cluster.volume("mnist-models")
    with (
        serving(engine, image, models) as server,
        Client(server.address, ModelSpec(NAME)) as connected,
    ):
        yield connected


def test_the_pushed_version_is_the_one_that_is_served(
    client: Client, story: Story
) -> None:
    assert [str(status.version) for status in client.status()] == (
        story.versions_after_push
    )


def test_it_reads_digits(client: Client, digits_folder: Path) -> None:
    images, labels = (
        np.concatenate(list(idx.read_blocks(File(str(digits_folder / name)), 4096)))
        for name, shape in (
            ("t10k-images-idx3-ubyte", (28, 28)),
            ("t10k-labels-idx1-ubyte", ()),
        )
    )

    read = [answer.digit for answer in client.predict_digits(images)]

    assert np.mean(np.array(read) == labels) > DIGITS_BOUNDS["min_accuracy"]


def test_it_ends_when_it_is_asked_to(
    engine: str, image: str, cluster: Cluster, story: Story
) -> None:
    """It runs as process 1, without a shell: SIGTERM stops it in order, with code 0."""
    with serving(engine, image, cluster.volume("mnist-models")) as server:
        subprocess.run(
            [engine, "stop", "--time", "20", server.name],
            check=True,
            capture_output=True,
        )
        assert server.process.wait(timeout=30) == 0
