"""Builds the network of a run by its name, and checks that it fits the task."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from contract.errors import BadInputError
from contract.own_code import imported, told
from contract.task import Task
from pipeline import model as offered
from pipeline.training.settings import OFFERED, Training

SETTING = "training.model"

_TRIED_IMAGES = 4

_SUM_TOLERANCE = 1e-2
"""Most that a row of probabilities may differ from 1 in sum; 0.003 is usual in half
precision."""


def build(task: Task, training: Training) -> keras.Model:
    """Builds the network that the settings name, and tries it on four random images.

    Raises:
        BadInputError: There is no such function, it fails, or the network that it
            returns does not give the probabilities of the task's classes; one line.
    """
    if training.model in OFFERED:
        model = getattr(offered, training.model)(task, training)
    else:
        with imported(SETTING, training.model) as function:
            model = _called(function, training.model, task, training)
    _check(model, training.model, task)
    return model


def _called(
    function: Callable[..., Any], reference: str, task: Task, training: Training
) -> keras.Model:
    if not callable(function):
        raise BadInputError(
            f"{SETTING}: {reference}: expected a function (task, settings), found "
            f"{type(function).__name__}"
        )
    policy = keras.config.dtype_policy()
    try:
        with told(SETTING, reference):
            model = function(task, training)
    finally:
        # The function may have set mixed precision; this is for its own layers only.
        keras.config.set_dtype_policy(policy)
    if not isinstance(model, keras.Model):
        raise BadInputError(
            f"{SETTING}: {reference}: expected it to return a keras.Model, found "
            f"{type(model).__name__}"
        )
    return model


def _check(model: keras.Model, reference: str, task: Task) -> None:
    """Checks that a network takes a task's images and returns probabilities.

    Raises:
        BadInputError: It does not; one line that says what was found.
    """
    where = f"{SETTING}: {reference}"
    images = np.random.default_rng(0).random((_TRIED_IMAGES, *task.shape), np.float32)
    with told(SETTING, reference):
        answer = model(images, training=False)
    expected = (_TRIED_IMAGES, len(task.classes))
    shape = getattr(answer, "shape", None)
    if shape is None or tuple(shape) != expected:
        found = type(answer).__name__ if shape is None else [None, *shape[1:]]
        raise BadInputError(
            f"{where}: expected the output [None, {expected[1]}], a number for each "
            f"class, found {found}"
        )
    # A network with a fixed batch size would fail at the last, smaller batch.
    wanted = (None, *task.shape)
    of_input = getattr(model, "input_shape", wanted)
    if of_input != wanted:
        raise BadInputError(
            f"{where}: expected the input {list(wanted)}, found {of_input}"
        )
    rows = keras.ops.convert_to_numpy(answer).astype(np.float64)
    sums = rows.sum(axis=1)
    if not np.isfinite(rows).all() or rows.min() < 0:
        worst = "what is no number" if not np.isfinite(rows).all() else rows.min()
        _refuse_logits(where, f"{worst:.3g}" if isinstance(worst, float) else worst)
    if np.abs(sums - 1).max() > _SUM_TOLERANCE:
        _refuse_logits(where, f"rows that sum to {sums.min():.3g} to {sums.max():.3g}")


def _refuse_logits(where: str, found: str) -> None:
    raise BadInputError(
        f"{where}: expected probabilities, 0 or more and 1 in sum, found {found}: end "
        'the network with keras.layers.Softmax(dtype="float32"), and compile it, if at '
        "all, with from_logits=False"
    )
