"""The signatures of a SavedModel, for each of the three tasks."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from contract.features import IMAGE
from contract.rows_apart import marker
from contract.signatures import (
    CLASSIFY_SIGNATURE,
    DESCRIBE_SIGNATURE,
    EXAMPLES_SIGNATURE,
    IMAGES_SIGNATURE,
    NOVELTY_SIGNATURE,
)
from contract.task import Task
from pipeline.training.settings import Training
from tests.pipeline.conftest import Case
from tests.pipeline.training.test_export import INPUTS, ROWS, Ask, check, in_a_session


@dataclass(frozen=True)
class Served:
    """A model of one of three tasks, in a session, with rows to ask about.

    Attributes:
        task: The task.
        folder: Folder of the SavedModel.
        ask: Calls one of its signatures.
        records: Serialised examples.
        pixels: The same rows, uint8 `[rows, *task.shape]`.
        expected: Keras' own probabilities for them.
    """

    task: Task
    folder: Path
    ask: Ask
    records: np.ndarray
    pixels: np.ndarray
    expected: np.ndarray


@pytest.fixture(scope="module", params=["digits_case", "letters_case", "shapes_case"])
def served(request: pytest.FixtureRequest) -> Served:
    """The three tasks: grey squares, 26 classes of another shape, and colour."""
    case: Case = request.getfixturevalue(request.param)
    trained = case.train(Training(epochs=1, hidden_units=(16,)))
    files = sorted(map(str, (case.examples / "Split-test").iterdir()))
    dataset = tf.data.TFRecordDataset(files, compression_type="GZIP").take(ROWS)
    records = list(dataset.as_numpy_iterator())
    pixels = np.array(
        [
            tf.train.Example.FromString(record).features.feature[IMAGE].int64_list.value
            for record in records
        ],
        np.uint8,
    ).reshape(-1, *case.task.shape)
    model = keras.saving.load_model(trained.run / "model.keras")
    return Served(
        case.task,
        trained.model,
        in_a_session(trained.model),
        np.array(records, object),
        pixels,
        model.predict(pixels.astype(np.float32) / 255, verbose=0),
    )


def test_a_session_answers_images_of_any_task(served: Served) -> None:
    check(served.ask(IMAGES_SIGNATURE, served.pixels), served.expected)


def test_a_session_answers_examples_of_any_task(served: Served) -> None:
    check(served.ask(EXAMPLES_SIGNATURE, served.records), served.expected)


def test_classify_answers_with_the_names_of_the_classes(served: Served) -> None:
    answer = served.ask(CLASSIFY_SIGNATURE, served.records)
    np.testing.assert_allclose(answer["scores"], served.expected, rtol=0, atol=1e-6)
    names = [name.encode() for name in served.task.classes]
    assert answer["classes"].tolist() == [names] * len(served.records)


def test_describe_answers_with_the_task(served: Served) -> None:
    answer = served.ask(DESCRIBE_SIGNATURE, np.array([b"", b"x"], object))
    assert [Task.from_json(text) for text in answer["task"]] == [served.task] * 2


def test_no_signature_lets_rows_see_each_other(served: Served) -> None:
    assert marker.marked(str(served.folder)) == sorted(INPUTS)


def test_each_signature_is_called_by_the_method_that_its_api_asks_for(
    served: Served,
) -> None:
    """TensorFlow Serving's Classify accepts only a signature with its own method."""
    content = saved_model_pb2.SavedModel()
    content.ParseFromString((served.folder / "saved_model.pb").read_bytes())
    signatures = content.meta_graphs[0].signature_def
    assert {name: signatures[name].method_name for name in INPUTS} == {
        IMAGES_SIGNATURE: "tensorflow/serving/predict",
        EXAMPLES_SIGNATURE: "tensorflow/serving/predict",
        CLASSIFY_SIGNATURE: "tensorflow/serving/classify",
        DESCRIBE_SIGNATURE: "tensorflow/serving/predict",
        NOVELTY_SIGNATURE: "tensorflow/serving/predict",
    }
