"""RequestLogExampleGen converts a server's log to examples of the task."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from tfx.types import artifact_utils, standard_artifacts

from components.image_example_gen import digits
from components.request_log_example_gen.component import RequestLogExampleGen
from components.request_log_example_gen.executor import REQUESTS_FILE, Executor
from contract.errors import BadInputError
from contract.task import read_task
from serving.request_logs.forgetting import forget_in_output
from serving.request_logs.reading import find_files
from tests.components.datasets import Dataset
from tests.request_logs import NOW, Log, sure_of
from tests.tasks import LETTERS, write_task

CLASSES = digits.TASK.classes


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The folder of a model's versions; one of them can tell novel pictures."""
    folder = tmp_path / "models" / "digits"

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28], tf.uint8, "images")])
    def novelty(images: Any) -> dict[str, Any]:
        return {"novelty": tf.reduce_mean(tf.cast(images, tf.float32), [1, 2])}

    module = tf.Module()
    module.novelty = novelty
    path = str(folder / "7")
    tf.saved_model.save(module, path, signatures={"novelty": novelty})
    write_task(path, digits.TASK)
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log" / "digits", "digits")


@pytest.fixture
def generate(
    artifact: Callable[..., Any], models: Path, log: Log
) -> Callable[..., tuple[Any, Any]]:
    """Returns a function that runs the executor: artifact and `requests.json`."""

    def generate(**parameters: Any) -> tuple[Any, Any]:
        examples = artifact(standard_artifacts.Examples)
        given = {"log": str(log.prefix), "models": str(models), **parameters}
        Executor().Do(
            {}, {"examples": [examples]}, {**RequestLogExampleGen.DEFAULTS, **given}
        )
        path = Path(examples.uri, REQUESTS_FILE)
        return examples, json.loads(path.read_text())

    return generate


def rows(examples: Any, version: str = "7") -> list[dict[str, Any]]:
    """Returns the features of each example."""
    pattern = str(Path(examples.uri, f"Split-{version}", "*"))
    records = tf.data.TFRecordDataset(tf.io.gfile.glob(pattern), "GZIP")
    found = []
    for record in records.as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        kinds = {name: one.WhichOneof("kind") for name, one in features.items()}
        found.append(
            {name: [*getattr(features[name], of).value] for name, of in kinds.items()}
        )
    return found


def test_each_way_of_asking_comes_to_the_same_example(
    log: Log, generate: Callable[..., Any], dataset: Dataset
) -> None:
    images, answers = dataset.test_images[:1], sure_of(np.array([3]), 10)
    log.predict(images, answers)
    log.predict(images, answers, "tf_examples")
    log.classify(images, answers, CLASSES)
    examples, requests = generate()
    first, second, third = rows(examples)
    assert first["image"] == images.ravel().tolist()
    assert first["prediction"] == [3]
    assert np.allclose(first["probabilities"], answers)
    assert first["version"] == [7]
    assert first["timestamp_secs"] == [NOW]
    assert first["request_id"] == [b"request-0"]
    assert np.allclose(first["novelty"], images.mean())
    own = ("request_id", "timestamp_secs")
    for other in (second, third):
        assert {**first, **{key: other[key] for key in own}} == other
    assert requests["versions"]["7"] == {
        **{"logged": 3, "read": 3, "pictures": 3, "first": NOW, "last": NOW + 2}
    }
    assert read_task(examples.uri) == digits.TASK


def test_a_request_without_a_picture_stops_nothing(
    log: Log, generate: Callable[..., Any], dataset: Dataset
) -> None:
    answers = sure_of(dataset.test_labels[:1], 10)
    log.predict(dataset.test_images[:0], answers[:0])
    log.predict(dataset.test_images[:1], answers)
    examples, requests = generate()
    assert len(rows(examples)) == 1
    assert requests["without_answers"] == 1


