"""Adam's update as one operation a weight, where Keras makes a dozen of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


class KernelAdam(keras.optimizers.Adam):
    """Keras' Adam, whose step is TensorFlow's own kernel.

    Keras writes Adam in a dozen passes over each weight and its two moments. TensorFlow
    has a kernel that does it in one, by the same formula (ApplyAdamNonCuda in
    tensorflow/core/kernels/training_ops.cc), on the very variables that Keras keeps.
    The numbers differ by rounding: it takes 1 - beta_2 in float32, where Keras takes it
    in Python's double. Clipping, decay, averages and the like are Keras', around it;
    what the kernel cannot do (amsgrad, sparse gradients, half precision) as well, and
    steps over accumulated gradients, which Keras takes inside of a `cond`.
    """

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: tf.Tensor
    ) -> None:
        """Moves one weight, as `keras.optimizers.Optimizer` has it."""
        by_keras = self.amsgrad or self.gradient_accumulation_steps
        if by_keras or not (
            isinstance(gradient, tf.Tensor) and variable.dtype == tf.float32
        ):
            super().update_step(gradient, variable, learning_rate)
            return
        place = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[place]),
            v=_handle(self._velocities[place]),
            grad=tf.cast(gradient, tf.float32),
            beta1_power=tf.pow(tf.constant(self.beta_1, tf.float32), step),
            beta2_power=tf.pow(tf.constant(self.beta_2, tf.float32), step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
        )


def _handle(variable: Any) -> tf.Tensor:
    """Returns the resource of a weight, as Keras or as TensorFlow keeps it."""
    held = variable.value if isinstance(variable, keras.Variable) else variable
    return held.handle


@contextmanager
def kernel_adam(model: keras.Model) -> Iterator[None]:
    """Lets a network's Adam take its steps by the kernel, for a while.

    Afterwards the network has its own optimiser again, with all that was learned; so
    what is saved is a plain Adam, which loads without this package. Any other optimiser
    stays.

    Args:
        model: Built, and compiled with an optimiser that has not been used.
    """
    own = model.optimizer
    if type(own) is not keras.optimizers.Adam:
        yield
        return
    model.optimizer = KernelAdam.from_config(own.get_config())
    model.optimizer.build(model.trainable_variables)
    try:
        yield
    finally:
        own.build(model.trainable_variables)
        for ours, theirs in zip(own.variables, model.optimizer.variables, strict=True):
            ours.assign(theirs)
        model.optimizer = own
