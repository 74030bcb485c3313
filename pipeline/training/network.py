"""The network of a run: found by its name, made, and seen to answer a task."""

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from contract.code import find_file, split_reference
from contract.errors import BadInputError
from contract.task import Task
from pipeline import model as offered
from pipeline.training.settings import OFFERED, Training

_TRIED_IMAGES = 4

_SUM_TOLERANCE = 1e-2
"""Of a row of probabilities; in half precision 0.003 is nothing unusual."""


def build(task: Task, training: Training) -> keras.Model:
    """Makes the network that the settings name, and tries it on four random images.

    Args:
        task: What an image and what the classes are.
        training: Names the network, and is handed to it.

    Raises:
        BadInputError: There is no such function, it fails, or what it returns does not
            answer the task with probabilities; one line.
    """
    if training.model in OFFERED:
        model = getattr(offered, training.model)(task, training)
    else:
        with _own_function(training.model) as function:
            model = _called(function, training.model, task, training)
    _check(model, training.model, task)
    return model


@contextmanager
def _own_function(reference: str) -> Iterator[Callable[..., Any]]:
    """Imports a person's function; what its file imports from its folder is found.

    Modules of that folder do not stay imported: their names, such as `layers`, may be
    those of another network's in the same process.
    """
    place, name = split_reference(reference)
    if not place.endswith(".py"):
        with told(reference):
            function = getattr(importlib.import_module(place), name)
        yield function
        return
    path = find_file(place)
    folder = os.path.dirname(path)
    before = set(sys.modules)
    sys.path.insert(0, folder)
    try:
        # Not by the file's own name, which may be that of a package.
        own_name = f"network_of_{os.path.splitext(os.path.basename(path))[0]}"
        spec = importlib.util.spec_from_file_location(own_name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        with told(reference):
            spec.loader.exec_module(module)
        yield getattr(module, name)
    finally:
        sys.path.remove(folder)
        for added in set(sys.modules) - before:
            file = getattr(sys.modules[added], "__file__", None) or ""
            if os.path.dirname(file).startswith(folder):
                del sys.modules[added]


def _called(
    function: Callable[..., Any], reference: str, task: Task, training: Training
) -> keras.Model:
    if not callable(function):
        raise BadInputError(
            f"training.model: {reference}: expected a function (task, settings), found "
            f"{type(function).__name__}"
        )
    policy = keras.config.dtype_policy()
    try:
        with told(reference):
            model = function(task, training)
    finally:
        # A function may ask for mixed precision, for its own layers.
        keras.config.set_dtype_policy(policy)
    if not isinstance(model, keras.Model):
        raise BadInputError(
            f"training.model: {reference}: expected it to return a keras.Model, found "
            f"{type(model).__name__}"
        )
    return model


@contextmanager
def told(reference: str) -> Iterator[None]:
    """Makes one line of whatever a person's own code raises."""
    try:
        yield
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())
        raise BadInputError(
            f"training.model: {reference}: {type(error).__name__}: {text} "
            f"({os.path.basename(last.filename)}, line {last.lineno})"
        ) from error


def _check(model: keras.Model, reference: str, task: Task) -> None:
    """Sees that a network takes a task's images and gives probabilities.

    Raises:
        BadInputError: It does not; one line that says what it does.
    """
    where = f"training.model: {reference}"
    images = np.random.default_rng(0).random((_TRIED_IMAGES, *task.shape), np.float32)
    with told(reference):
        answer = model(images, training=False)
    expected = (_TRIED_IMAGES, len(task.classes))
    shape = getattr(answer, "shape", None)
    if shape is None or tuple(shape) != expected:
        found = type(answer).__name__ if shape is None else [None, *shape[1:]]
        raise BadInputError(
            f"{where}: expected the output [None, {expected[1]}], a number for each "
            f"class, found {found}"
        )
    # A network whose number of rows is fixed would fail at an epoch's last ones.
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