def test_pictures_that_are_not_as_many_as_answers_are_bad_input(
    log: Log, generate: Callable[..., Any], dataset: Dataset
) -> None:
    log.predict(dataset.test_images[:2], sure_of(dataset.test_labels[:3], 10))
    with pytest.raises(BadInputError, match="request request-0: expected images"):
        generate()


def test_each_version_has_a_split(
    log: Log, generate: Callable[..., Any], dataset: Dataset
) -> None:
    answers = sure_of(dataset.test_labels[:2], 10)
    log.predict(dataset.test_images[:2], answers)
    log.version = 8
    log.predict(dataset.test_images[:1], answers[:1])
    log.version = None
    log.predict(dataset.test_images[:1], answers[:1])
    examples, _ = generate()
    splits = artifact_utils.decode_split_names(examples.split_names)
    assert splits == ["7", "8", "unknown"]
    assert [row["row"] for row in rows(examples)] == [[0], [1]]
    # The version does not exist any more, so its bound of novelty is unknown.
    assert "novelty" not in rows(examples, "8")[0]
    assert "version" not in rows(examples, "unknown")[0]


def test_one_version_and_a_period_can_be_asked_for(
    log: Log, generate: Callable[..., Any], dataset: Dataset
) -> None:
    for version in (7, 8, 7, 7):
        log.version = version
        log.predict(dataset.test_images[:1], sure_of(dataset.test_labels[:1], 10))
    examples, requests = generate(version="7", since=NOW + 1, until=NOW + 3)
    assert [row["timestamp_secs"] for row in rows(examples)] == [[NOW + 2]]
    assert requests["of_others"] == {"digits 8": 1}


def test_the_hours_end_where_a_collector_still_writes(
    models: Path, generate: Callable[..., Any], dataset: Dataset, tmp_path: Path
) -> None:
    # The requests start at 14:13:20, with one each second.
    log = Log(tmp_path / "spans" / "20260921T14" / "requests", "digits")
    for _ in range(2):
        log.predict(dataset.test_images[:1], sure_of(dataset.test_labels[:1], 10))
    (tmp_path / "spans" / ".20260921T15").mkdir()
    examples, _ = generate(log=str(tmp_path / "spans"), hours=1)
    assert len(rows(examples)) == 2


def test_what_has_no_picture_or_no_answer_is_passed_over_and_counted(
    log: Log, generate: Callable[..., Any], dataset: Dataset
) -> None:
    log.predict(dataset.test_images[:1], sure_of(dataset.test_labels[:1], 10))
    described = PredictionLog()
    described.predict_log.request.inputs["text"].dtype = 7
    log.append(described, "describe")
    _, requests = generate()
    assert requests["without_answers"] == 1
    assert requests["versions"]["7"]["read"] == 1


def test_a_torn_end_is_counted(
    log: Log, generate: Callable[..., Any], dataset: Dataset
) -> None:
    for _ in range(2):
        log.predict(dataset.test_images[:1], sure_of(dataset.test_labels[:1], 10))
    (path,) = find_files(str(log.prefix))
    Path(path).write_bytes(Path(path).read_bytes()[:-3])
    examples, requests = generate()
    assert len(rows(examples)) == 1
    assert requests["torn_files"] == 1
    assert requests["torn_bytes"] > dataset.test_images[0].size


def test_of_many_requests_the_same_ones_are_looked_at_each_time(
    log: Log, generate: Callable[..., Any], dataset: Dataset
) -> None:
    for label in np.tile(dataset.test_labels, 5):
        log.predict(dataset.test_images[:1], sure_of(label[None], 10))
    first, requests = generate(max_requests=30)
    second, _ = generate(max_requests=30)
    assert rows(first) == rows(second)
    assert requests["versions"]["7"]["logged"] == 100
    # The ids are the same in each run, and so is the choice.
    assert 20 < requests["versions"]["7"]["read"] < 40


