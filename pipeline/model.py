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

_LIGHT = 128
"""A background from which on images are light."""

_MOMENTUM = 0.9
"""Of the means of batches: after 50 steps they do not depend on where they began."""


def mlp(task: Task, settings: Training) -> keras.Model:
    """Returns the notebook's network: Flatten, Dense relu..., Dense softmax.

    Images that are not on black are standardised first.

    Args:
        task: What an image and what the classes are.
        settings: `hidden_units`, the notebook's being (128, 32), and `dropout`.
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
    """Returns a convolutional network: 3x3 filters and pooling, then as `mlp`.

    The larger the image, the more often it is halved. Images that are not on black are
    standardised first.

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
            *_standardised(task),
            *convolutions,
            keras.layers.Flatten(),
            *_dense(task, settings),
        ]
    )


def _standardised(task: Task) -> list[keras.Layer]:
    """Returns what brings light images to a mean of 0 and a deviation of 1.

    On black, as the notebook's, most pixels are 0 already. Of dark letters on white
    paper most are 1: each step then moves all units one way, and within an epoch they
    may answer all images alike, for good. Measured on 40 letters, 28x28, accuracy after
    12 epochs without it 0.01, with it 0.65.
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
