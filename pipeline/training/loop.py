"""Keras' `fit` over rows in memory, one compiled call an epoch.

Same algorithm as `model.fit(x, y, epochs, batch_size, validation_data)`: every
epoch a new random order of all rows, steps of `batch_size` with a smaller last
one, the optimiser's update after each, the mean of loss and accuracy over the
epoch's samples, then both on the validation rows. `fit` crosses from Python to
TensorFlow at each step, which for a network this small is most of the time;
here the loop over the steps is inside the graph.

Rows that do not fit in memory are read from disk a part of the epoch at a time: the
same steps on the same numbers in the same order, so the same weights, bit by bit.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from pipeline.training.data import Samples
from pipeline.training.optimizer import update_function

_VALIDATION_ROWS = 4096
_PART_ROWS = 4096
"""About as many rows are read from disk at once: 13 MB."""
_ONE_AFTER_ANOTHER = "SINGLE_THREADED_EXECUTOR"

_Block = tuple[tf.Tensor, tf.Tensor]
_Totals = tuple[tf.Tensor, tf.Tensor]


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to.

    Attributes:
        epoch: Counts from 1.
        loss: Mean cross-entropy over the training samples as they were seen.
        accuracy: Share of them answered rightly as they were seen.
        val_loss: Mean cross-entropy on the validation rows after the epoch.
        val_accuracy: Share of them answered rightly after the epoch.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


def fit(
    model: keras.Model,
    train: Samples,
    validation: Samples,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
) -> Iterator[Epoch]:
    """Trains the model in place; yields after each epoch.

    Args:
        model: Compiled and built, softmax output.
        train: Rows to fit on.
        validation: Rows to measure on.
        epochs: Passes over the training rows.
        batch_size: Rows a step.
        seed: Of the order of rows; the weights have theirs already.

    Raises:
        FloatingPointError: The loss is no longer a number.
    """
    rows = len(train)
    train_step, evaluate = _compiled(model)
    run_epoch = _epoch_function(train_step, batch_size)
    part_rows = max(1, _PART_ROWS // batch_size) * batch_size
    orders = np.random.default_rng(seed)
    for epoch in range(1, epochs + 1):
        order = orders.permutation(rows).astype(np.int32)
        loss, correct = run_epoch(train.parts(order, part_rows))
        val_loss, val_accuracy = _mean(evaluate, validation.blocks(_VALIDATION_ROWS))
        result = Epoch(
            epoch,
            float(loss) / rows,
            int(correct) / rows,
            val_loss,
            val_accuracy,
        )
        if not np.isfinite(result.loss):
            raise FloatingPointError(
                f"epoch {epoch}: the loss is {result.loss}; a smaller learning rate "
                "may help"
            )
        yield result


def measure(model: keras.Model, samples: Samples) -> tuple[float, float]:
    """Returns (mean cross-entropy, accuracy) of the model."""
    _, evaluate = _compiled(model)
    return _mean(evaluate, samples.blocks(_VALIDATION_ROWS))


_Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def _compiled(model: keras.Model) -> tuple[_Step, _Step]:
    """Returns a training step and its counterpart that only measures.

    Both take (images, labels) and return (sum of losses, number correct).
    """
    weights = model.trainable_variables
    model.optimizer.build(weights)
    update = update_function(model.optimizer, weights)
    loss_fn = model.loss

    def totals(
        loss: tf.Tensor, probabilities: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        answers = tf.argmax(probabilities, axis=1)
        correct = tf.math.count_nonzero(tf.equal(answers, labels))
        return loss * tf.cast(tf.size(labels), loss.dtype), correct

    def train_step(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            probabilities = model(images, training=True)
            loss = loss_fn(labels, probabilities)
        update(tape.gradient(loss, weights))
        return totals(loss, probabilities, labels)

    @tf.function(reduce_retracing=True, autograph=False)
    def evaluate(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        probabilities = model(images, training=False)
        return totals(loss_fn(labels, probabilities), probabilities, labels)

    return train_step, evaluate


_RunEpoch = Callable[[Iterator[tuple[tf.Tensor, tf.Tensor, np.ndarray]]], _Totals]


def _epoch_function(train_step: _Step, batch_size: int) -> _RunEpoch:
    """Returns the pass over all rows, part by part; see `Samples.parts`.

    All parts but the last have to be whole batches.
    """

    # Without AutoGraph, which takes seconds to look through Keras for nothing;
    # hence the loop in TensorFlow's own terms. Rows are gathered in here: their
    # copy in the new order is never made.
    @tf.function(reduce_retracing=True, autograph=False)
    def run_part(
        images: tf.Tensor,
        labels: tf.Tensor,
        order: tf.Tensor,
        loss: tf.Tensor,
        correct: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        def body(
            index: tf.Tensor, loss: tf.Tensor, correct: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            chosen = order[index : index + batch_size]
            step_loss, step_correct = train_step(
                tf.gather(images, chosen), tf.gather(labels, chosen)
            )
            return index + batch_size, loss + step_loss, correct + step_correct

        _, loss, correct = tf.while_loop(
            lambda index, *_: index < tf.size(order),
            body,
            (tf.constant(0), loss, correct),
            parallel_iterations=1,
        )
        return loss, correct

    def run_epoch(
        parts: Iterator[tuple[tf.Tensor, tf.Tensor, np.ndarray]],
    ) -> _Totals:
        # Handed from part to part, so that it adds up in one order whether or not
        # there are several.
        loss, correct = tf.constant(0.0), tf.constant(0, tf.int64)
        for images, labels, order in parts:
            # A step's hundred operations take microseconds each: to pass each to a
            # pool of threads costs some 5 % of the whole.
            with tf.experimental.function_executor_type(_ONE_AFTER_ANOTHER):
                loss, correct = run_part(
                    tf.convert_to_tensor(images),
                    tf.convert_to_tensor(labels),
                    tf.constant(order, tf.int32),
                    loss,
                    correct,
                )
        return loss, correct

    return run_epoch


def _mean(evaluate: _Step, blocks: Iterable[_Block]) -> tuple[float, float]:
    loss, correct, rows = 0.0, 0, 0
    for images, labels in blocks:
        block_loss, block_correct = evaluate(images, labels)
        loss += float(block_loss)
        correct += int(block_correct)
        rows += len(labels)
    return loss / rows, correct / rows
