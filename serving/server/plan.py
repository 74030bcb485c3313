"""What is needed to run one set of outputs of one servable, made once."""

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

# Of time limits; TensorFlow holds them in 32 bits.
_SHORTEST_MS = 128.0
_LONGEST_EXPONENT = 30

# Shapes of rows whose time is remembered.
_MAX_SHAPES = 64


class Program(NamedTuple):
    """What runs a plan.

    Attributes:
        run: takes the inputs, returns the outputs.
        shapes: which shapes of the inputs may run.
        compile_timed: makes a `run` that ends after so many milliseconds; None where
            no run is longer than its inputs are large.
    """

    run: Callable[..., Arrays]
    shapes: ShapeRule
    compile_timed: Callable[[int], Callable[..., Arrays]] | None


class Plan:
    """One compiled set of outputs.

    Attributes:
        inputs: what is fed, in order.
        outputs: what is fetched, in order.
        group: whose threads run it: the model's name.
        parameters: the version's own BatchingParameters, None without.
        rows_apart: whether every output row is known to depend on its own input
            row alone, so that requests may share a run (see `marker`).
        shapes: which shapes of the inputs may run.
        row_seconds: by the shapes of its rows, what a row took lately, the recent
            runs weighing more; of plans whose rows are apart.
        pending: tasks that wait (the scheduler's).
        running: batches that run now (the scheduler's).
        watched: whether a timer looks after what waits (the scheduler's).
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
        """Whether a run may be long, and is broken off at its deadline."""
        return self._compile_timed is not None

    def run(self, arrays: Arrays, deadline: float | None = None) -> list[np.ndarray]:
        """Run once.

        Args:
            arrays: one per input, in the order of `inputs`.
            deadline: `time.monotonic()` soon after which a loop is broken off.

        Returns:
            One array per output.

        Raises:
            tf.errors.OpError: whatever the graph says.
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
        """Return the shapes of a row of each input."""
        return tuple([array.shape[1:] for array in arrays])

    def _ending(self, seconds: float) -> Callable[..., Arrays]:
        """Return the function that ends in so many seconds, or up to twice as many.

        TensorFlow has the time limit in what is compiled, so there are but a few.
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
        """Cut the outputs of a shared run into those of its requests.

        Args:
            outputs: of the whole batch.
            rows: of each request, in order, and last those that pad the batch.

        Raises:
            ServingError: INTERNAL; an output has not one row per input row.
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
    """Put the rows of several requests one after the other."""
    return [np.concatenate(parts) for parts in zip(*requests, strict=True)]
