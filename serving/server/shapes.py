"""Decides which shapes of a plan's inputs may run.

TensorFlow Serving compares no shapes; its kernels accept a wrong shape, return an
error, or end the process (tensorflow/tensorflow #85250). Here a shape other than the
declared one runs only if every operation that the input reaches survives every rank
(`surviving_ops`); otherwise it is refused. If no rank is declared and some operation is
not on that list, TensorFlow's own shape functions must accept the request's shapes
first: the graph is imported again with them (`shape_functions`).
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from serving.server.errors import invalid_argument
from serving.server.surviving_ops import CALLS, SURVIVE_ANY_RANK
from serving.server.tensors import TensorSpec

Shapes = tuple[tuple[int, ...], ...]

# Largest number of kept results of the shape functions.
_MAX_VERDICTS = 256


class ShapeRule:
    """Tells whether a plan may run on arrays of given shapes."""

    def __init__(
        self,
        inputs: Sequence[TensorSpec],
        risky: frozenset[str],
        infer: Callable[[Shapes], str | None],
    ):
        """Creates the rule.

        Args:
            inputs: the plan's inputs.
            risky: names of the inputs that reach an operation which is not known to
                survive every rank.
            infer: asks the shape functions; returns None if they accept, otherwise
                their error. It is slow, because it imports the graph.
        """
        self._inputs = tuple(inputs)
        self._risky = risky
        self._infer = infer
        self._verdicts: dict[Shapes, str | None] = {}
        self._lock = threading.Lock()
        self._infers = any(s.shape is None and s.name in risky for s in inputs)

    def fits(self, arrays: Sequence[np.ndarray]) -> bool:
        """Compares arrays with the declared shapes.

        Returns:
            Whether the arrays have these shapes. If not, they may run, but only alone.

        Raises:
            ServingError: INVALID_ARGUMENT; their shapes differ and may not run.
        """
        declared = True
        for spec, array in zip(self._inputs, arrays, strict=True):
            if spec.accepts(array.shape):
                continue
            if spec.name in self._risky:
                raise spec.mismatch(array.shape)
            declared = False
        return declared

    def must_infer(self, arrays: Sequence[np.ndarray]) -> bool:
        """Tells whether `check_inferred` must import the graph, which is slow."""
        return self._infers and shapes_of(arrays) not in self._verdicts

    def check_inferred(self, arrays: Sequence[np.ndarray]) -> None:
        """Asks TensorFlow's shape functions, if no rank is declared.

        Raises:
            ServingError: INVALID_ARGUMENT; they refuse these shapes.
        """
        if not self._infers:
            return
        shapes = shapes_of(arrays)
        with self._lock:
            if shapes not in self._verdicts:
                if len(self._verdicts) >= _MAX_VERDICTS:
                    self._verdicts.pop(next(iter(self._verdicts)))
                self._verdicts[shapes] = self._infer(shapes)
            verdict = self._verdicts[shapes]
        if verdict is not None:
            raise invalid_argument(verdict)


def shapes_of(arrays: Sequence[np.ndarray]) -> Shapes:
    """Returns the shapes of several arrays."""
    return tuple(array.shape for array in arrays)


class Operations:
    """Finds the operations that a graph's tensors need and reach, also in functions."""

    def __init__(self, graph: Any, functions: dict[str, Any]):
        self._graph = graph
        self._functions = functions
        # By function: the types of the operations in it and in functions it calls.
        self._known: dict[str, frozenset[str]] = {}

    def needed(self, feeds: Sequence[str], fetches: Iterable[str]) -> set[Any]:
        """Returns the operations that run for `fetches`, if `feeds` are fed."""
        fed = {self._graph.get_tensor_by_name(name) for name in feeds}
        found: set[Any] = set()
        todo = [self._graph.get_tensor_by_name(name).op for name in fetches]
        while todo:
            operation = todo.pop()
            if operation in found:
                continue
            found.add(operation)
            todo += [tensor.op for tensor in operation.inputs if tensor not in fed]
            todo += operation.control_inputs
        return found

    def reached(self, feed: str, needed: set[Any]) -> set[Any]:
        """Returns the operations of `needed` that depend on `feed`."""
        found: set[Any] = set()
        todo = list(self._graph.get_tensor_by_name(feed).consumers())
        while todo:
            operation = todo.pop()
            if operation in needed and operation not in found:
                found.add(operation)
                todo += [user for out in operation.outputs for user in out.consumers()]
        return found

    def kinds(self, operations: Iterable[Any]) -> frozenset[str]:
        """Returns the types of operations, and of those in functions they call."""
        return frozenset().union(
            *(self._kinds(op.type, op.node_def.attr.values()) for op in operations)
        )

    def _kinds(self, kind: str, attributes: Any) -> frozenset[str]:
        called = [
            name
            for value in attributes
            for name in (value.func.name, *(f.name for f in value.list.func))
            if name
        ]
        if kind in self._functions:
            called.append(kind)
            own: frozenset[str] = frozenset()
        else:
            own = frozenset((kind,))
        return own.union(*map(self._function, called))

    def _function(self, name: str) -> frozenset[str]:
        if name not in self._functions:
            return frozenset((f"function {name}",))
        if name not in self._known:
            # If a function calls itself, this call adds no further operations.
            self._known[name] = frozenset()
            nodes = self._functions[name].node_def
            self._known[name] = frozenset().union(
                *(self._kinds(node.op, node.attr.values()) for node in nodes)
            )
        return self._known[name]


def survive(kinds: frozenset[str]) -> bool:
    """Tells whether operations of these types are known to survive every rank."""
    return kinds <= SURVIVE_ANY_RANK | CALLS
