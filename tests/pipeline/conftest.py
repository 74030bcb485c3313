"""Real digits and what becomes of them: examples, Transform output, a model."""

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
from contract.task import write_task
from pipeline.config import Training
from pipeline.preprocessing import preprocessing_fn
from pipeline.training.trainer import run_fn
from tests.pipeline.transforming import analyze


@dataclass(frozen=True)
class Trained:
    """What `run_fn` left.

    Attributes:
        model: Folder of the SavedModel.
        run: Folder of the ModelRun.
    """

    model: Path
    run: Path


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded digits as examples: 1,149 to train, 288 eval, 360 test rows."""
    source = tmp_path_factory.mktemp("digits") / "idx"
    digits.write(str(source))
    folder = tmp_path_factory.mktemp("examples")
    write_splits(
        open_source(str(source)), str(folder), splitting.Settings(), shard_rows=500
    )
    write_task(str(folder), digits.TASK)
    return folder


@pytest.fixture(scope="session")
def transform(tmp_path_factory: pytest.TempPathFactory) -> tft.TFTransformOutput:
    """The pipeline's own preprocessing as Transform writes it."""
    folder = tmp_path_factory.mktemp("transform")
    return analyze(preprocessing_fn, digits.TASK, folder)


@pytest.fixture(scope="session")
def train(
    examples: Path,
    transform: tft.TFTransformOutput,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Training], Trained]:
    """Runs the Trainer's `run_fn` on the digits, as TFX calls it."""

    def call(training: Training) -> Trained:
        folder = tmp_path_factory.mktemp("trained")
        arguments: dict[str, Any] = {
            "train_files": [str(examples / "Split-train/*")],
            "eval_files": [
                str(examples / "Split-eval/*"),
                str(examples / "Split-test/*"),
            ],
            "transform_output": transform.transform_savedmodel_dir.removesuffix(
                "/transform_fn"
            ),
            "serving_model_dir": str(folder / "model/Format-Serving"),
            "model_run_dir": str(folder / "run"),
            "custom_config": {"training": training.model_dump(mode="json")},
        }
        run_fn(SimpleNamespace(**arguments))
        return Trained(folder / "model/Format-Serving", folder / "run")

    return call


@pytest.fixture(scope="session")
def trained(train: Callable[[Training], Trained]) -> Trained:
    """The notebook's network after eight epochs: about 0.96 on the test split."""
    return train(Training(epochs=8))
