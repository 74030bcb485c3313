"""Follows a signature through its graph, functions included."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from contract.rows_apart.values import (
    Dim,
    Fixed,
    Mixed,
    Node,
    Outputs,
    Rows,
    Rule,
    Value,
)

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
# Functions call functions; a loop of them has no end.
_MAX_DEPTH = 50
# Constants of more values than these are not computed with.
_MAX_COMPUTED = 100_000


class Analysis:
    """Finds out about the signatures of one `GraphDef`."""

    def __init__(self, graph_def: Any, rules: Mapping[str, Rule]) -> None:
        """Takes the graph with its library, and the rules by kind of operation."""
        self._nodes = {node.name: node for node in graph_def.node}
        self._functions = {
            function.signature.name: function for function in graph_def.library.function
        }
        self._rules = rules
        self._ops = tf.Graph()

    def check(
        self, inputs: Mapping[str, Sequence[Dim]], outputs: Sequence[str]
    ) -> None:
        """Raises `Mixed` unless the rows of all outputs keep apart.

        Args:
            inputs: Shapes of what is fed, by name of the tensor; the first dimension
                of each is the rows'.
            outputs: Names of the tensors fetched.
        """
        frame = _Frame(self, self._nodes, 0)
        for name, shape in inputs.items():
            frame.known[name.removesuffix(":0")] = {"": [Rows(tuple(shape)[1:])]}
        for name in outputs:
            value = frame.value(name)
            if not isinstance(value, Rows):
                raise Mixed(f"{name} does not have a row for each row of the inputs")

    def run(self, node: Any, inputs: Sequence[Value], depth: int) -> Outputs:
        """Returns the outputs of a node."""
        if node.op in _CALLS or node.op in self._functions:
            called = node.attr["f"].func.name if node.op in _CALLS else node.op
            return {"": self._call(called, inputs, depth)}
        rule = self._rules.get(node.op)
        if rule is None:
            raise Mixed(f"{node.name}: {node.op} is not known to keep rows apart")
        constants = [
            value.value if isinstance(value, Fixed) else None for value in inputs
        ]
        if inputs and all(_is_small(value) for value in constants):
            return {"": [Fixed(v.shape, v) for v in _computed(node, constants)]}
        try:
            return rule(Node(node.op, self._attributes(node), inputs))
        except (Mixed, ValueError, IndexError, KeyError, TypeError) as error:
            # The latter are those of a graph that no kernel would take either.
            raise Mixed(f"{node.name}: {node.op}: {error}") from error

    def _attributes(self, node: Any) -> dict[str, Any]:
        """Returns the attributes of a node; saving leaves those at defaults out."""
        declared = self._ops.op_def_for_type(node.op).attr
        defaults = {item.name: item.default_value for item in declared}
        return {**defaults, **node.attr}

    def _call(self, name: str, inputs: Sequence[Value], depth: int) -> Sequence[Value]:
        if depth >= _MAX_DEPTH or name not in self._functions:
            raise Mixed(f"function {name} cannot be followed")
        function = self._functions[name]
        nodes = {node.name: node for node in function.node_def}
        frame = _Frame(self, nodes, depth + 1)
        for argument, value in zip(function.signature.input_arg, inputs, strict=True):
            frame.known[argument.name] = {"": [value]}
        for operation in function.control_ret.values():
            frame.outputs(operation)
        return [
            frame.value(function.ret[output.name])
            for output in function.signature.output_arg
        ]


def _is_small(value: Any) -> bool:
    return value is not None and value.size <= _MAX_COMPUTED


def _computed(node: Any, constants: Sequence[Any]) -> list[np.ndarray]:
    """Returns what an operation makes of constants, by running it."""
    graph_def = tf.compat.v1.GraphDef()
    moved = graph_def.node.add()
    moved.CopyFrom(node)
    del moved.input[:]
    for index, value in enumerate(constants):
        name = f"constant_{index}"
        given = graph_def.node.add(name=name, op="Const")
        given.attr["dtype"].type = tf.dtypes.as_dtype(value.dtype).as_datatype_enum
        given.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        moved.input.append(name)
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(graph_def, name="")
        outputs = graph.get_operation_by_name(node.name).outputs
        with tf.compat.v1.Session(graph=graph) as session:
            return [np.asarray(value) for value in session.run(list(outputs))]


class _Frame:
    """A graph or the body of a function, with the values found so far."""

    def __init__(
        self, analysis: Analysis, nodes: Mapping[str, Any], depth: int
    ) -> None:
        self._analysis = analysis
        self._nodes = nodes
        self._depth = depth
        self.known: dict[str, Outputs] = {}

    def value(self, name: str) -> Value:
        """Returns a tensor's value.

        Names are `node`, `node:2` in graphs and `node:output:2` in functions.
        """
        operation, _, rest = name.partition(":")
        output, _, index = rest.rpartition(":")
        outputs = self.outputs(operation)
        if output in outputs:
            values = outputs[output]
        else:
            values = [value for part in outputs.values() for value in part]
        number = int(index or 0)
        value = values[number] if number < len(values) else None
        if value is None:
            raise Mixed(f"{name} is no tensor of rows")
        return value

    def outputs(self, operation: str) -> Outputs:
        """Returns the values of all outputs, those before it worked out first."""
        # A stack of our own: graphs are deeper than Python's.
        todo, entered = [operation], set()
        while todo:
            name = todo[-1]
            if name in self.known:
                todo.pop()
                continue
            if name not in self._nodes:
                raise Mixed(f"{name} is not in the graph")
            node = self._nodes[name]
            before = [ref.lstrip("^").partition(":")[0] for ref in node.input]
            missing = [other for other in before if other not in self.known]
            if missing:
                if name in entered:
                    raise Mixed(f"{name}: {node.op} is part of a loop")
                entered.add(name)
                todo += missing
                continue
            inputs = [self.value(ref) for ref in node.input if ref[0] != "^"]
            self.known[name] = self._analysis.run(node, inputs, self._depth)
            todo.pop()
        return self.known[operation]
