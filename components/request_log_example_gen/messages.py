"""Extracts pictures and probabilities from a logged request and its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tensorflow.core.example.example_pb2 import Example

from contract.errors import BadInputError
from contract.features import IMAGE
from contract.signatures import (
    CLASSIFY_SIGNATURE,
    EXAMPLES_SIGNATURE,
    IMAGES_SIGNATURE,
    PROBABILITIES,
)
from contract.task import Task
from serving.client import tensors
from serving.request_logs.reading import Logged


@dataclass(frozen=True)
class Answered:
    """The pictures of one request, and their answers.

    Attributes:
        images: uint8 or int64 `[rows, task.size]`. Values from a tf.Example are int64,
            and are not checked to be 0 to 255.
        probabilities: float32 `[rows, classes]`.
    """

    images: np.ndarray
    probabilities: np.ndarray


def answered(logged: Logged, task: Task) -> Answered | None:
    """Reads a logged request; None if it has no probabilities of pictures.

    It reads Predict with the signatures `serving_default` and `tf_examples`, and
    Classify. Other signatures do not have the task's pictures and answers, and a
    Predict that asked only for other outputs has no probabilities.

    Args:
        logged: See `reading.read`.
        task: Task of the model that answered.

    Raises:
        BadInputError: Pictures or answers are not of this task.
    """
    kind = logged.log.WhichOneof("log_type")
    if kind == "predict_log":
        found = _of_predict(logged.log.predict_log, logged.signature)
    elif kind == "classify_log" and logged.signature in ("", CLASSIFY_SIGNATURE):
        found = _of_classify(logged.log.classify_log, task)
    else:
        found = None
    if found is None:
        return None
    rows, images, probabilities = found
    expected = (rows, task.size), (rows, len(task.classes))
    if not rows or (images.shape, probabilities.shape) != expected:
        raise BadInputError(
            f"log: request {logged.request_id}: expected images of {task.size_text} "
            f"and {len(task.classes)} classes, as version {logged.version} of "
            f"{logged.model} has them, found {images.shape[-1]} values and "
            f"{probabilities.shape[-1]} probabilities: is it another task's log?"
        )
    return Answered(images, probabilities)


Found = tuple[int, np.ndarray, np.ndarray]
"""Rows, images `[rows, values]`, probabilities `[rows, classes]`."""


def _of_predict(log: Any, signature: str) -> Found | None:
    outputs = log.response.outputs
    # Checked first: reading a missing key of a protobuf map would add it.
    if PROBABILITIES not in outputs or len(log.request.inputs) != 1:
        return None
    probabilities = tensors.decode(outputs[PROBABILITIES])
    [given] = (tensors.decode(tensor) for tensor in log.request.inputs.values())
    rows = len(probabilities)
    # A server also answers a tensor without rows.
    if not rows:
        return None
    if signature in ("", IMAGES_SIGNATURE):
        return rows, _flat(given, rows), probabilities
    if signature == EXAMPLES_SIGNATURE:
        examples = [Example.FromString(example) for example in given]
        return rows, _images(examples), probabilities
    return None


def _of_classify(log: Any, task: Task) -> Found:
    given = log.request.input
    examples = given.example_list.examples or given.example_list_with_context.examples
    places = {name: label for label, name in enumerate(task.classes)}
    answers = log.response.result.classifications
    probabilities = np.zeros((len(answers), len(task.classes)), np.float32)
    for row, answer in enumerate(answers):
        for one in answer.classes:
            if one.label not in places:
                raise BadInputError(
                    f"log: expected answers of {task.name}, found class {one.label!r}: "
                    "is it another task's log?"
                )
            probabilities[row, places[one.label]] = one.score
    return len(answers), _images(examples), probabilities


def _flat(given: np.ndarray, rows: int) -> np.ndarray:
    # There must be as many images as answers; else they are not images of the task.
    of_rows = given.shape[:1] == (rows,)
    return given.reshape(rows, -1) if of_rows else np.zeros((0, 0), np.uint8)


def _images(examples: Sequence[Example]) -> np.ndarray:
    values = [one.features.feature[IMAGE].int64_list.value for one in examples]
    sizes = {len(of_one) for of_one in values}
    # Images of different sizes are not images of one task.
    return np.array(values, np.int64) if len(sizes) == 1 else np.zeros((0, 0), np.int64)
