"""Updates each weight with one Adam operation, where Keras runs a dozen."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


class KernelAdam(keras.optimizers.Adam):
    """Keras' Adam with TensorFlow's own kernel for the update.

    Keras computes Adam in a dozen passes over each weight and its two moments.
    TensorFlow has a kernel that needs one pass for the same formula (ApplyAdamNonCuda
    in tensorflow/core/kernels/training_ops.cc), on the same variables. The results
    differ by rounding: the kernel computes 1 - beta_2 in float32, Keras in Python's
    double.

    Clipping, decay, averages and the like stay Keras' work. So do the updates that the
    kernel cannot do (amsgrad, sparse gradients, half precision) and those over
    accumulated gradients, which Keras computes inside a `cond`.
    """

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        """Updates all weights; overrides `keras.optimizers.Optimizer.apply`."""
        # These are the same for all weights. To compute them for each of the six takes
        # 3 % of a step of the notebook's network.
        self._scalars: dict[str, tf.Tensor] = {}
        return super().apply(grads, trainable_variables)

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: tf.Tensor
    ) -> None:
        """Updates one weight; overrides the method of `keras.optimizers.Optimizer`."""
        by_keras = self.amsgrad or self.gradient_accumulation_steps
        if by_keras or not (
            isinstance(gradient, tf.Tensor) and variable.dtype == tf.float32
        ):
            super().update_step(gradient, variable, learning_rate)
            return
        place = self._get_variable_index(variable)
        if not self._scalars:
            step = tf.cast(self.iterations.value + 1, tf.float32)
            self._scalars = {
                "beta1_power": tf.pow(tf.constant(self.beta_1, tf.float32), step),
                "beta2_power": tf.pow(tf.constant(self.beta_2, tf.float32), step),
                "lr": tf.cast(learning_rate, tf.float32),
            }
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[place]),
            v=_handle(self._velocities[place]),
            grad=tf.cast(gradient, tf.float32),
            **self._scalars,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
        )


def _handle(variable: Any) -> tf.Tensor:
    """Returns the resource handle of a Keras or TensorFlow variable."""
    held = variable.value if isinstance(variable, keras.Variable) else variable
    return held.handle


@contextmanager
def kernel_adam(model: keras.Model) -> Iterator[None]:
    """Replaces a network's Adam by `KernelAdam` within the block.

    Afterwards the network has its own optimiser again, with the state of the other. So
    a plain Adam is saved, which loads without this package. Other optimisers are not
    replaced.

    Args:
        model: A built network, compiled with an optimiser that has not been used.
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
