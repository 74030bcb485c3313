"""A small run: real digits, real statistics, a real Evaluator's output."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from components.image_example_gen.example import serialize
from google.protobuf import json_format
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
from contract.model_run import save_answers
from pipeline.config import Beam, Gates, Training
from pipeline.schema import schema_text
from tests.components.datasets import Dataset

SPLITS = ("train", "eval", "test")
FINGERPRINT = "5ca1ab1e" * 8
GATES = Gates(min_accuracy=0.9, min_digit_accuracy=0.8, max_champion_loss=0.005)

HISTORY = {
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

Rows = tuple[np.ndarray, np.ndarray]
Make = Callable[..., Any]


@pytest.fixture(scope="session")
def rows(all_digits: Dataset) -> dict[str, Rows]:
    """Images uint8 `[n, 28, 28]` and labels of each split: 600, 200, 360."""
    images, labels = all_digits.train_images, all_digits.train_labels
    return {
        "train": (images[:600], labels[:600]),
        "eval": (images[600:800], labels[600:800]),
        "test": (all_digits.test_images, all_digits.test_labels),
    }


@pytest.fixture(scope="session")
def describe(schema: schema_pb2.Schema) -> Callable[[Rows], Any]:
    """Statistics of rows, as StatisticsGen makes them."""

    def describe(of: Rows) -> Any:
        # A batch needs columns; of no examples there are none.
        records = serialize(*of) or serialize(
            np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8)
        )
        batch = ExamplesToRecordBatchDecoder().DecodeBatch(records)
        return stats_impl.generate_statistics_in_memory(
            batch.slice(0, len(of[1])), tfdv.StatsOptions(schema=schema)
        )

    return describe


@pytest.fixture(scope="session")
def statistics(rows: dict[str, Rows], describe: Callable[[Rows], Any]) -> Any:
    """Of the clean splits."""
    return {split: describe(of) for split, of in rows.items()}


@dataclass(frozen=True)
class Trained:
    """A model as the Trainer leaves it: softmax regression.

    Attributes:
        saved_model: Folder with the SavedModel.
        probabilities: Its answers to the test split.
    """

    saved_model: Path
    probabilities: np.ndarray


class _Regression(tf.Module):
    def __init__(self, weights: np.ndarray, bias: np.ndarray) -> None:
        super().__init__()
        self.weights = tf.Variable(weights)
        self.bias = tf.Variable(bias)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def from_examples(self, examples: Any) -> dict[str, Any]:
        spec = {"image": tf.io.FixedLenFeature([784], tf.int64)}
        pixels = tf.io.parse_example(examples, spec)["image"]
        logits = tf.cast(pixels, tf.float32) / 255.0 @ self.weights + self.bias
        return {"probabilities": tf.nn.softmax(logits)}


@pytest.fixture(scope="session")
def fitted(
    rows: dict[str, Rows], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], Trained]:
    """Fits a model to the first rows of the train split."""

    def fit(count: int) -> Trained:
        images, labels = rows["train"]
        pixels = images[:count].reshape(count, -1) / 255
        found = LogisticRegression(max_iter=300).fit(pixels, labels[:count])
        weights = found.coef_.T.astype(np.float32)
        module = _Regression(weights, found.intercept_.astype(np.float32))
        folder = tmp_path_factory.mktemp("model")
        tf.saved_model.save(
            module,
            str(folder / "Format-Serving"),
            signatures={"tf_examples": module.from_examples},
        )
        records = serialize(*rows["test"])
        answers = module.from_examples(tf.constant(records))["probabilities"]
        return Trained(folder, answers.numpy())

    return fit


@pytest.fixture(scope="session")
def good(fitted: Callable[[int], Trained]) -> Trained:
    return fitted(600)


@pytest.fixture(scope="session")
def weak(fitted: Callable[[int], Trained]) -> Trained:
    """One that has seen 60 digits."""
    return fitted(60)


@pytest.fixture(scope="session")
def example_files(
    rows: dict[str, Rows], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The splits as ImageExampleGen writes them, in two files each."""
    folder = tmp_path_factory.mktemp("examples")
    for split, of in rows.items():
        records = serialize(*of)
        (folder / f"Split-{split}").mkdir()
        for shard, part in enumerate((records[:150], records[150:])):
            path = folder / f"Split-{split}/data_tfrecord-{shard:05d}-of-00002.gz"
            with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
                for record in part:
                    writer.write(record)
    return folder


