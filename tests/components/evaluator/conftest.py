"""Good and poor models of digits, and the Evaluator that is run on them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format
from sklearn.linear_model import LogisticRegression
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.evaluator.executor import Executor
from components.evaluator.results import Evaluation, eval_config, read_evaluation
from components.image_example_gen import digits
from components.image_example_gen.examples import Rows, SplitWriter
from contract.bounds import Bound
from contract.task import Task
from pipeline.beam import Beam
from pipeline.gate_settings import Gates, MetricBound
from tests.components.datasets import Dataset
from tests.components.softmax import of_weights, save_softmax
from tests.tasks import write_task

CLASSES = tuple("abcdefghij")
TASK = digits.TASK.named(classes=CLASSES)
"""The digits with other class names, to find hard-coded names."""

FURTHER = (
    MetricBound(name="macro_f1", min=0.9),
    MetricBound(name="top_k", k=2, min=0.9, slices="class"),
    MetricBound(name="log_loss", max=0.5, max_champion_loss=0.1),
    MetricBound(name="calibration_error", max=0.5),
    MetricBound(name="tests.components.evaluator.own_metric.Confidence", min=0.2),
)
BOUNDS = Gates(min_accuracy=0.5, min_class_accuracy=0.3, metrics=FURTHER).bounds()
"""Bounds for every metric there is."""


@dataclass(frozen=True)
class Model:
    """A softmax regression.

    Attributes:
        folder: Folder of the SavedModel, which is in `Format-Serving`.
        regression: The scikit-learn model that it was made from.
    """

    folder: str
    regression: Any

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Returns its answers as scikit-learn computes them."""
        pixels = images.reshape(len(images), -1) / 255.0
        answers: np.ndarray = self.regression.predict_proba(pixels)
        return answers


@dataclass(frozen=True)
class Evaluated:
    """The Evaluator's outputs.

    Attributes:
        folder: Folder of the ModelEvaluation.
        evaluation: The evaluation, read back.
        blessed: Whether the model was blessed.
    """

    folder: str
    evaluation: Evaluation
    blessed: bool


@pytest.fixture(scope="session")
def fit(
    all_digits: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], Model]:
    """Returns a function that trains on the digits for some steps and saves a model."""

    def fit(steps: int) -> Model:
        regression = LogisticRegression(max_iter=steps, C=0.1)
        pixels = all_digits.train_images.reshape(-1, 784) / 255.0
        regression.fit(pixels, all_digits.train_labels)
        folder = tmp_path_factory.mktemp("model")
        signatures = of_weights(regression.coef_.T, regression.intercept_)
        save_softmax(str(folder / "Format-Serving"), **signatures)
        return Model(str(folder), regression)

    return fit


@pytest.fixture(scope="session")
def good(fit: Callable[[int], Model]) -> Model:
    """A model with an accuracy of about 0.95."""
    return fit(60)


@pytest.fixture(scope="session")
def poor(fit: Callable[[int], Model]) -> Model:
    """A model that was trained too briefly."""
    return fit(2)


Evaluate = Callable[..., Evaluated]


@pytest.fixture(scope="session")
def evaluate(all_digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Evaluate:
    """Returns a function that runs the executor on the test digits, or on others."""

    def evaluate(
        candidate: Model,
        champion: Model | None = None,
        *,
        bounds: Sequence[Bound] | None = None,
        images: np.ndarray = all_digits.test_images,
        labels: np.ndarray = all_digits.test_labels,
        task: Task = TASK,
        accuracy_then: float = -1.0,
        allow_fall: bool = False,
        beam: Sequence[str] | None = None,
        further: Sequence[Any] = (),
    ) -> Evaluated:
        folder = tmp_path_factory.mktemp("evaluated")
        examples = standard_artifacts.Examples()
        examples.uri = str(folder / "examples")
        examples.split_names = artifact_utils.encode_split_names(["test"])
        examples_utils.set_payload_format(
            examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
        )
        examples.set_string_custom_property("file_format", "tfrecords_gzip")
        split = folder / "examples/Split-test"
        split.mkdir(parents=True)
        write_task(examples.uri, task)
        half = len(labels) // 2
        writer = SplitWriter(str(split), len(labels), len(labels) - half)
        writer.write(Rows(images, labels))
        writer.close()
        models = []
        for model in (candidate, champion):
            artifact = standard_artifacts.Model()
            artifact.uri = model.folder if model else str(folder / "none")
            artifact.set_string_custom_property(
                "champion_version", "7" if model else ""
            )
            artifact.set_float_custom_property("champion_accuracy", accuracy_then)
            models.append(artifact)
        evaluation = standard_artifacts.ModelEvaluation()
        evaluation.uri = str(folder / "evaluation")
        blessing = standard_artifacts.ModelBlessing()
        blessing.uri = str(folder / "blessing")
        chosen = Gates().bounds() if bounds is None else bounds
        config = eval_config(chosen)
        config.metrics_specs[0].metrics.extend(further)
        context = BaseBeamExecutor.Context(
            beam_pipeline_args=beam or Beam().pipeline_args(),
            tmp_dir=str(folder / "tmp"),
        )
        Executor(context).Do(
            {"examples": [examples], "model": models[:1], "baseline_model": models[1:]},
            {"evaluation": [evaluation], "blessing": [blessing]},
            {
                "eval_config": json_format.MessageToJson(config),
                "example_splits": '["test"]',
                "bounds": json.dumps([asdict(bound) for bound in chosen]),
                "max_champion_fall": 0.1,
                "allow_champion_fall": int(allow_fall),
            },
        )
        blessed = bool(blessing.get_int_custom_property("blessed"))
        marker = "BLESSED" if blessed else "NOT_BLESSED"
        assert Path(blessing.uri, marker).exists()
        return Evaluated(evaluation.uri, read_evaluation(evaluation.uri), blessed)

    return evaluate
