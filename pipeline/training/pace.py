"""How many steps a compiled call takes, and by which of TensorFlow's executors."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import tensorflow as tf

_SECONDS = 0.5
"""A compiled call takes about as long: Python hears Ctrl-C and SIGTERM in between."""

_GROWTH = 32
"""Times as many steps as in the call before, at most: a first one may be slow."""

_ONE_AFTER_ANOTHER = "SINGLE_THREADED_EXECUTOR"

_SMALL_STEP_SECONDS = 2e-3
"""Steps that take less are taken by the executor that runs one operation after another.

Measured, two cores, ms a step of 32 rows on that one and on the usual one, by the
number of threads in an operation and between them:

    network                   1 and 1          2 and 2
    16 units                  0.095  0.108     0.16  0.20
    128, 32 (the notebook's)  0.27   0.29      0.55  0.67
    512, 256                  1.36   1.39      2.12  2.14
    2,048, 1,024              23.8   24.0      22.5  19.6
    CNN, 32 and 64 filters    12.2   11.8       7.8   7.3

So it is up to a quarter faster where operations take microseconds, and slower where
they take longer."""

_Run = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], Any]


class Pace:
    """Runs steps, so many a call that none lasts long, by the executor that suits."""

    def __init__(
        self, batch_size: int, make_whole: Callable[[], Any], rest: _Run
    ) -> None:
        """Takes the compiled steps.

        Args:
            batch_size: Rows a step.
            make_whole: Makes a `tf.function` with a signature: steps over whole
                batches.
            rest: The step over less than a batch.
        """
        self._batch_size = batch_size
        self._make_whole = make_whole
        self._whole: _Run | None = None
        self._rest = rest
        self._steps = 1
        self._one_thread = not tf.config.list_physical_devices("GPU")
        # The first call by an executor prepares the graph: its time says nothing.
        self._prepared = False

    def run(
        self, images: tf.Tensor, labels: tf.Tensor, order: np.ndarray
    ) -> Iterator[int]:
        """Learns from rows in an order; yields after each call how many steps it took.

        Args:
            images: `[rows, ...]`.
            labels: int64 `[rows]`.
            order: int32 `[n]`, which of these rows.
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
                # Waits for the steps: its result comes out of their loop.
                int(steps_of(images, labels, tf.constant(order[start:stop])))
            steps = (stop - start) // self._batch_size
            self._learn((time.perf_counter() - began) / steps, steps)
            start = stop
            yield steps
        if whole < len(order):
            self._rest(images, labels, tf.constant(order[whole:]))
            yield 1

    def _learn(self, seconds_a_step: float, steps: int) -> None:
        """Takes what a call showed into account."""
        if not self._prepared:
            self._prepared = True
            return
        if self._one_thread and seconds_a_step > _SMALL_STEP_SECONDS:
            self._one_thread = self._prepared = False
        most = max(1, int(_SECONDS / max(seconds_a_step, 1e-9)))
        self._steps = min(most, steps * _GROWTH)

    def _traced(self) -> _Run:
        """Returns the steps as a graph, for the executor that can run it.

        TensorFlow writes a loop in another way, while it is traced, for the one that
        runs one operation after another. That one cannot run what calls a function
        inside of the loop, such as `tf.cond`: it waits for a thread that waits for it,
        for ever and deaf to signals.
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
    """Tells whether anything inside of a graph's own functions calls a function."""
    return any(
        attribute.HasField("func") or attribute.list.func
        for function in graph.library.function
        for node in function.node_def
        for attribute in node.attr.values()
    )
