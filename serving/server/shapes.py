"""Which shapes of a plan's inputs may run.

TensorFlow Serving compares no shapes; its kernels object, or not, or end the process
(tensorflow/tensorflow #85250). Here a shape other than the declared one runs only where
every operation that the input reaches survives every rank (`surviving_ops`), and is
refused otherwise. Where no rank is declared and some operation is not on that list,
TensorFlow's own shape functions must accept the request's shapes first: the graph is
imported again with them (`shape_functions`).
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from serving.server.errors import invalid_argument
from serving.server.surviving_ops import CALLS, SURVIVE_ANY_RANK
from serving.server.tensors import TensorSpec

Shapes = tuple[tuple[int, ...], ...]

# Verdicts of the shape functions that are kept.
_MAX_VERDICTS = 256


class ShapeRule:
    """Tells whether a plan may run on arrays of given shapes."""

    def __init__(
        self,
        inputs: Sequence[TensorSpec],
        risky: frozenset[str],
        infer: Callable[[Shapes], str | None],
    ):
        """Prepare it.

        Args:
            inputs: of the plan.
            risky: names of those of them that reach an operation not known to
                survive every rank.
            infer: asks the shape functions; None where they accept, else what
                they say. Slow: it imports the graph.
        """
        self._inputs = tuple(inputs)
        self._risky = risky
        self._infer = infer
        self._verdicts: dict[Shapes, str | None] = {}
        self._lock = threading.Lock()
        self._infers = any(s.shape is None and s.name in risky for s in inputs)

    def fits(self, arrays: Sequence[np.ndarray]) -> bool:
        """Hold arrays against the declared shapes.

        Returns:
            Whether they have them; otherwise they may run, though never with
            others.

        Raises:
            ServingError: INVALID_ARGUMENT; they have not, and may not run.
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
        """Whether `check_inferred` has to be asked, and has to think."""
        return self._infers and shapes_of(arrays) not in self._verdicts

    def check_inferred(self, arrays: Sequence[np.ndarray]) -> None:
        """Ask TensorFlow's shape functions, where no rank is declared.

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
    """Return the shapes of several arrays."""
    return tuple(array.shape for array in arrays)


class Operations:
    """What a graph's tensors need and reach, functions included."""

    def __init__(self, graph: Any, functions: dict[str, Any]):
        self._graph = graph
        self._functions = functions
        # By function: the kinds of operation in it and in those it calls.
        self._known: dict[str, frozenset[str]] = {}

    def needed(self, feeds: Sequence[str], fetches: Iterable[str]) -> set[Any]:
        """Return the operations that run for `fetches`, where `feeds` are fed."""
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
        """Return the operations of `needed` that get what `feed` holds."""
        found: set[Any] = set()
        todo = list(self._graph.get_tensor_by_name(feed).consumers())
        while todo:
            operation = todo.pop()
            if operation in needed and operation not in found:
                found.add(operation)
                todo += [user for out in operation.outputs for user in out.consumers()]
        return found

    def kinds(self, operations: Iterable[Any]) -> frozenset[str]:
        """Return the kinds of operations, and of those in functions they call."""
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
            # For a function that calls itself: as good as the rest of it.
            self._known[name] = frozenset()
            nodes = self._functions[name].node_def
            self._known[name] = frozenset().union(
                *(self._kinds(node.op, node.attr.values()) for node in nodes)
            )
        return self._known[name]


def survive(kinds: frozenset[str]) -> bool:
    """Whether operations of these kinds are known to survive every rank."""
    return kinds <= SURVIVE_ANY_RANK | CALLS
