"""The built-in networks. The task gives shapes and classes, the settings the layers.

A function here, or the user's own (`training.model`), gets both and returns a
`keras.Model`. The model maps float32 `[batch, *task.shape]` in 0-1 to float32
`[batch, classes]`, the probability of each class. It is compiled afterwards with the
optimiser and the loss of the settings, unless the function compiles it itself. See
`docs/training.md`.
"""

import math

import keras

from contract.features import SCALED_IMAGE
from contract.signatures import PROBABILITIES
from contract.task import Task
from pipeline.training.settings import Training

_LAST_SIDE = 8
"""`cnn` pools until no side has more pixels than this (28 becomes 7), then flattens."""

_MOST_FILTERS = 128

_LIGHT = 128
"""An image with this background value or more counts as light."""

_MOMENTUM = 0.9
"""Momentum of the batch means: after 50 steps their start has no influence."""


def mlp(task: Task, settings: Training) -> keras.Model:
    """Returns the notebook's network: Flatten, Dense relu..., Dense softmax.

    Images whose background is not dark are standardised first.

    Args:
        task: Gives the shape of an image and the classes.
        settings: `hidden_units` (the notebook has (128, 32)) and `dropout` are used.
    """
    return keras.Sequential(
        [
            keras.Input(task.shape, name=SCALED_IMAGE),
            keras.layers.Flatten(),
            *_standardised(task),
            *_dense(task, settings),
        ]
    )


def cnn(task: Task, settings: Training) -> keras.Model:
    """Returns a convolutional network: 3x3 filters and pooling, then as in `mlp`.

    The larger the image, the more often it is halved. Images whose background is not
    dark are standardised first.

    Args:
        task: Gives the shape of an image and the classes.
        settings: `hidden_units` of the layers after the convolutions, and `dropout`,
            are used.
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
            *_standardised(task),
            *convolutions,
            keras.layers.Flatten(),
            *_dense(task, settings),
        ]
    )


def _standardised(task: Task) -> list[keras.Layer]:
    """Returns the layer that brings light images to mean 0 and standard deviation 1.

    With a black background, as in the notebook, most pixels are 0 already and no layer
    is returned. With dark letters on white paper most pixels are 1: each step then
    moves all units in the same direction, and within an epoch the network may give all
    images the same answer and never recover. Measured on 40 letters, 28x28:
    the accuracy after 12 epochs is 0.01 without the layer and 0.65 with it.
    """
    if task.background is not None and task.background < _LIGHT:
        return []
    return [
        keras.layers.BatchNormalization(
            momentum=_MOMENTUM, center=False, scale=False, name="standardised"
        )
    ]


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
