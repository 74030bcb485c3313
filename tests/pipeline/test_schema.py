"""The schema of a task: the user's settings, kept in git, and the task's facts."""

from pathlib import Path
from typing import Any

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.image_example_gen import digits
from components.task_schema_gen.schema import complete, parse_judgement
from contract.errors import BadInputError
from contract.features import IMAGE, LABEL
from contract.task import Task
from pipeline.schema import judgement
from tests import tasks

TASKS = pytest.mark.parametrize(
    "task", [digits.TASK, tasks.LETTERS, tasks.SHAPES], ids=lambda task: task.name
)


def features(task: Task) -> dict[str, Any]:
    """Returns the features of the schema for a task, by name."""
    schema = complete(parse_judgement(judgement(), "schema.pbtxt"), task)
    return {feature.name: feature for feature in schema.feature}


@TASKS
def test_an_example_has_an_image_and_a_label_and_nothing_else(task: Task) -> None:
    assert set(features(task)) == {IMAGE, LABEL}


@TASKS
def test_sizes_and_ranges_are_those_of_the_task(task: Task) -> None:
    expected = {
        IMAGE: (list(task.shape), 255),
        LABEL: ([1], len(task.classes) - 1),
    }
    for name, feature in features(task).items():
        sizes, largest = expected[name]
        assert feature.type == schema_pb2.INT
        assert [dim.size for dim in feature.shape.dim] == sizes
        assert (feature.int_domain.min, feature.int_domain.max) == (0, largest)


@TASKS
def test_no_example_may_lack_a_feature(task: Task) -> None:
    for feature in features(task).values():
        presence = feature.presence
        assert (presence.min_fraction, presence.min_count) == (1.0, 1)


@TASKS
def test_labels_are_counted_by_class(task: Task) -> None:
    """Only categorical integers have the histogram that the comparators need."""
    assert features(task)[LABEL].int_domain.is_categorical
    assert not features(task)[IMAGE].int_domain.is_categorical


def test_how_far_a_data_set_may_move_is_bounded() -> None:
    image, label = (features(digits.TASK)[name] for name in (IMAGE, LABEL))
    assert 0 < label.skew_comparator.infinity_norm.threshold < 1
    assert 0 < label.drift_comparator.infinity_norm.threshold < 1
    assert 0 < image.drift_comparator.jensen_shannon_divergence.threshold < 1


def test_the_judgement_says_nothing_that_the_task_says() -> None:
    schema = parse_judgement(judgement(), "schema.pbtxt")
    for feature in schema.feature:
        for said in ("shape", "int_domain", "type"):
            assert not feature.HasField(said)


def test_a_judgement_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "own.pbtxt"
    text = 'feature { name: "image" } feature { name: "label" }'
    path.write_text(text)
    assert judgement(str(path)) == text


def test_a_file_that_is_no_schema_is_refused_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "network.py"
    path.write_text("import keras\n")
    with pytest.raises(BadInputError, match=r"network.py: expected a schema in text"):
        judgement(str(path))


def test_a_judgement_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "gone.pbtxt")
    with pytest.raises(BadInputError) as caught:
        judgement(path)
    assert (
        str(caught.value)
        == f"data.schema: {path}: cannot be read: No such file or directory"
    )
