"""Adam's update as one operation a weight, where Keras makes a dozen of it."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

Gradients = Sequence[tf.Tensor | tf.IndexedSlices | None]

_OWN = ("name", "learning_rate", "beta_1", "beta_2", "epsilon")
"""Adam's settings that the kernel has too."""


def update_function(
    optimizer: keras.optimizers.Optimizer, weights: Sequence[keras.Variable]
) -> Callable[[Gradients], None]:
    """Returns what takes one step; to be called outside, that inside a `tf.function`.

    Keras writes Adam in a dozen passes over each weight and its two moments. TensorFlow
    has a kernel that does it in one, by the same formula (ApplyAdamNonCuda in
    tensorflow/core/kernels/training_ops.cc), on the very variables that Keras keeps;
    so what is saved afterwards is a plain Adam. The numbers differ by rounding: it
    takes 1 - beta_2 in float32, where Keras takes it in Python's double. What the
    kernel cannot do (other optimisers, clipping, decay, averages, constraints, sparse
    gradients, half precision) goes through Keras.

    Args:
        optimizer: Built for these weights.
        weights: What is to be moved; the function takes a gradient for each.
    """

    def by_keras(gradients: Gradients) -> None:
        optimizer.apply(gradients, weights)

    if not _is_plain_adam(optimizer, weights):
        return by_keras

    variables = {variable.path: variable.value for variable in optimizer.variables}
    slots = [f"{optimizer.name}/{weight.path.replace('/', '_')}" for weight in weights]
    momentums = [variables[f"{slot}_momentum"] for slot in slots]
    velocities = [variables[f"{slot}_velocity"] for slot in slots]

    def by_kernel(gradients: Gradients) -> None:
        if not all(isinstance(gradient, tf.Tensor) for gradient in gradients):
            by_keras(gradients)
            return
        step = tf.cast(optimizer.iterations.value + 1, tf.float32)
        settings = {
            "beta1_power": tf.pow(tf.constant(optimizer.beta_1, tf.float32), step),
            "beta2_power": tf.pow(tf.constant(optimizer.beta_2, tf.float32), step),
            "lr": tf.cast(optimizer.learning_rate, tf.float32),
            "beta1": optimizer.beta_1,
            "beta2": optimizer.beta_2,
            "epsilon": optimizer.epsilon,
        }
        for weight, momentum, velocity, gradient in zip(
            weights, momentums, velocities, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.value.handle,
                m=momentum.handle,
                v=velocity.handle,
                grad=gradient,
                **settings,
            )
        optimizer.iterations.assign_add(1)

    return by_kernel


def _is_plain_adam(
    optimizer: keras.optimizers.Optimizer, weights: Sequence[keras.Variable]
) -> bool:
    """Returns whether a step with dense gradients is nothing but Adam's formula."""
    if type(optimizer) is not keras.optimizers.Adam:
        return False
    settings = optimizer.get_config()
    plain = keras.optimizers.Adam().get_config()
    return all(
        settings[name] == plain[name] for name in settings if name not in _OWN
    ) and all(
        weight.dtype == "float32" and weight.constraint is None for weight in weights
    )
