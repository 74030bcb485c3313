"""The task is read from the model's `describe`, or else derived from its shapes."""

import json

import numpy as np
import pytest

from contract.task import Task
from serving.client.results import ModelMetadata, Signature, TensorSpec
from serving.client.tasks import NoTaskError, derived_task, is_told, told_task
from tests.serving.tasks import LETTERS, TASKS

DESCRIBE = Signature(
    {"text": TensorSpec("string", (None,))}, {"task": TensorSpec("string", (None,))}
)


def metadata(**signatures: Signature) -> ModelMetadata:
    return ModelMetadata("name", 7, signatures)


def classifier(
    images: TensorSpec | None, probabilities: TensorSpec | None
) -> Signature:
    return Signature(
        {"images": images} if images else {"x": TensorSpec("float32", None)},
        {"probabilities": probabilities} if probabilities else {},
    )


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_what_describe_says_is_the_task(task: Task) -> None:
    texts = np.array([task.to_json().encode()], object)
    served = told_task(metadata(describe=DESCRIBE), texts)
    assert (served.task, served.version, served.told) == (task, 7, True)
    assert served.note == ""


@pytest.mark.parametrize(
    "texts",
    [
        None,
        np.array([], object),
        np.array([b"\xff"], object),
        np.array([b"{}"], object),
    ],
    ids=["no output", "no text", "no Unicode", "no task"],
)
def test_what_is_no_task_is_named(texts: np.ndarray | None) -> None:
    with pytest.raises(NoTaskError, match="signature `describe`: "):
        told_task(metadata(describe=DESCRIBE), texts)


def test_what_a_later_version_adds_to_a_task_is_passed_over() -> None:
    later = json.dumps({**LETTERS.as_dict(), "new": 1}).encode()
    assert told_task(metadata(), np.array([later], object)).task == LETTERS


def test_a_describe_of_somebody_else_is_not_asked() -> None:
    other = Signature({"x": TensorSpec("float32", (None,))}, DESCRIBE.outputs)
    assert is_told(metadata(describe=DESCRIBE))
    assert not is_told(metadata(describe=other))
    assert not is_told(metadata(serving_default=DESCRIBE))


@pytest.mark.parametrize(
    ("shape", "sides"),
    [((None, 28, 28), (28, 28, 1)), ((None, 12, 16, 3), (12, 16, 3))],
)
def test_without_describe_shapes_tell_size_and_number(
    shape: tuple[int | None, ...], sides: tuple[int, int, int]
) -> None:
    signature = classifier(
        TensorSpec("uint8", shape), TensorSpec("float32", (None, 10))
    )
    served = derived_task(metadata(serving_default=signature))
    task = served.task
    assert (task.height, task.width, task.channels) == sides
    assert task.classes == tuple("0123456789")
    assert (task.noun, task.background, served.told) == ("image", None, False)
    assert "name version 7 does not state its task" in served.note
    assert "push the model again" in served.note


@pytest.mark.parametrize(
    ("images", "probabilities", "message"),
    [
        (None, TensorSpec("float32", (None, 2)), r"input 'images'.*found: x float32"),
        (
            TensorSpec("float32", (None, 8, 8)),
            TensorSpec("float32", (None, 2)),
            r"of uint8 .*found: images float32 \[\?, 8, 8\]",
        ),
        (
            TensorSpec("uint8", (None, None, 8)),
            TensorSpec("float32", (None, 2)),
            r"found: images uint8 \[\?, \?, 8\]",
        ),
        (TensorSpec("uint8", None), None, "found: images uint8 any shape"),
        (TensorSpec("uint8", (None, 8, 8)), None, "'probabilities'.*found: none"),
        (
            TensorSpec("uint8", (None, 8, 8)),
            TensorSpec("float32", None),
            "found: probabilities float32 any shape",
        ),
        (
            TensorSpec("uint8", (None, 8, 8)),
            TensorSpec("float32", (None, 1)),
            "2 to 10,000 classes, found 1",
        ),
    ],
)
def test_what_cannot_be_asked_about_images_is_one_line(
    images: TensorSpec | None, probabilities: TensorSpec | None, message: str
) -> None:
    signature = classifier(images, probabilities)
    with pytest.raises(NoTaskError, match=message):
        derived_task(metadata(serving_default=signature))


def test_another_signature_lists_what_there_is() -> None:
    with pytest.raises(NoTaskError, match="signature 'x', found: describe"):
        derived_task(metadata(describe=DESCRIBE), "x")
