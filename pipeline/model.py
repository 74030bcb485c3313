"""The network: the notebook's, a small multilayer perceptron."""

from collections.abc import Sequence

import keras

from contract.features import SCALED_IMAGE
from contract.signatures import PROBABILITIES
from contract.task import Task


def build_model(
    task: Task, hidden_units: Sequence[int], learning_rate: float
) -> keras.Model:
    """Returns a compiled, built network: Flatten, Dense relu..., Dense softmax.

    Input: float32 `[batch, *task.shape]` in 0-1. Output: float32
    `[batch, classes]`, the probability of each class.

    Args:
        task: What an image and what the classes are.
        hidden_units: Width of each hidden layer; the notebook's is (128, 32).
        learning_rate: Adam's step size.
    """
    model = keras.Sequential(
        [
            keras.Input(task.shape, name=SCALED_IMAGE),
            keras.layers.Flatten(),
            *(keras.layers.Dense(units, activation="relu") for units in hidden_units),
            keras.layers.Dense(
                len(task.classes), activation="softmax", name=PROBABILITIES
            ),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
    )
    return model
