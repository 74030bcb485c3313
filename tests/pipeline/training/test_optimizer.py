"""Adam by TensorFlow's kernel is Keras' Adam; anything else is left to Keras."""

from collections.abc import Callable, Sequence
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.training.optimizer import update_function

STEPS = 20
ROUNDING = 3e-5
"""The kernel takes 1 - beta_2 in float32, which for 0.999 is 1.3e-5 too much."""


def weights() -> list[keras.Variable]:
    rng = np.random.default_rng(5)
    return [
        keras.Variable(rng.standard_normal(shape, np.float32), name=name)
        for shape, name in (((30, 8), "kernel"), ((8,), "bias"))
    ]


def gradients(step: int) -> list[tf.Tensor]:
    """Such as come up: large, tiny, and exactly 0 for a unit that is off."""
    rng = np.random.default_rng(step)
    scale = 10.0 ** rng.integers(-8, 2)
    kernel = rng.standard_normal((30, 8), np.float32) * np.float32(scale)
    kernel[:, 3] = 0
    bias = rng.standard_normal(8, np.float32)
    return [tf.constant(kernel), tf.constant(bias)]


def after_steps(
    optimizer: keras.optimizers.Optimizer,
    update_of: Callable[
        [keras.optimizers.Optimizer, Sequence[keras.Variable]], Callable[..., None]
    ],
) -> list[np.ndarray]:
    """Returns the weights and all that the optimizer keeps."""
    moved = weights()
    optimizer.build(moved)
    update = tf.function(update_of(optimizer, moved), autograph=False)
    for step in range(STEPS):
        update(gradients(step))
    return [np.array(variable) for variable in [*moved, *optimizer.variables]]


def by_keras(
    optimizer: keras.optimizers.Optimizer, moved: Sequence[keras.Variable]
) -> Callable[..., None]:
    return lambda grads: optimizer.apply(grads, moved)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3},
        {"name": "other"},
    ],
    ids=["defaults", "all settings", "a name"],
)
def test_the_kernel_moves_weights_and_moments_as_keras_does(
    settings: dict[str, float],
) -> None:
    ours = after_steps(keras.optimizers.Adam(**settings), update_function)
    theirs = after_steps(keras.optimizers.Adam(**settings), by_keras)

    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=ROUNDING, atol=1e-9)
    assert STEPS in [int(value) for value in ours if value.shape == ()]


def test_a_schedule_of_learning_rates_is_followed() -> None:
    def optimizer() -> keras.optimizers.Adam:
        return keras.optimizers.Adam(
            keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
        )

    ours = after_steps(optimizer(), update_function)

    for mine, other in zip(ours, after_steps(optimizer(), by_keras), strict=True):
        np.testing.assert_allclose(mine, other, rtol=ROUNDING, atol=3e-6)


def test_adam_goes_through_the_kernel() -> None:
    with mock.patch.object(
        tf.raw_ops, "ResourceApplyAdam", wraps=tf.raw_ops.ResourceApplyAdam
    ) as kernel:
        after_steps(keras.optimizers.Adam(), update_function)
    assert kernel.call_count == len(weights())


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.SGD,
        keras.optimizers.AdamW,
        lambda: keras.optimizers.Adam(amsgrad=True),
        lambda: keras.optimizers.Adam(clipnorm=0.1),
        lambda: keras.optimizers.Adam(weight_decay=0.01),
        lambda: keras.optimizers.Adam(use_ema=True),
        lambda: keras.optimizers.Adam(gradient_accumulation_steps=2),
    ],
    ids=["SGD", "AdamW", "amsgrad", "clipnorm", "decay", "ema", "accumulation"],
)
def test_what_the_kernel_cannot_do_is_done_by_keras(
    optimizer: Callable[[], keras.optimizers.Optimizer],
) -> None:
    with mock.patch.object(tf.raw_ops, "ResourceApplyAdam") as kernel:
        ours = after_steps(optimizer(), update_function)
    kernel.assert_not_called()

    for mine, other in zip(ours, after_steps(optimizer(), by_keras), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_constraints_are_kept() -> None:
    weight = keras.Variable(np.ones(4, np.float32))
    weight.constraint = keras.constraints.NonNeg()
    optimizer = keras.optimizers.Adam(1.5)
    optimizer.build([weight])

    tf.function(update_function(optimizer, [weight]))([tf.ones(4)])

    np.testing.assert_array_equal(weight, 0)


def test_sparse_gradients_move_their_rows() -> None:
    def after(update_of: Callable[..., Callable[..., None]]) -> np.ndarray:
        table = keras.Variable(np.ones((5, 2), np.float32), name="table")
        optimizer = keras.optimizers.Adam()
        optimizer.build([table])
        update = update_of(optimizer, [table])

        @tf.function(autograph=False)
        def step() -> None:
            with tf.GradientTape() as tape:
                total = tf.reduce_sum(tf.gather(table.value, [1, 3]))
            update(tape.gradient(total, [table.value]))

        step()
        return np.array(table)

    found = after(update_function)

    np.testing.assert_array_equal(found, after(by_keras))
    assert (found[[0, 2, 4]] == 1).all()
    assert (found[[1, 3]] < 1).all()
