"""The network: the notebook's, a small multilayer perceptron."""

from collections.abc import Sequence

import keras

from contract.features import IMAGE_HEIGHT, IMAGE_WIDTH, NUM_CLASSES, SCALED_IMAGE


def build_model(hidden_units: Sequence[int], learning_rate: float) -> keras.Model:
    """Returns a compiled, built network: Flatten, Dense relu..., Dense softmax.

    Input: float32 `[batch, 28, 28]` in 0-1. Output: float32 `[batch, 10]`, the
    probability of each digit.

    Args:
        hidden_units: Width of each hidden layer; the notebook's is (128, 32).
        learning_rate: Adam's step size.
    """
    model = keras.Sequential(
        [
            keras.Input((IMAGE_HEIGHT, IMAGE_WIDTH), name=SCALED_IMAGE),
            keras.layers.Flatten(),
            *(keras.layers.Dense(units, activation="relu") for units in hidden_units),
            keras.layers.Dense(NUM_CLASSES, activation="softmax", name="probabilities"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
    )
    return model
