"""Runs plans: a plan is one set of outputs of one servable, compiled once."""

import collections
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from serving.server.errors import Code, ServingError
from serving.server.shapes import ShapeRule
from serving.server.tensors import TensorSpec

Arrays = Sequence[np.ndarray]
RowShapes = tuple[tuple[int, ...], ...]

# Range of time limits: 128 ms to 2^30 ms. TensorFlow stores them in 32 bits.
_SHORTEST_MS = 128.0
_LONGEST_EXPONENT = 30

# Largest number of row shapes whose run time is remembered.
_MAX_SHAPES = 64


class Program(NamedTuple):
    """The compiled functions of a plan.

    Attributes:
        run: takes the inputs, returns the outputs.
        shapes: decides which shapes of the inputs may run.
        compile_timed: returns a `run` that ends after the given milliseconds; None if
            the size of the inputs bounds the run time.
    """

    run: Callable[..., Arrays]
    shapes: ShapeRule
    compile_timed: Callable[[int], Callable[..., Arrays]] | None


class Plan:
    """One compiled set of outputs.

    Attributes:
        inputs: the fed tensors, in order.
        outputs: the fetched tensors, in order.
        group: the model's name; its threads run the plan.
        parameters: the version's own BatchingParameters, or None.
        rows_apart: whether every output row is known to depend only on its own
            input row, so that requests may share a run (see `marker`).
        shapes: decides which shapes of the inputs may run.
        row_seconds: seconds per row, by the shapes of the rows: an average in which
            recent runs weigh more. It is measured only with `rows_apart`.
        pending: tasks that wait (used by the scheduler).
        running: number of started batches (used by the scheduler).
        watched: whether a timer checks the waiting tasks (used by the scheduler).
        lock: guards `pending` and `running`.
    """

    def __init__(
        self,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        program: Program,
        *,
        group: str = "",
        rows_apart: bool = False,
        parameters: Any = None,
    ):
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.group = group
        self.parameters = parameters
        self.shapes = program.shapes
        self.rows_apart = rows_apart and bool(self.inputs)
        self._function = program.run
        self._compile_timed = program.compile_timed
        self._timed: dict[int, Callable[..., Arrays]] = {}
        self.row_seconds: dict[RowShapes, float] = {}
        self.pending: collections.deque[Any] = collections.deque()
        self.running = 0
        self.watched = False
        self.lock = threading.Lock()

    @property
    def breaks_off(self) -> bool:
        """Whether a run may be long, and is therefore stopped at its deadline."""
        return self._compile_timed is not None

    def run(self, arrays: Arrays, deadline: float | None = None) -> list[np.ndarray]:
        """Runs the plan once.

        Args:
            arrays: one per input, in the order of `inputs`.
            deadline: `time.monotonic()` soon after which a loop is stopped.

        Returns:
            One array per output.

        Raises:
            tf.errors.OpError: the graph fails.
        """
        function = self._function
        if deadline is not None and self._compile_timed is not None:
            function = self._ending(deadline - time.monotonic())
        start = time.perf_counter()
        outputs = list(function(*arrays))
        elapsed = time.perf_counter() - start
        if self.rows_apart and all(array.ndim and len(array) for array in arrays):
            self._learn(arrays, elapsed)
        return outputs

    def _learn(self, arrays: Arrays, elapsed: float) -> None:
        shapes, seconds = self.row_shapes(arrays), elapsed / len(arrays[0])
        if len(self.row_seconds) >= _MAX_SHAPES and shapes not in self.row_seconds:
            self.row_seconds = {}
        self.row_seconds[shapes] = (self.row_seconds.get(shapes, seconds) + seconds) / 2

    @staticmethod
    def row_shapes(arrays: Arrays) -> RowShapes:
        """Returns the shapes of a row of each input."""
        return tuple([array.shape[1:] for array in arrays])

    def _ending(self, seconds: float) -> Callable[..., Arrays]:
        """Returns a function that ends after `seconds`, or up to twice as many.

        TensorFlow compiles the time limit into the function. So the limits are powers
        of two in milliseconds: only a few functions are compiled.
        """
        assert self._compile_timed is not None
        exponent = math.ceil(math.log2(max(seconds * 1000, _SHORTEST_MS)))
        milliseconds = 2 ** min(exponent, _LONGEST_EXPONENT)
        with self.lock:
            function = self._timed.get(milliseconds)
        if function is None:
            function = self._compile_timed(milliseconds)
            with self.lock:
                self._timed[milliseconds] = function
        return function

    def split(self, outputs: Arrays, rows: Sequence[int]) -> list[list[np.ndarray]]:
        """Splits the outputs of a shared run into those of its requests.

        Args:
            outputs: the outputs of the whole batch.
            rows: the rows of each request, in order, and last those of the padding.

        Raises:
            ServingError: INTERNAL; an output does not have one row per input row.
        """
        total = sum(rows)
        for spec, array in zip(self.outputs, outputs, strict=True):
            if array.ndim == 0 or array.shape[0] != total:
                raise ServingError(
                    Code.INTERNAL,
                    f"Batched output {spec.alias} has shape {array.shape}; expected "
                    f"{total} rows",
                )
        parts, start = [], 0
        for count in rows:
            parts.append([array[start : start + count] for array in outputs])
            start += count
        return parts


def merge(requests: Sequence[Arrays]) -> list[np.ndarray]:
    """Concatenates the rows of several requests."""
    return [np.concatenate(parts) for parts in zip(*requests, strict=True)]
