"""Chooses the steps per compiled call, and the TensorFlow executor that runs them."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import tensorflow as tf

_SECONDS = 0.5
"""Intended length of a compiled call. Python can handle Ctrl-C and SIGTERM only between
two calls."""

_GROWTH = 32
"""A call has at most this many times the steps of the call before. The steps grow in
stages because a first call may be slow."""

_ONE_AFTER_ANOTHER = "SINGLE_THREADED_EXECUTOR"

_SMALL_STEP_SECONDS = 2e-3
"""Steps that take fewer seconds run on the single-threaded executor.

Measured on two cores: ms per step of 32 rows, first on the single-threaded executor and
then on the usual one, by the number of threads (intra-op and inter-op):

    network                   1 and 1          2 and 2
    16 units                  0.095  0.108     0.16  0.20
    128, 32 (the notebook's)  0.27   0.29      0.55  0.67
    512, 256                  1.36   1.39      2.12  2.14
    2,048, 1,024              23.8   24.0      22.5  19.6
    CNN, 32 and 64 filters    12.2   11.8       7.8   7.3

So the single-threaded one is up to a quarter faster if operations take microseconds,
and slower if they take longer."""

_Run = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], Any]


class Pace:
    """Runs steps in calls of about `_SECONDS`, on the executor that is faster."""

    def __init__(
        self, batch_size: int, make_whole: Callable[[], Any], rest: _Run
    ) -> None:
        """Takes the compiled steps.

        Args:
            batch_size: Number of rows in a step.
            make_whole: Returns a `tf.function` with an input signature that takes the
                steps over whole batches.
            rest: Takes the step over less than a batch.
        """
        self._batch_size = batch_size
        self._make_whole = make_whole
        self._whole: _Run | None = None
        self._rest = rest
        self._steps = 1
        self._one_thread = not tf.config.list_physical_devices("GPU")
        # The first call on an executor prepares the graph: its time is not used.
        self._prepared = False

    def run(
        self, images: tf.Tensor, labels: tf.Tensor, order: np.ndarray
    ) -> Iterator[int]:
        """Trains on rows in the given order; yields the number of steps of each call.

        Args:
            images: `[rows, ...]`.
            labels: int64 `[rows]`.
            order: int32 `[n]`, indices of rows.
        """
        images, labels = tf.convert_to_tensor(images), tf.convert_to_tensor(labels)
        whole = len(order) // self._batch_size * self._batch_size
        if whole and self._whole is None:
            self._whole = self._traced()
        start, steps_of = 0, self._whole
        while start < whole:
            assert steps_of is not None
            stop = min(whole, start + self._steps * self._batch_size)
            began = time.perf_counter()
            with self._executor():
                # `int` waits for the steps: the result is that of their loop.
                int(steps_of(images, labels, tf.constant(order[start:stop])))
            steps = (stop - start) // self._batch_size
            self._learn((time.perf_counter() - began) / steps, steps)
            start = stop
            yield steps
        if whole < len(order):
            self._rest(images, labels, tf.constant(order[whole:]))
            yield 1

    def _learn(self, seconds_a_step: float, steps: int) -> None:
        """Adjusts the executor and the steps per call to the time of the last call."""
        if not self._prepared:
            self._prepared = True
            return
        if self._one_thread and seconds_a_step > _SMALL_STEP_SECONDS:
            self._one_thread = self._prepared = False
        most = max(1, int(_SECONDS / max(seconds_a_step, 1e-9)))
        self._steps = min(most, steps * _GROWTH)

    def _traced(self) -> _Run:
        """Returns the steps as a graph, for an executor that can run it.

        TensorFlow traces a loop differently for the single-threaded executor. This
        executor cannot run a function call inside the loop, such as `tf.cond`: it would
        wait for a thread that waits for it, for ever and without reacting to signals.
        """
        with self._executor():
            graph = self._make_whole().get_concrete_function()
        if self._one_thread and _calls_functions(graph.graph.as_graph_def()):
            self._one_thread = False
            graph = self._make_whole().get_concrete_function()
        return graph

    def _executor(self) -> AbstractContextManager[None]:
        if self._one_thread:
            return tf.experimental.function_executor_type(_ONE_AFTER_ANOTHER)
        return nullcontext()


def _calls_functions(graph: Any) -> bool:
    """Tells whether a function of the graph calls another function."""
    return any(
        attribute.HasField("func") or attribute.list.func
        for function in graph.library.function
        for node in function.node_def
        for attribute in node.attr.values()
    )
