"""Asks TensorFlow's shape functions whether a graph accepts given shapes.

They run when a graph is imported. They do not look into functions. So calls are first
replaced by the bodies of their functions, and branches and loop bodies are imported
separately.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
# Position of the first input that an operation passes to its attributes' functions.
_BRANCHES = {"If": 1, "StatelessIf": 1, "Case": 1, "StatelessCase": 1}
_LOOPS = {"While": 0, "StatelessWhile": 0}
# Limit of nested functions: a function that calls itself has no end.
_MAX_DEPTH = 32
_RETURNED = "returned_{}"


def refusal(
    graph_def: Any,
    feeds: Sequence[str],
    fetches: Sequence[str],
    shapes: Sequence[Sequence[int] | None],
) -> str | None:
    """Returns why the graph refuses these shapes, or None if it accepts them."""
    functions = {item.signature.name: item for item in graph_def.library.function}
    needed = tf.compat.v1.graph_util.extract_sub_graph(
        graph_def, [name.partition(":")[0] for name in fetches]
    )
    inlined = tf.compat.v1.GraphDef(versions=graph_def.versions)
    inlined.library.CopyFrom(graph_def.library)
    inlined.node.extend(_inline(needed.node, functions, 0))
    try:
        _import(inlined, functions, feeds, shapes, 0)
    except ValueError as error:
        return str(error).partition("\n")[0]
    return None


def _import(
    graph_def: Any,
    functions: dict[str, Any],
    feeds: Sequence[str],
    shapes: Sequence[Any],
    depth: int,
) -> None:
    """Imports a graph without calls; raises ValueError if a shape function does."""
    with tf.Graph().as_default() as graph:
        fed = {}
        for name, shape in zip(feeds, shapes, strict=True):
            dtype = _dtype_of(graph_def, name)
            if dtype is not None:
                fed[name] = tf.compat.v1.placeholder(dtype, shape)
        tf.graph_util.import_graph_def(graph_def, input_map=fed, name="")
        if depth >= _MAX_DEPTH:
            return
        for operation in graph.get_operations():
            skip = {**_BRANCHES, **_LOOPS}.get(operation.type)
            if skip is None:
                continue
            inputs = [tensor.shape for tensor in operation.inputs[skip:]]
            for value in operation.node_def.attr.values():
                for name in (value.func.name, *(f.name for f in value.list.func)):
                    if name in functions:
                        _import_function(functions[name], functions, inputs, depth)


def _import_function(
    function: Any, functions: dict[str, Any], shapes: Sequence[Any], depth: int
) -> None:
    """Imports the body of a function whose arguments have these shapes."""
    inlined = tf.compat.v1.GraphDef()
    inlined.library.function.extend(functions.values())
    inlined.node.extend(_inline(_body(function, function), functions, depth + 1))
    feeds = [f"{argument.name}:0" for argument in function.signature.input_arg]
    _import(inlined, functions, feeds, shapes, depth + 1)


def _dtype_of(graph_def: Any, tensor: str) -> Any:
    """Returns the type of a placeholder, or None if the graph does not have it."""
    name = tensor.partition(":")[0]
    for node in graph_def.node:
        if node.name == name:
            return tf.dtypes.as_dtype(node.attr["dtype"].type)
    return None


def _inline(nodes: Any, functions: dict[str, Any], depth: int) -> Iterator[Any]:
    """Replaces calls by the bodies of their functions."""
    outputs: dict[str, list[str]] = {}
    kept = []
    for node in nodes:
        called = node.attr["f"].func.name if node.op in _CALLS else node.op
        if called not in functions or depth >= _MAX_DEPTH:
            kept.append(node)
            continue
        function = functions[called]
        body = _body(function, node)
        arguments = [argument.name for argument in function.signature.input_arg]
        given = [name for name in node.input if not name.startswith("^")]
        for inner in _inline(body, functions, depth + 1):
            moved = tf.compat.v1.NodeDef()
            moved.CopyFrom(inner)
            moved.name = f"{node.name}/{inner.name}"
            if inner.name in arguments:
                moved.Clear()
                moved.name, moved.op = f"{node.name}/{inner.name}", "Identity"
                moved.input.append(given[arguments.index(inner.name)])
                moved.attr["T"].type = inner.attr["dtype"].type
            else:
                del moved.input[:]
                moved.input.extend(_moved(name, node.name) for name in inner.input)
            kept.append(moved)
        outputs[node.name] = [
            f"{node.name}/{_RETURNED.format(index)}"
            for index in range(len(function.signature.output_arg))
        ]
    for node in kept:
        changed = tf.compat.v1.NodeDef()
        changed.CopyFrom(node)
        del changed.input[:]
        changed.input.extend(filter(None, (_followed(n, outputs) for n in node.input)))
        changed.attr.pop("_output_shapes", None)
        yield changed


def _moved(name: str, prefix: str) -> str:
    return f"^{prefix}/{name[1:]}" if name.startswith("^") else f"{prefix}/{name}"


def _body(function: Any, call: Any) -> list[Any]:
    """Returns a function's nodes as nodes of a graph.

    Arguments become placeholders, outputs become identities with the name `returned_N`,
    and tensors get a graph's names: `node:3` for a function's `node:output:1`.

    Args:
        function: a `FunctionDef`.
        call: the node that calls it; it has the attributes that the function lacks.
    """
    arguments = {argument.name for argument in function.signature.input_arg}
    named = {node.name: node for node in function.node_def}
    graph = tf.Graph()

    def flat(name: str) -> str:
        if name.startswith("^"):
            return name
        operation, _, rest = name.partition(":")
        if operation in arguments:
            return f"{operation}:0"
        output, _, index = rest.partition(":")
        place = int(index or 0)
        node = named[operation]
        if node.op in _CALLS or not _has(graph, node.op):
            return f"{operation}:{place}"
        for declared in graph.op_def_for_type(node.op).output_arg:
            if declared.name == output:
                break
            place += _count(declared, node)
        return f"{operation}:{place}"

    nodes = []
    for index, argument in enumerate(function.signature.input_arg):
        node = tf.compat.v1.NodeDef(name=argument.name, op="Placeholder")
        node.attr["dtype"].type = _type_of(call, argument, "Tin", index)
        nodes.append(node)
    for original in function.node_def:
        node = tf.compat.v1.NodeDef()
        node.CopyFrom(original)
        del node.input[:]
        node.input.extend(map(flat, original.input))
        nodes.append(node)
    for index, output in enumerate(function.signature.output_arg):
        node = tf.compat.v1.NodeDef(name=_RETURNED.format(index), op="Identity")
        node.input.append(flat(function.ret[output.name]))
        node.attr["T"].type = _type_of(call, output, "Tout", index)
        nodes.append(node)
    return nodes


def _has(graph: tf.Graph, op: str) -> bool:
    """Tells whether `op` is an operation, and not the name of a function."""
    try:
        graph.op_def_for_type(op)
    except (KeyError, RuntimeError):
        return False
    return True


def _count(declared: Any, node: Any) -> int:
    """Returns the number of tensors of an output."""
    if declared.number_attr:
        return int(node.attr[declared.number_attr].i)
    if declared.type_list_attr:
        return len(node.attr[declared.type_list_attr].list.type)
    return 1


def _type_of(call: Any, argument: Any, types: str, index: int) -> int:
    """Returns the type of an argument or output, which the call may decide."""
    if argument.type:
        return int(argument.type)
    if argument.type_attr:
        return int(call.attr[argument.type_attr].type)
    return int(call.attr[types].list.type[index])


def _followed(name: str, outputs: dict[str, list[str]]) -> str:
    """Returns an input's name after the calls are replaced; "" if it is gone."""
    if name.startswith("^"):
        returned = outputs.get(name[1:])
        if returned is None:
            return name
        # Any of its nodes will do: nothing is run.
        return "^" + returned[0] if returned else ""
    operation, _, index = name.partition(":")
    return outputs[operation][int(index or 0)] if operation in outputs else name
