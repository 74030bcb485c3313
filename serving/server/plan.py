"""What is needed to run one set of outputs of one servable, made once.

A plan also knows whether requests may share a run of it. Batching is invisible
only where every output row depends on its own input row alone, which no
SavedModel states. So three things must hold: the shapes allow it, the graph
writes no state and draws no random numbers, and a trial, made up of rows run
together and then each alone, gave the same rows.
"""

from __future__ import annotations

import collections
import enum
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from serving.server.errors import Code, ServingError
from serving.server.tensors import TensorSpec

Arrays = Sequence[np.ndarray]

# Rounding may differ with the batch size: other kernels, other orders of sums.
_RELATIVE_TOLERANCE = 1e-3
_ABSOLUTE_TOLERANCE = 1e-4
_TRIAL_ROWS = 3

# Stateful for TensorFlow, but a read: these leave nothing behind.
_READS = frozenset(
    {
        "Assert",
        "Case",
        "HashTable",
        "HashTableV2",
        "If",
        "LookupTableFind",
        "LookupTableFindV2",
        "LookupTableSize",
        "LookupTableSizeV2",
        "PartitionedCall",
        "Placeholder",
        "ReadVariableOp",
        "ResourceGather",
        "ResourceGatherNd",
        "StatefulPartitionedCall",
        "VarHandleOp",
        "VarIsInitializedOp",
        "Variable",
        "VariableV2",
        "While",
    }
)


class Sharing(enum.Enum):
    """Whether requests may share a run."""

    NEVER = "never"
    UNPROVEN = "unproven"
    PROVEN = "proven"


class Plan:
    """One compiled set of outputs.

    Attributes:
        inputs: what is fed, in order.
        outputs: what is fetched, in order.
        sharing: whether requests may share a run.
        seconds: what a run took lately, the recent ones weighing more.
        pending: tasks that wait (the scheduler's).
        running: batches that run now (the scheduler's).
        next_trial: when `time.monotonic()` allows the next trial (the scheduler's).
        lock: guards `pending` and `running`.
    """

    def __init__(
        self,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        function: Callable[..., Arrays],
        *,
        stateless: bool,
        parameters: Any = None,
    ):
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self._function = function
        self.seconds = float("inf")
        self.parameters = parameters
        self.sharing = Sharing.NEVER
        if (
            stateless
            and self.inputs
            and all(spec.batched for spec in self.inputs)
            and all(spec.batched or spec.shape is None for spec in self.outputs)
        ):
            self.sharing = Sharing.UNPROVEN
        self.pending: collections.deque[Any] = collections.deque()
        self.running = 0
        self.next_trial = 0.0
        self.lock = threading.Lock()

    def run(self, arrays: Arrays) -> list[np.ndarray]:
        """Run once.

        Args:
            arrays: one per input, in the order of `inputs`.

        Returns:
            One array per output.

        Raises:
            tf.errors.OpError: whatever the graph says.
        """
        start = time.perf_counter()
        outputs = list(self._function(*arrays))
        elapsed = time.perf_counter() - start
        known = self.seconds != float("inf")
        self.seconds = (self.seconds + elapsed) / 2 if known else elapsed
        return outputs

    def split(self, outputs: Arrays, rows: Sequence[int]) -> list[list[np.ndarray]]:
        """Cut the outputs of a shared run into those of its requests.

        Args:
            outputs: of the whole batch; rows beyond the sum of `rows` are padding.
            rows: of each request, in order.

        Raises:
            ServingError: INTERNAL; an output has not one row per input row.
        """
        total = sum(rows)
        for spec, array in zip(self.outputs, outputs, strict=True):
            if array.ndim == 0 or array.shape[0] < total:
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

    def prove(self, rows: Sequence[Arrays]) -> None:
        """Try whether rows run together come out as they do alone.

        Sets `sharing` to PROVEN or NEVER where the trial says so, and leaves it
        where the rows cannot tell (they are all the same, or the model refuses
        them).

        Args:
            rows: at least two requests of the same shapes, one row or more each.
        """
        if self.sharing is not Sharing.UNPROVEN or len(rows) < 2:
            return
        if all(_equal(rows[0], other) for other in rows[1:]):
            return
        try:
            alone = [self.run(arrays) for arrays in rows]
            together = self.run(merge(rows))
            parts = self.split(together, [len(arrays[0]) for arrays in rows])
        except ServingError:
            self.sharing = Sharing.NEVER
            return
        except Exception:  # the model refuses these rows: they prove nothing
            return
        exact = all(
            array.shape[0] == sum(len(arrays[0]) for arrays in rows)
            for array in together
        )
        same = exact and all(
            _close(one, other)
            for ours, theirs in zip(parts, alone, strict=True)
            for one, other in zip(ours, theirs, strict=True)
        )
        self.sharing = Sharing.PROVEN if same else Sharing.NEVER

    def prove_with(self, arrays: Arrays) -> None:
        """Do so with variations of one request, where its inputs are numbers.

        The values of each row are rotated, so they stay values the model takes.
        """
        if any(array.dtype == object for array in arrays) or not len(arrays[0]):
            return
        first = [array[:1] for array in arrays]
        for vary in (_rotate, _increase):
            self.prove([vary(first, turn) for turn in range(_TRIAL_ROWS)])
            if self.sharing is not Sharing.UNPROVEN:
                return


def merge(requests: Sequence[Arrays]) -> list[np.ndarray]:
    """Put the rows of several requests one after the other."""
    return [np.concatenate(parts) for parts in zip(*requests, strict=True)]


def _rotate(arrays: Arrays, turn: int) -> list[np.ndarray]:
    return [np.roll(array.ravel(), turn).reshape(array.shape) for array in arrays]


def _increase(arrays: Arrays, turn: int) -> list[np.ndarray]:
    return [(array + turn).astype(array.dtype) for array in arrays]


def _equal(left: Arrays, right: Arrays) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def _close(left: np.ndarray, right: np.ndarray) -> bool:
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    if left.dtype.kind in "fcV":
        return np.allclose(
            left.astype(np.complex128 if left.dtype.kind == "c" else np.float64),
            right.astype(np.complex128 if left.dtype.kind == "c" else np.float64),
            rtol=_RELATIVE_TOLERANCE,
            atol=_ABSOLUTE_TOLERANCE,
            equal_nan=True,
        )
    return np.array_equal(left, right)


def is_stateless(graph: Any, library: Any, fetches: Sequence[str]) -> bool:
    """Tell whether running `fetches` leaves nothing behind and draws nothing.

    Args:
        graph: the `tf.Graph` of the model.
        library: its `FunctionDefLibrary`.
        fetches: names of tensors.
    """
    functions = {item.signature.name: item for item in library.function}
    seen_functions: set[str] = set()

    def harmless(kind: str, attributes: Any) -> bool:
        for value in attributes:
            for name in [value.func.name, *(f.name for f in value.list.func)]:
                if not name or name in seen_functions:
                    continue
                seen_functions.add(name)
                body = functions.get(name)
                if body is None or not all(
                    harmless(node.op, node.attr.values()) for node in body.node_def
                ):
                    return False
        if kind in functions:
            return all(
                harmless(node.op, node.attr.values())
                for node in functions[kind].node_def
            )
        if kind in _READS:
            return True
        return not graph.op_def_for_type(kind).is_stateful

    todo = [graph.get_tensor_by_name(name).op for name in fetches]
    seen = set(todo)
    while todo:
        operation = todo.pop()
        if not harmless(operation.type, operation.node_def.attr.values()):
            return False
        for other in [t.op for t in operation.inputs] + operation.control_inputs:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return True
