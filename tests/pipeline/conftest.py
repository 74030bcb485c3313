"""Three tasks with their examples, Transform outputs and models."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tensorflow_transform as tft

from components.image_example_gen import digits, splitting
from components.image_example_gen.executor import write_splits
from components.image_example_gen.source import open_source
from contract.task import Task
from pipeline.preprocessing import preprocessing_fn
from pipeline.training.settings import Training
from pipeline.training.trainer import run_fn
from tests import tasks
from tests.pipeline.transforming import analyze
from tests.tasks import write_task


@dataclass(frozen=True)
class Trained:
    """The outputs of `run_fn`.

    Attributes:
        model: Folder of the SavedModel.
        run: Folder of the ModelRun.
    """

    model: Path
    run: Path


@dataclass(frozen=True)
class Case:
    """A task with its examples and its Transform output.

    Attributes:
        task: The task.
        examples: Folder of the Examples.
        transform: The pipeline's own preprocessing for this task.
        folder: Folder for further outputs.
    """

    task: Task
    examples: Path
    transform: tft.TFTransformOutput
    folder: Path

    def train(self, training: Training) -> Trained:
        """Runs the Trainer's `run_fn`, as TFX calls it."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        arguments: dict[str, Any] = {
            "train_files": [str(self.examples / "Split-train/*")],
            "eval_files": [
                str(self.examples / "Split-eval/*"),
                str(self.examples / "Split-test/*"),
            ],
            "transform_output": self.transform.transform_savedmodel_dir.removesuffix(
                "/transform_fn"
            ),
            "serving_model_dir": str(folder / "model/Format-Serving"),
            "model_run_dir": str(folder / "run"),
            "custom_config": {"training": training.model_dump(mode="json")},
        }
        run_fn(SimpleNamespace(**arguments))
        return Trained(folder / "model/Format-Serving", folder / "run")


def _case(task: Task, source: str, folder: Path) -> Case:
    examples = folder / "examples"
    examples.mkdir()
    write_splits(
        open_source(source), str(examples), splitting.Settings(), shard_rows=500
    )
    write_task(str(examples), task)
    return Case(
        task, examples, analyze(preprocessing_fn, task, folder / "transform"), folder
    )


@pytest.fixture(scope="session")
def digits_case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The embedded digits: 1,149 to train, 288 eval, 360 test rows, 28x28."""
    folder = tmp_path_factory.mktemp("digits")
    digits.write(str(folder / "idx"))
    return _case(digits.TASK, str(folder / "idx"), folder)


@pytest.fixture(scope="session")
def letters_case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Dark letters on white paper, 26 classes, 20x28."""
    folder = tmp_path_factory.mktemp("letters")
    data, _ = tasks.letters(train=25, test=4)
    return _case(tasks.LETTERS, data.write(folder / "idx"), folder)


@pytest.fixture(scope="session")
def shapes_case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Shapes in colour, 4 classes, 16x12."""
    folder = tmp_path_factory.mktemp("shapes")
    data, _ = tasks.shapes(train=60, test=12)
    return _case(tasks.SHAPES, data.write(folder / "idx"), folder)


@pytest.fixture(scope="session")
def examples(digits_case: Case) -> Path:
    """The digits as examples."""
    return digits_case.examples


@pytest.fixture(scope="session")
def transform(digits_case: Case) -> tft.TFTransformOutput:
    """The pipeline's preprocessing for the digits, as Transform writes it."""
    return digits_case.transform


@pytest.fixture(scope="session")
def train(digits_case: Case) -> Callable[[Training], Trained]:
    """Runs the Trainer's `run_fn` on the digits."""
    return digits_case.train


@pytest.fixture(scope="session")
def trained(train: Callable[[Training], Trained]) -> Trained:
    """The notebook's network after eight epochs: about 0.96 on the test split."""
    return train(Training(epochs=8))
