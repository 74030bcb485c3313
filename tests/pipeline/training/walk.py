"""Trains one optimiser with the loop and with Keras' `fit`; started by the test.

It is a separate process because it may find a loop that never ends.
"""

import json
import sys
from typing import Any

from contract import environment

environment.prepare()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from pipeline.training.data import Samples  # noqa: E402
from pipeline.training.loop import Loop  # noqa: E402

ROWS, BATCH, EPOCHS = 70, 16, 2


def optimizer(name: str, options: dict[str, Any]) -> keras.optimizers.Optimizer:
    """Makes one of Keras' optimisers, or a combination of them."""
    if name == "LossScaleOptimizer":
        inner = keras.optimizers.Adam(0.01, **options)
        return keras.optimizers.LossScaleOptimizer(inner, dynamic_growth_steps=3)
    if name == "MultiOptimizer":
        chosen = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.01, **options))
        chosen[".*bias"] = keras.optimizers.Adam(0.01, **options)
        return keras.optimizers.MultiOptimizer(chosen)
    return getattr(keras.optimizers, name)(learning_rate=0.01, **options)


def network(name: str, options: dict[str, Any]) -> keras.Model:
    """Returns a small network with metrics that `fit` counts beside the loss."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((6, 6)),
            keras.layers.Flatten(),
            keras.layers.Dense(12, activation="relu", kernel_regularizer="l2"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=optimizer(name, options),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def main(cases: list[tuple[str, dict[str, Any]]]) -> None:
    """Prints for each case the largest differences of weights and of loss."""
    rng = np.random.default_rng(1)
    images = rng.random((ROWS, 6, 6), np.float32)
    labels = rng.integers(0, 4, ROWS)
    samples = Samples(tf.constant(images), tf.constant(labels))
    for name, options in cases:
        ours, theirs = network(name, options), network(name, options)
        # For ten steps a compilation takes longer than the steps.
        theirs.run_eagerly = True
        history = Loop(ours, BATCH).fit(samples, samples, epochs=EPOCHS, seed=9)
        orders = np.random.default_rng(9)
        order = np.concatenate([orders.permutation(ROWS) for _ in range(EPOCHS)])
        # One `fit` over both epochs, with the loop's batches: the last is smaller.
        starts = [e * ROWS + s for e in range(EPOCHS) for s in range(0, ROWS, BATCH)]
        stops = [min(s + BATCH, (s // ROWS + 1) * ROWS) for s in starts]

        def batches() -> Any:
            for start, stop in zip(starts, stops, strict=True):  # noqa: B023
                chosen = order[start:stop]  # noqa: B023
                yield images[chosen], labels[chosen]

        spec = (
            tf.TensorSpec([None, 6, 6], tf.float32),
            tf.TensorSpec([None], tf.int64),
        )
        rows = tf.data.Dataset.from_generator(batches, output_signature=spec)
        theirs.fit(
            rows, epochs=EPOCHS, steps_per_epoch=len(starts) // EPOCHS, verbose=0
        )
        apart = max(
            float(np.abs(a - b).max())
            for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True)
        )
        of_loss = abs(history[-1].loss - theirs.history.history["loss"][-1])
        print(json.dumps([name, options, apart, of_loss]), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
