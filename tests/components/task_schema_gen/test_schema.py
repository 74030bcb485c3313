"""The schema: the user's settings, completed by the task's facts."""

from dataclasses import replace

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.image_example_gen import digits, mnist
from components.task_schema_gen.schema import complete, parse_judgement
from contract.errors import BadInputError
from contract.task import Task
from pipeline.schema import judgement

SHAPES = Task("shapes", 12, 16, 3, ("disc", "square", "triangle", "cross"))
LETTERS = Task("letters", 28, 20, 1, tuple("abcdefghijklmnopqrstuvwxyz"), "letter")

JUDGED = """
feature { name: "image" presence { min_fraction: 0.5 } }
feature { name: "label" drift_comparator { infinity_norm { threshold: 0.2 } } }
"""


@pytest.mark.parametrize("task", [digits.TASK, mnist.TASK, LETTERS, SHAPES])
def test_size_range_and_domain_are_those_of_the_task(task: Task) -> None:
    schema = complete(parse_judgement(judgement(), "schema.pbtxt"), task)
    image, label = schema.feature
    assert tuple(dim.size for dim in image.shape.dim) == task.shape
    assert (image.int_domain.min, image.int_domain.max) == (0, 255)
    assert [dim.size for dim in label.shape.dim] == [1]
    assert (label.int_domain.min, label.int_domain.max) == (0, len(task.classes) - 1)
    assert label.int_domain.is_categorical
    assert not image.int_domain.is_categorical
    assert {feature.type for feature in schema.feature} == {schema_pb2.INT}


def test_what_a_person_judged_stays_as_it_is() -> None:
    image, label = complete(parse_judgement(JUDGED, "mine.pbtxt"), SHAPES).feature
    assert image.presence.min_fraction == 0.5
    assert label.drift_comparator.infinity_norm.threshold == 0.2


def test_the_judgement_itself_is_left_as_it_is() -> None:
    judged = parse_judgement(JUDGED, "mine.pbtxt")
    before = text_format.MessageToString(judged)
    complete(judged, SHAPES)
    assert text_format.MessageToString(judged) == before


def test_the_same_task_has_the_same_schema_whatever_it_is_called() -> None:
    judged = parse_judgement(JUDGED, "mine.pbtxt")
    other = replace(SHAPES, name="others", noun="sign")
    assert complete(judged, SHAPES) == complete(judged, other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("feature {", "mine: expected a schema in text format, found: "),
        ("", "mine: expected the features image and label, found none"),
        (
            'feature { name: "image" } feature { name: "writer" }',
            "mine: expected the features image and label, found image, writer",
        ),
        (
            JUDGED + 'feature { name: "writer" }',
            "mine: expected the features image and label, found image, label, writer",
        ),
        (
            JUDGED + 'feature { name: "image" }',
            "mine: expected each feature once, found image more than once",
        ),
        (
            JUDGED.replace("presence", "int_domain { max: 1 } presence"),
            "mine: image: int_domain: expected nothing, as the task says it: take it "
            "out",
        ),
        (
            JUDGED.replace("presence", "type: BYTES presence"),
            "mine: image: type: expected nothing, as the task says it: take it out",
        ),
    ],
)
def test_a_judgement_that_cannot_be_used_is_one_line(text: str, expected: str) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_judgement(text, "mine")
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_nobody_expects_a_label_of_what_a_server_is_asked() -> None:
    schema = complete(parse_judgement(JUDGED, "schema.pbtxt"), digits.TASK)
    image, label = schema.feature
    assert list(schema.default_environment) == ["TRAINING", "SERVING"]
    assert list(label.not_in_environment) == ["SERVING"]
    assert not image.not_in_environment


def test_environments_of_ones_own_are_left_alone() -> None:
    own = JUDGED.replace('name: "label"', 'name: "label" in_environment: "LABELLED"')
    own = f'default_environment: "LABELLED" {own}'
    _, label = complete(parse_judgement(own, "schema.pbtxt"), digits.TASK).feature
    assert not label.not_in_environment
