"""Small runs of three tasks: real statistics, a real Evaluator's output."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import json_format, text_format
from sklearn.linear_model import LogisticRegression
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.evaluator.executor import Executor as Evaluator
from components.evaluator.results import eval_config
from components.image_example_gen import digits
from components.image_example_gen.examples import (
    Rows,
    SplitWriter,
    parsing_spec,
    serialize,
)
from components.task_schema_gen.schema import complete, parse_judgement
from contract.features import EVAL, IMAGE, SPLITS, TEST, TRAIN
from contract.model_run import save_answers
from contract.task import Task
from pipeline.beam import Beam
from pipeline.gate_settings import Gates, MetricBound
from pipeline.schema import judgement
from pipeline.training.settings import Training
from tests.components.datasets import Dataset
from tests.tasks import LETTERS, SHAPES, letters, shapes, write_task

TASKS = ("digits", "letters", "shapes")
"""The tasks for which the page has to be right."""

FINGERPRINT = "5ca1ab1e" * 8
BOUND, CLASS_BOUND = 0.9, 0.6
GATES = Gates(
    min_accuracy=BOUND,
    min_class_accuracy=CLASS_BOUND,
    metrics=(MetricBound(name="log_loss", max=1.5),),
)

HISTORY: dict[str, Any] = {
    "epochs": [
        {
            "epoch": epoch,
            "loss": loss,
            "accuracy": 0.5 + epoch / 10,
            "val_loss": val_loss,
            "val_accuracy": 0.6 + epoch / 20,
        }
        for epoch, loss, val_loss in (
            (1, 0.8, 0.50),
            (2, 0.4, 0.25),
            (3, 0.2, 0.30),
            (4, 0.1, 0.40),
        )
    ],
    "test": {"loss": 0.3125, "accuracy": 0.95},
}
SUMMARY: dict[str, Any] = {
    "layers": [
        {
            "name": "flatten",
            "kind": "Flatten",
            "output_shape": [784],
            "activation": "",
            "parameters": 0,
        },
        {
            "name": "probabilities",
            "kind": "Dense",
            "output_shape": [10],
            "activation": "softmax",
            "parameters": 7850,
        },
    ],
    "parameters": 7850,
    "optimizer": "Adam",
    "training": Training(epochs=4, hidden_units=()).model_dump(mode="json"),
}

Make = Callable[..., Any]


@dataclass(frozen=True)
class Trained:
    """A softmax regression in the form in which the Trainer leaves a model.

    Attributes:
        saved_model: Folder with the SavedModel.
        probabilities: Its answers to the test split.
    """

    saved_model: Path
    probabilities: np.ndarray


@dataclass(frozen=True)
class Small:
    """A small data set in the forms that it takes in the pipeline.

    Attributes:
        task: The task.
        rows: The rows of each split.
        folder: Folder of the Examples artifact.
        schema: Schema of the task.
        statistics: Statistics of each split.
    """

    task: Task
    rows: dict[str, Rows]
    folder: Path
    schema: schema_pb2.Schema
    statistics: dict[str, Any]

    @property
    def examples(self) -> Any:
        """Returns the Examples artifact in ImageExampleGen's form."""
        data = standard_artifacts.Examples()
        data.uri = str(self.folder)
        data.split_names = json.dumps(list(SPLITS))
        examples_utils.set_payload_format(
            data, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
        )
        data.set_string_custom_property("file_format", "tfrecords_gzip")
        data.set_string_custom_property("fingerprint", FINGERPRINT)
        return data

    def of_class(self, split: str, label: int) -> np.ndarray:
        """Returns the images of a class in a split."""
        rows = self.rows[split]
        return np.asarray(rows.images[rows.labels == label])

    def counts(self, split: str) -> list[int]:
        """Returns the number of images of each class."""
        labels = self.rows[split].labels
        return list(np.bincount(labels, minlength=len(self.task.classes)))

    def confusion(self, answers: np.ndarray) -> list[list[int]]:
        """Returns the confusion matrix of the answers to the test split."""
        matrix = np.zeros((len(self.task.classes),) * 2, int)
        np.add.at(matrix, (self.rows[TEST].labels, answers), 1)
        return matrix.tolist()