def examples_artifact(folder: Path) -> Any:
    data = standard_artifacts.Examples()
    data.uri = str(folder)
    data.split_names = json.dumps(list(SPLITS))
    examples_utils.set_payload_format(
        data, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )
    data.set_string_custom_property("file_format", "tfrecords_gzip")
    data.set_string_custom_property("fingerprint", FINGERPRINT)
    return data


@pytest.fixture(scope="session")
def evaluated(
    example_files: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Trained, Trained | None], Any]:
    """Runs the Evaluator's executor; returns its ModelEvaluation."""

    def evaluate(candidate: Trained, champion: Trained | None) -> Any:
        folder = tmp_path_factory.mktemp("evaluation")
        models = []
        for trained in (candidate, champion):
            model = standard_artifacts.Model()
            model.uri = str(trained.saved_model if trained else folder)
            model.set_string_custom_property(
                "champion_version", "17" if trained else ""
            )
            models.append(model)
        evaluation = standard_artifacts.ModelEvaluation()
        evaluation.uri = str(folder / "evaluation")
        blessing = standard_artifacts.ModelBlessing()
        blessing.uri = str(folder / "blessing")
        context = BaseBeamExecutor.Context(
            beam_pipeline_args=Beam().pipeline_args(), tmp_dir=str(folder / "tmp")
        )
        Evaluator(context).Do(
            {
                "examples": [examples_artifact(example_files)],
                "model": models[:1],
                "baseline_model": models[1:],
            },
            {"evaluation": [evaluation], "blessing": [blessing]},
            {
                "eval_config": json_format.MessageToJson(eval_config(GATES)),
                "example_splits": '["test"]',
                "fairness_indicator_thresholds": "null",
            },
        )
        return evaluation

    return evaluate


@pytest.fixture(scope="session")
def first_evaluation(evaluated: Callable[..., Any], good: Trained) -> Any:
    """A good model, and nothing that is served."""
    return evaluated(good, None)


@pytest.fixture(scope="session")
def worse_evaluation(
    evaluated: Callable[..., Any], good: Trained, weak: Trained
) -> Any:
    """A weak model against the good one."""
    return evaluated(weak, good)


@pytest.fixture
def data_inputs(
    artifact: Make, store: Make, example_files: Path, statistics: dict[str, Any]
) -> Make:
    """What the first Report is given.

    Called with other statistics than the clean ones, and with those of the
    champion's data.
    """

    def make(
        of_run: dict[str, Any] = statistics, champion: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        schema = artifact(standard_artifacts.Schema)
        Path(schema.uri, "schema.pbtxt").write_text(schema_text())
        kind = standard_artifacts.ExampleStatistics
        return {
            "examples": examples_artifact(example_files),
            "statistics": store(kind, of_run),
            "schema": schema,
            "anomalies": store(standard_artifacts.ExampleAnomalies, of_run),
            "champion_statistics": store(
                kind, champion or {}, champion_version="17" if champion else ""
            ),
        }

    return make


@pytest.fixture
def model_inputs(artifact: Make, example_files: Path) -> Make:
    """What the second Report is given: a model, its evaluation, its blessing."""

    def make(
        trained: Trained,
        evaluation: Any,
        history: dict[str, Any] = HISTORY,
        failures: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        run = artifact(standard_artifacts.ModelRun)
        Path(run.uri, "history.json").write_text(json.dumps(history))
        Path(run.uri, "summary.json").write_text(json.dumps(SUMMARY))
        save_answers(run.uri, trained.probabilities)
        blessing = artifact(standard_artifacts.InfraBlessing)
        report = {"checks": ["one", "two"], "failures": failures}
        Path(blessing.uri, "report.json").write_text(json.dumps(report))
        return {
            "examples": examples_artifact(example_files),
            "model_run": run,
            "evaluation": evaluation,
            "infra_blessing": blessing,
        }

    return make


@pytest.fixture
def pushed_model(artifact: Make) -> Make:
    """What the third Report is given."""

    def make(version: int | None, already_served: bool = False) -> dict[str, Any]:
        properties: dict[str, Any] = {"pushed": int(version is not None)}
        if version is not None:
            properties["pushed_version"] = str(version)
            properties["already_served"] = int(already_served)
        return {"pushed_model": artifact(standard_artifacts.PushedModel, **properties)}

    return make