def test_late_labels_count_also_for_what_is_not_looked_at(
    log: Log, generate: Callable[..., Any], dataset: Dataset, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    lines = ["request_id,label", "request-0,3", "request-1,4", "never-seen,4"]
    labels.write_text("\n".join(lines))
    for _ in range(40):
        log.predict(dataset.test_images[:1], sure_of(np.array([4]), 10))
    _, requests = generate(labels=str(labels), max_requests=10)
    truth = requests["versions"]["7"]
    assert truth["read"] < 40
    assert [truth["rows"][label] for label in (3, 4)] == [1, 1]
    assert [truth["right"][label] for label in (3, 4)] == [0, 1]
    assert requests["labels"] == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,label\n", "with request_id and label, separated by a comma, found id, l"),
        ("request_id;label\nr;1\n", "separated by a comma, found request_id;label"),
        ("request_id,label\n", "expected labels, found none"),
        ("request_id,label\nr,11\n", "line 2: expected a class of digits, found '11'"),
        ("request_id,label\nr,1,5\n", "line 2: expected 2 values as in .*, found 3"),
        ("request_id,label,row\nr,1,x\n", "line 2: .* as row, found 'x'"),
        pytest.param(
            f"request_id,label\nr,{'9' * 5000}\n", "line 2: expected a class", id="long"
        ),
        (
            "request_id,label\nr,1\ns,1\nr,2\n",
            "line 4: expected one label for row 0 of request r, found two: 1 and 2",
        ),
        ("label,request_id\n1\n", "line 2: expected a request_id, found none"),
    ],
)
def test_labels_that_cannot_be_used(
    generate: Callable[..., Any], tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(BadInputError, match=message):
        generate(labels=str(tmp_path / "labels.csv"))


def test_an_empty_log_is_bad_input(generate: Callable[..., Any]) -> None:
    with pytest.raises(BadInputError, match="requests to digits, found none: is it"):
        generate()


def test_another_models_log_is_bad_input(
    log: Log, generate: Callable[..., Any], dataset: Dataset
) -> None:
    log.model = "letters"
    log.predict(dataset.test_images[:1], sure_of(dataset.test_labels[:1], 10))
    with pytest.raises(BadInputError, match=r"to digits, found 1 of letters 7$"):
        generate()


def test_another_tasks_log_is_bad_input(
    log: Log, generate: Callable[..., Any], dataset: Dataset
) -> None:
    log.predict(np.zeros((1, *LETTERS.shape), np.uint8), sure_of(np.array([3]), 26))
    with pytest.raises(
        BadInputError, match=r"images of 28x28 grey and 10 classes.*560 values and 26"
    ):
        generate()


def test_what_is_forgotten_is_in_no_example(
    log: Log, generate: Callable[..., Any], dataset: Dataset, tmp_path: Path
) -> None:
    for _ in range(3):
        log.predict(dataset.test_images[:1], sure_of(dataset.test_labels[:1], 10))
    examples, _ = generate()
    node = tmp_path / "output" / "RequestLogExampleGen" / "examples" / "1"
    node.parent.mkdir(parents=True)
    Path(examples.uri).rename(node)
    examples.uri = str(node)
    # A part of an id is not an id.
    assert forget_in_output(str(tmp_path / "output"), "request") == 0
    assert forget_in_output(str(tmp_path / "output"), "request-1") == 1
    left = [row["request_id"] for row in rows(examples)]
    assert left == [[b"request-0"], [b"request-2"]]


def test_nobody_else_reads_the_examples(
    generate: Callable[..., tuple[Any, Any]], log: Log
) -> None:
    log.predict(np.zeros((1, 28, 28), np.uint8), sure_of(np.array([1]), 10))
    examples, _ = generate()
    made = [*Path(examples.uri).rglob("*")]
    assert any(path.suffix == ".gz" for path in made)
    assert [path for path in made if path.stat().st_mode & 0o077] == []
