"""Training starts from the weights of the served version."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from components.image_example_gen import digits
from contract.task import TASK_FILE, Task
from pipeline.model import mlp
from pipeline.training.export import read_weights
from pipeline.training.settings import Training
from pipeline.training.warm_start import start
from tests.pipeline.conftest import Trained

WARM = Training(warm_start=True)


@pytest.fixture
def champion(trained: Trained, tmp_path: Path) -> Path:
    """Version 7 with the digits' network after eight epochs."""
    folder = tmp_path / "champion"
    shutil.copytree(trained.model, folder)
    (folder / TASK_FILE).write_text(digits.TASK.to_json())
    manifest = {"version": 7, "training": {"model": "mlp"}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def model() -> keras.Model:
    """Such a network with new weights."""
    return mlp(digits.TASK, WARM)


def test_what_was_exported_is_read_as_keras_has_it(trained: Trained) -> None:
    kept = keras.saving.load_model(trained.run / "model.keras")
    for read, own in zip(
        read_weights(str(trained.model)), kept.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(read, own)


def test_the_network_starts_with_the_champions_weights(
    champion: Path, model: keras.Model
) -> None:
    said = start(model, digits.TASK, WARM, str(champion))
    assert said == "from the weights of version 7"
    for read, own in zip(read_weights(str(champion)), model.get_weights(), strict=True):
        np.testing.assert_array_equal(read, own)


@pytest.mark.parametrize(
    ("training", "task", "why"),
    [
        (
            Training(hidden_units=(8,)),
            digits.TASK,
            "weights of the shapes 784x128, 128",
        ),
        (Training(model="cnn"), digits.TASK, "version 7 has the network mlp, not cnn"),
        (WARM, replace(digits.TASK, classes=(*"abcdefghij",)), "answers another task"),
    ],
)
def test_of_another_network_or_task_it_says_why_not(
    champion: Path, training: Training, task: Task, why: str
) -> None:
    model = mlp(digits.TASK, training)
    before = model.get_weights()
    said = start(model, task, training, str(champion))
    assert said.startswith("left out: ")
    assert why in said
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_a_champion_it_says_so(model: keras.Model, tmp_path: Path) -> None:
    said = start(model, digits.TASK, WARM, str(tmp_path / "none"))
    assert said == "left out: no version of this task is served"


def test_a_version_that_is_none_of_ours_is_not_started_from(
    champion: Path, model: keras.Model
) -> None:
    (champion / "manifest.json").unlink()
    said = start(model, digits.TASK, WARM, str(champion))
    assert said == (
        "left out: the version that is served does not say how it was trained"
    )


def test_weights_that_are_lost_are_not_started_from(
    champion: Path, model: keras.Model
) -> None:
    shutil.rmtree(champion / "variables")
    said = start(model, digits.TASK, WARM, str(champion))
    assert said == "left out: its weights cannot be read"
