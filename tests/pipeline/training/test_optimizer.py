"""TensorFlow's Adam kernel agrees with Keras' Adam; other cases are left to Keras."""

from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.training.optimizer import KernelAdam, kernel_adam

STEPS = 20
ROUNDING = 3e-5
"""Tolerance: the kernel has 1 - beta_2 in float32, for 0.999 wrong by 1.3e-5."""


def weights() -> list[keras.Variable]:
    rng = np.random.default_rng(5)
    return [
        keras.Variable(rng.standard_normal(shape, np.float32), name=name)
        for shape, name in (((30, 8), "kernel"), ((8,), "bias"))
    ]


def gradients(step: int) -> list[tf.Tensor]:
    """Returns usual gradients: large, tiny, and exactly 0 for an inactive unit."""
    rng = np.random.default_rng(step)
    scale = 10.0 ** rng.integers(-8, 2)
    kernel = rng.standard_normal((30, 8), np.float32) * np.float32(scale)
    kernel[:, 3] = 0
    bias = rng.standard_normal(8, np.float32)
    return [tf.constant(kernel), tf.constant(bias)]


def after_steps(optimizer: keras.optimizers.Optimizer) -> list[np.ndarray]:
    """Returns the weights and the optimizer's variables."""
    moved = weights()
    optimizer.build(moved)
    step = tf.function(lambda *grads: optimizer.apply(grads, moved), autograph=False)
    for number in range(STEPS):
        step(*gradients(number))
    return [np.array(variable) for variable in [*moved, *optimizer.variables]]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3},
        {"weight_decay": 0.01},
        {"clipnorm": 0.1},
        {"use_ema": True},
        {"gradient_accumulation_steps": 2},
        {"amsgrad": True},
        {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)},
    ],
    ids=lambda settings: " ".join(settings) or "defaults",
)
def test_the_kernel_moves_weights_and_moments_as_keras_does(
    settings: dict[str, float],
) -> None:
    ours = after_steps(KernelAdam(**settings))
    theirs = after_steps(keras.optimizers.Adam(**settings))

    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=ROUNDING, atol=3e-6)


@pytest.mark.parametrize(("amsgrad", "by_kernel"), [(False, True), (True, False)])
def test_adam_goes_through_the_kernel_and_amsgrad_through_keras(
    amsgrad: bool, by_kernel: bool
) -> None:
    with mock.patch.object(
        tf.raw_ops, "ResourceApplyAdam", wraps=tf.raw_ops.ResourceApplyAdam
    ) as kernel:
        after_steps(KernelAdam(amsgrad=amsgrad))
    assert bool(kernel.call_count) is by_kernel


def test_constraints_are_kept() -> None:
    weight = keras.Variable(np.ones(4, np.float32))
    weight.constraint = keras.constraints.NonNeg()
    optimizer = KernelAdam(1.5)
    optimizer.build([weight])

    tf.function(lambda: optimizer.apply([tf.ones(4)], [weight]), autograph=False)()

    np.testing.assert_array_equal(weight, 0)


def test_sparse_gradients_move_their_rows() -> None:
    def after(optimizer: keras.optimizers.Optimizer) -> np.ndarray:
        table = keras.Variable(np.ones((5, 2), np.float32), name="table")
        optimizer.build([table])

        @tf.function(autograph=False)
        def step() -> None:
            with tf.GradientTape() as tape:
                total = tf.reduce_sum(tf.gather(table.value, [1, 3]))
            optimizer.apply(tape.gradient(total, [table.value]), [table])

        step()
        return np.array(table)

    found = after(KernelAdam())

    np.testing.assert_array_equal(found, after(keras.optimizers.Adam()))
    assert (found[[0, 2, 4]] == 1).all()
    assert (found[[1, 3]] < 1).all()


def network(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(optimizer=optimizer, loss="mse")
    return model


def test_afterwards_a_network_has_its_own_adam_with_all_that_was_learned() -> None:
    own = keras.optimizers.Adam(0.1)
    model = network(own)
    with kernel_adam(model):
        inside = model.optimizer
        grads = [tf.ones((3, 2)), tf.ones(2)]
        inside.apply(grads, model.trainable_variables)
        inside.learning_rate = 0.01

    assert type(inside) is KernelAdam
    assert model.optimizer is own
    assert int(own.iterations) == 1
    assert float(own.learning_rate) == pytest.approx(0.01)
    for mine, other in zip(own.variables, inside.variables, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_another_optimiser_stays() -> None:
    model = network(keras.optimizers.AdamW())
    own = model.optimizer
    with kernel_adam(model):
        assert model.optimizer is own