def describe(rows: Rows, schema: schema_pb2.Schema) -> Any:
    """Returns statistics of rows in StatisticsGen's form."""
    # A batch needs columns, which a split without examples does not have.
    some = rows if len(rows) else Rows(np.zeros((1, 4), np.uint8), np.zeros(1, int))
    records = serialize(some.images, some.labels)
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(records)
    return stats_impl.generate_statistics_in_memory(
        batch.slice(0, len(rows)), tfdv.StatsOptions(schema=schema)
    )


@pytest.fixture(scope="session")
def small(
    all_digits: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Small]:
    """Returns a function that makes one of `TASKS`, with the same data each time."""

    @cache
    def make(name: str) -> Small:
        task, data = {
            "digits": lambda: (digits.TASK, all_digits),
            "letters": lambda: (LETTERS, letters(25, 8)[0]),
            "shapes": lambda: (SHAPES, shapes(60, 20)[0]),
        }[name]()
        images, labels = data.train_images, data.train_labels.astype(np.int64)
        count = min(len(labels), 800)
        kept = count * 3 // 4 // len(task.classes) * len(task.classes)
        rows = {
            TRAIN: Rows(images[:kept], labels[:kept]),
            EVAL: Rows(images[kept:count], labels[kept:count]),
            TEST: Rows(data.test_images, data.test_labels.astype(np.int64)),
        }
        folder = tmp_path_factory.mktemp(f"examples-{name}")
        write_task(str(folder), task)
        for split, of in rows.items():
            rows_in_two = -(-len(of) // 2)
            writer = SplitWriter(str(folder / f"Split-{split}"), len(of), rows_in_two)
            writer.write(of)
            writer.close()
        schema = complete(parse_judgement(judgement(), "schema.pbtxt"), task)
        statistics = {split: describe(of, schema) for split, of in rows.items()}
        return Small(task, rows, folder, schema, statistics)

    return make


@pytest.fixture(scope="session")
def trained(
    small: Callable[[str], Small], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Trained]:
    """Returns a function that fits a model to a train split or to its first rows."""

    @cache
    def fit(name: str, count: int = 10_000) -> Trained:
        data = small(name)
        images, labels = data.rows[TRAIN].images[:count], data.rows[TRAIN].labels
        pixels = images.reshape(len(images), -1) / 255
        found = LogisticRegression(max_iter=200).fit(pixels, labels[:count])
        module = _Regression(data.task, found.coef_.T, found.intercept_)
        folder = tmp_path_factory.mktemp("model")
        tf.saved_model.save(
            module,
            str(folder / "Format-Serving"),
            signatures={"tf_examples": module.from_examples},
        )
        records = serialize(data.rows[TEST].images, data.rows[TEST].labels)
        answers = module.from_examples(tf.constant(records))["probabilities"]
        return Trained(folder, answers.numpy())

    return fit


class _Regression(tf.Module):
    def __init__(self, task: Task, weights: np.ndarray, bias: np.ndarray) -> None:
        super().__init__()
        self.task = task
        self.weights = tf.Variable(weights.astype(np.float32))
        self.bias = tf.Variable(bias.astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def from_examples(self, examples: Any) -> dict[str, Any]:
        spec = {IMAGE: parsing_spec(self.task)[IMAGE]}
        images = tf.io.parse_example(examples, spec)[IMAGE]
        pixels = tf.reshape(images, [-1, self.task.size])
        logits = tf.cast(pixels, tf.float32) / 255.0 @ self.weights + self.bias
        return {"probabilities": tf.nn.softmax(logits)}


@pytest.fixture(scope="session")
def evaluated(
    small: Callable[[str], Small],
    trained: Callable[..., Trained],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Any]:
    """Returns a function that runs the Evaluator and returns its ModelEvaluation.

    Its arguments are a task, the number of rows that the model was fitted to, and that
    number for the champion, if there is one.
    """

    @cache
    def evaluate(name: str, count: int = 10_000, champion: int | None = None) -> Any:
        folder = tmp_path_factory.mktemp("evaluation")
        models = []
        for rows in (count, champion):
            model = standard_artifacts.Model()
            model.uri = str(trained(name, rows).saved_model if rows else folder)
            version = "17" if rows else ""
            model.set_string_custom_property("champion_version", version)
            model.set_float_custom_property("champion_accuracy", 0.9)
            models.append(model)
        evaluation = standard_artifacts.ModelEvaluation()
        evaluation.uri = str(folder / "evaluation")
        blessing = standard_artifacts.ModelBlessing()
        blessing.uri = str(folder / "blessing")
        context = BaseBeamExecutor.Context(
            beam_pipeline_args=Beam().pipeline_args(), tmp_dir=str(folder / "tmp")
        )
        bounds = GATES.bounds()
        Evaluator(context).Do(
            {
                "examples": [small(name).examples],
                "model": models[:1],
                "baseline_model": models[1:],
            },
            {"evaluation": [evaluation], "blessing": [blessing]},
            {
                "eval_config": json_format.MessageToJson(eval_config(bounds)),
                "example_splits": '["test"]',
                "fairness_indicator_thresholds": "null",
                "bounds": json.dumps([asdict(bound) for bound in bounds]),
                "max_champion_fall": 0.1,
                "allow_champion_fall": 0,
            },
        )
        return evaluation

    return evaluate


@pytest.fixture
def data_inputs(artifact: Make, small: Callable[[str], Small]) -> Make:
    """Returns a function that makes the inputs of the first Report.

    Its arguments are a task, statistics of data other than the task's own, those of the
    champion's data, and the reason why the served version is not compared.
    """

    def store(kind: type, statistics: dict[str, Any], **properties: str) -> Any:
        stored = artifact(kind, splits=list(statistics), **properties)
        for split, of_split in statistics.items():
            path = Path(stored.uri, f"Split-{split}")
            path.mkdir()
            (path / "FeatureStats.pb").write_bytes(of_split.SerializeToString())
        return stored

    def make(
        name: str,
        of_run: dict[str, Any] | None = None,
        champion: dict[str, Any] | None = None,
        left_out: str = "",
    ) -> dict[str, Any]:
        data = small(name)
        of_run = of_run or data.statistics
        schema = artifact(standard_artifacts.Schema)
        text = text_format.MessageToString(data.schema)
        Path(schema.uri, "schema.pbtxt").write_text(text)
        anomalies = artifact(standard_artifacts.ExampleAnomalies, splits=list(of_run))
        for split, of_split in of_run.items():
            path = Path(anomalies.uri, f"Split-{split}")
            path.mkdir()
            found = tfdv.validate_statistics(of_split, data.schema)
            (path / "SchemaDiff.pb").write_bytes(found.SerializeToString())
        kind = standard_artifacts.ExampleStatistics
        return {
            "examples": data.examples,
            "statistics": store(kind, of_run),
            "schema": schema,
            "anomalies": anomalies,
            "champion_statistics": store(
                kind,
                champion or {},
                champion_version="17" if champion else "",
                left_out=left_out,
            ),
        }

    return make


@pytest.fixture
def model_inputs(artifact: Make, small: Callable[[str], Small]) -> Make:
    """Returns a function that makes the second Report's inputs: model and verdicts."""

    def make(
        name: str,
        model: Trained,
        evaluation: Any,
        history: dict[str, Any] = HISTORY,
        failures: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        run = artifact(standard_artifacts.ModelRun)
        Path(run.uri, "history.json").write_text(json.dumps(history))
        Path(run.uri, "summary.json").write_text(json.dumps(SUMMARY))
        save_answers(run.uri, model.probabilities)
        blessing = artifact(standard_artifacts.InfraBlessing)
        report = {"checks": ["one", "two"], "failures": failures}
        Path(blessing.uri, "report.json").write_text(json.dumps(report))
        return {
            "examples": small(name).examples,
            "model_run": run,
            "evaluation": evaluation,
            "infra_blessing": blessing,
        }

    return make


@pytest.fixture
def pushed_model(artifact: Make) -> Make:
    """Returns a function that makes the inputs of the third Report."""

    def make(version: int | None, already_served: bool = False) -> dict[str, Any]:
        properties: dict[str, Any] = {"pushed": int(version is not None)}
        if version is not None:
            properties["pushed_version"] = str(version)
            properties["already_served"] = int(already_served)
        return {"pushed_model": artifact(standard_artifacts.PushedModel, **properties)}

    return make
