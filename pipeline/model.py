"""The networks on offer; what they are asked is the task, how they look a setting.

A function here, or one of your own (`training.model`), gets both and returns a
`keras.Model`: float32 `[batch, *task.shape]` in 0-1 to float32 `[batch, classes]`, the
probability of each class. It is compiled afterwards with the optimiser and the loss
of the settings; a function may also compile it itself. See `docs/training.md`.
"""

import math

import keras

from contract.features import SCALED_IMAGE
from contract.signatures import PROBABILITIES
from contract.task import Task
from pipeline.training.settings import Training

_LAST_SIDE = 8
"""Halved by pooling until its sides have at most so many pixels, an image is flattened:
MNIST's to 7x7."""

_MOST_FILTERS = 128


def mlp(task: Task, settings: Training) -> keras.Model:
    """Returns the notebook's network: Flatten, Dense relu..., Dense softmax.

    Args:
        task: What an image and what the classes are.
        settings: `hidden_units`, the notebook's being (128, 32), and `dropout`.
    """
    return keras.Sequential(
        [
            keras.Input(task.shape, name=SCALED_IMAGE),
            keras.layers.Flatten(),
            *_dense(task, settings),
        ]
    )


def cnn(task: Task, settings: Training) -> keras.Model:
    """Returns a convolutional network: 3x3 filters and pooling, then as `mlp`.

    The larger the image, the more often it is halved.

    Args:
        task: What an image and what the classes are.
        settings: `hidden_units` of the layers behind the convolutions, and `dropout`.
    """
    halvings = max(2, math.ceil(math.log2(max(task.shape[:2]) / _LAST_SIDE)))
    convolutions = []
    for depth in range(halvings):
        filters = min(32 << depth, _MOST_FILTERS)
        convolutions += [
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(padding="same"),
        ]
    return keras.Sequential(
        [
            keras.Input(task.shape, name=SCALED_IMAGE),
            keras.layers.Reshape((task.height, task.width, task.channels)),
            *convolutions,
            keras.layers.Flatten(),
            *_dense(task, settings),
        ]
    )


def _dense(task: Task, settings: Training) -> list[keras.Layer]:
    layers: list[keras.Layer] = []
    for units in settings.hidden_units:
        layers.append(keras.layers.Dense(units, activation="relu"))
        if settings.dropout:
            layers.append(keras.layers.Dropout(settings.dropout))
    answer = keras.layers.Dense(
        len(task.classes), activation="softmax", name=PROBABILITIES
    )
    return [*layers, answer]
