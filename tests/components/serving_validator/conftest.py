"""Requests of real digits, and a model that answers them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.image_example_gen import digits
from components.image_example_gen.examples import serialize
from components.serving_validator import probe
from components.serving_validator.requests import Requests
from tests.components.datasets import Dataset
from tests.components.softmax import from_images, novelty, save_softmax


@pytest.fixture(scope="session")
def requests(dataset: Dataset) -> Requests:
    """The 20 images of the test part, with their labels."""
    images = dataset.test_images
    return Requests(
        images=images,
        examples=serialize(images, dataset.test_labels),
        probabilities=from_images(images)["probabilities"].numpy(),
        novelty=novelty(images)["novelty"].numpy(),
        task=digits.TASK.to_json(),
    )


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., str]:
    """Returns a function that saves a correct model with some signatures replaced."""

    def save(**signatures: Any) -> str:
        return save_softmax(str(tmp_path / "model"), **signatures)

    return save


@pytest.fixture
def ask(
    requests: Requests, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], dict[str, list[str]]]:
    """Returns a function that probes a model in this process."""
    path = str(tmp_path / "requests.npz")
    requests.save(path)

    def ask(model: str) -> dict[str, list[str]]:
        capsys.readouterr()
        assert probe.main(model, path) == 0
        report: dict[str, list[str]] = json.loads(
            capsys.readouterr().out.splitlines()[-1]
        )
        return report

    return ask
