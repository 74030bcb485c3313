"""Compiles a network with the optimiser, loss and metric of the settings."""

import keras
import numpy as np

from contract.errors import BadInputError
from contract.own_code import told
from contract.task import Task
from pipeline.training.network import SETTING
from pipeline.training.settings import Training

_OF_COMPILE = (
    "optimizer",
    "optimizer_options",
    "learning_rate",
    "weight_decay",
    "label_smoothing",
)
"""Settings that have no effect on a network that is already compiled."""

ACCURACY = "accuracy"


def check_compiled(model: keras.Model, training: Training) -> None:
    """Checks that a network which its function compiled can be trained as it is.

    Raises:
        BadInputError: Settings contradict it, or the loop cannot train it; one line.
    """
    where = f"training.model: {training.model}"
    default = Training()
    said = [n for n in _OF_COMPILE if getattr(training, n) != getattr(default, n)]
    if training.schedule.kind not in ("constant", "plateau"):
        said.append("schedule")
    if said:
        raise BadInputError(
            f"training.{said[0]}: expected no such setting, as {training.model} "
            "returns a compiled network: leave out the setting, or the call of compile"
        )
    if model.run_eagerly:
        raise BadInputError(
            f"{where}: run_eagerly: expected False: the loop is compiled as a whole"
        )
    if model.optimizer is None or model.loss is None:
        raise BadInputError(
            f"{where}: expected an optimizer and a loss in its call of compile, or no "
            "call of it"
        )


def compile_model(model: keras.Model, training: Training, steps: int) -> None:
    """Compiles a network as the settings say.

    Args:
        model: A network that is not compiled.
        training: Gives the optimiser, the schedule and the loss.
        steps: Number of steps in an epoch; the schedules count in epochs.

    Raises:
        BadInputError: Keras refuses the optimiser's options; one line.
    """
    options = dict(training.optimizer_options)
    if training.weight_decay is not None:
        options["weight_decay"] = training.weight_decay
    loss: keras.losses.Loss = keras.losses.SparseCategoricalCrossentropy()
    if training.label_smoothing:
        loss = keras.losses.CategoricalCrossentropy(
            label_smoothing=training.label_smoothing
        )
    try:
        optimizer = getattr(keras.optimizers, training.optimizer)(
            learning_rate=_learning_rate(training, steps), **options
        )
    except (TypeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise BadInputError(
            f"training.optimizer_options: {training.optimizer}: {text}"
        ) from error
    model.compile(optimizer=optimizer, loss=loss, metrics=[ACCURACY])


def _learning_rate(
    training: Training, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    schedules, rate = keras.optimizers.schedules, training.learning_rate
    schedule = training.schedule
    if schedule.kind == "cosine":
        warmup = round(schedule.warmup_epochs * steps)
        return schedules.CosineDecay(
            0.0 if warmup else rate,
            decay_steps=training.epochs * steps - warmup,
            alpha=schedule.final,
            warmup_target=rate if warmup else None,
            warmup_steps=warmup,
        )
    if schedule.kind == "exponential":
        return schedules.ExponentialDecay(rate, steps, schedule.factor)
    if schedule.kind == "piecewise":
        # Keras includes the boundary in the interval before it; steps count from 0.
        return schedules.PiecewiseConstantDecay(
            [epoch * steps - 1 for epoch in schedule.epochs],
            [rate, *(rate * factor for factor in schedule.factors)],
        )
    return rate


def check_optimizer(model: keras.Model, training: Training) -> None:
    """Refuses settings that the optimiser does not support.

    Raises:
        BadInputError: The `plateau` schedule needs an optimiser with one learning rate;
            or early stopping would keep weights other than the averaged ones (use_ema).
    """
    if training.schedule.kind == "plateau" and not hasattr(
        model.optimizer, "learning_rate"
    ):
        raise BadInputError(
            "training.schedule: plateau: expected an optimiser with one learning rate, "
            f"found {type(model.optimizer).__name__}"
        )
    config = repr(model.optimizer.get_config())
    if training.early_stopping and "'use_ema': True" in config:
        raise BadInputError(
            "training.early_stopping: expected none with use_ema: what is watched are "
            "the weights, and what is kept is their average"
        )


def takes_one_hot(model: keras.Model) -> bool:
    """Tells whether the loss takes labels as one-hot rows.

    Keras' own losses do, except those with "sparse" in their names. The user's own
    function or class gets the number of the label.
    """
    loss = model.loss
    while isinstance(loss, list | tuple | dict):
        loss = next(iter(loss.values() if isinstance(loss, dict) else loss))
    found = keras.losses.get(loss)
    kind = found if hasattr(found, "__name__") else type(found)
    of_keras = str(kind.__module__).startswith("keras.")
    return of_keras and "sparse" not in kind.__name__.lower()


def try_measuring(model: keras.Model, training: Training, task: Task) -> None:
    """Computes loss and metrics for two black images, which makes Keras build them.

    Raises:
        BadInputError: They cannot be computed, or the accuracy is not among them.
    """
    labels = np.array([0, 1])
    targets = np.eye(len(task.classes), dtype=np.float32)[labels]
    with told(SETTING, training.model):
        images = keras.ops.zeros((2, *task.shape))
        model.test_step((images, targets if takes_one_hot(model) else labels))
        found = model.get_metrics_result()
    model.reset_metrics()
    if ACCURACY not in found:
        raise BadInputError(
            f'training.model: {training.model}: expected metrics=["{ACCURACY}"] in its '
            f"call of compile, found {', '.join(found)}"
        )


def check_class_weights(training: Training, task: Task) -> None:
    """Checks that each name with a weight is the name of a class.

    Raises:
        BadInputError: A name is not.
    """
    if isinstance(training.class_weights, dict):
        unknown = sorted(set(training.class_weights) - set(task.classes))
        if unknown:
            raise BadInputError(
                f"training.class_weights: {unknown[0]}: expected names of classes: "
                f"{', '.join(task.classes[:12])}{', ...' * (len(task.classes) > 12)}"
            )


def class_weights(
    training: Training, task: Task, labels: np.ndarray
) -> np.ndarray | None:
    """Returns the weight of an image of each class; None if all have the same.

    "balanced" is rows / (classes * rows of the class), as in scikit-learn.

    Returns:
        float32 `[classes]`.
    """
    wanted = training.class_weights
    if isinstance(wanted, dict):
        return np.array([wanted.get(name, 1.0) for name in task.classes], np.float32)
    if wanted == "none":
        return None
    counts = np.bincount(labels, minlength=len(task.classes))
    # A class without rows has no rows to weigh: 1 only avoids a division by zero.
    return np.asarray(
        len(labels) / (len(task.classes) * np.maximum(counts, 1)), np.float32
    )
