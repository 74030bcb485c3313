"""Rules of operations that compute with values.

Meanings of the operations: tensorflow/core/ops/*.cc.
"""

from collections.abc import Sequence

import tensorflow as tf

from contract.rows_apart.values import (
    Dim,
    Fixed,
    Mixed,
    Node,
    Outputs,
    Rows,
    Value,
    as_fixed,
    as_rows,
    broadcast,
    checked_axis,
    dims_of,
    inner_axis,
    numbers,
    one,
    product,
)


def elementwise(node: Node) -> Outputs:
    """Value by value, with NumPy's broadcasting."""
    if all(isinstance(value, Fixed) for value in node.inputs):
        shapes = [as_fixed(value).shape for value in node.inputs]
        return one(Fixed(broadcast(shapes)))
    rank = (
        max(value.rank for value in node.inputs if isinstance(value, Rows))
        if any(isinstance(value, Rows) for value in node.inputs)
        else 0
    )
    shapes = []
    for value in node.inputs:
        if isinstance(value, Rows) and value.rank == rank:
            shapes.append(value.shape)
        elif isinstance(value, Fixed) and value.shape is not None:
            own = value.shape
            # What is as deep as the rows would meet them at the first dimension.
            if len(own) > rank or (len(own) == rank and own[0] != 1):
                raise Mixed("a constant has rows of its own")
            shapes.append(own[1:] if len(own) == rank else own)
        else:
            raise Mixed("inputs of other ranks")
    shape = broadcast(shapes)
    if shape is None:
        raise Mixed("shapes are not known")
    return one(Rows(shape))


def same(node: Node) -> Outputs:
    """One input, passed on."""
    return one(node.inputs[0])


def ensure_shape(node: Node) -> Outputs:
    """An input whose shape is known from here on."""
    value = node.inputs[0]
    proto = node.attr["shape"].shape
    if not isinstance(value, Rows) or proto.unknown_rank:
        return one(value)
    return one(Rows(dims_of(proto)[1:]))


def constant(node: Node) -> Outputs:
    """A constant."""
    value = tf.make_ndarray(node.attr["value"].tensor)
    return one(Fixed(value.shape, value))


def variable(node: Node) -> Outputs:
    """A variable, or the handle of one or of a table."""
    declared = node.attr.get("shape")
    known = declared is not None and not declared.shape.unknown_rank
    return one(Fixed(dims_of(declared.shape) if known else None))


def read(node: Node) -> Outputs:
    """What a variable holds."""
    return one(Fixed(as_fixed(node.inputs[0]).shape))


def nothing(node: Node) -> Outputs:
    """No output."""
    return {"": []}


def mat_mul(node: Node) -> Outputs:
    """Rows times weights."""
    rows, weights = node.inputs
    shape = as_fixed(weights).shape
    if node.attr["transpose_a"].b or as_rows(rows).rank != 2:
        raise Mixed("expected a matrix of rows, not transposed")
    if shape is None:
        return one(Rows((None,)))
    return one(Rows((shape[0 if node.attr["transpose_b"].b else 1],)))


def batch_mat_mul(node: Node) -> Outputs:
    """Matrices in rows, times weights or times one another."""
    left, right = node.inputs
    rows = as_rows(left, 2)
    if isinstance(right, Rows):
        if right.rank != rows.rank:
            raise Mixed("inputs of other ranks")
    else:
        shape = as_fixed(right).shape
        if shape is None or len(shape) != 2:
            raise Mixed("expected a matrix of weights")
    return one(Rows((*rows.shape[:-2], None, None)))


def bias_add(node: Node) -> Outputs:
    """A number for each channel."""
    as_fixed(node.inputs[1])
    return one(as_rows(node.inputs[0], 1))


def window(node: Node) -> Outputs:
    """Convolution and pooling of two dimensions, `[rows, height, width, channels]`."""
    rows = as_rows(node.inputs[0], 3)
    for value in node.inputs[1:]:
        as_fixed(value)
    steps = list(node.attr["strides"].list.i)
    pools = "dilations" not in node.attr
    spread = [1] * 4 if pools else list(node.attr["dilations"].list.i)
    if node.inputs[1:]:
        kernel = as_fixed(node.inputs[1]).shape or (None,) * 4
        sizes: Sequence[Dim] = kernel[:2]
        deep = node.op == "DepthwiseConv2dNative"
        channels = product(kernel[2:]) if deep else kernel[3]
    else:
        whole = list(node.attr["ksize"].list.i)
        sizes, channels = whole[1:3], rows.shape[2]
        if whole[0] != 1 or whole[3] != 1:
            raise Mixed("its window spans rows or channels")
    padding = node.attr["padding"].s
    if (
        node.attr["data_format"].s not in (b"", b"NHWC")
        or padding not in (b"SAME", b"VALID")
        or (steps[0], spread[0]) != (1, 1)
    ):
        raise Mixed("expected NHWC, SAME or VALID, and windows within rows")
    out: list[Dim] = []
    for size, length, step, gap in zip(
        rows.shape[:2], sizes, steps[1:3], spread[1:3], strict=True
    ):
        if size is None or length is None:
            out.append(None)
        else:
            lost = 0 if padding == b"SAME" else (length - 1) * gap
            out.append(-(-(size - lost) // step))
    return one(Rows((*out, channels)))


def batch_norm(node: Node) -> Outputs:
    """Normalisation by the statistics that training left."""
    if node.attr["is_training"].b:
        raise Mixed("it normalises by the rows at hand")
    for value in node.inputs[1:]:
        as_fixed(value)
    return {"y": [as_rows(node.inputs[0], 1)], "others": [None] * 5}


def softmax(node: Node) -> Outputs:
    """Along the last dimension."""
    return one(as_rows(node.inputs[0], 1))


def reduction(node: Node) -> Outputs:
    """Along dimensions within a row."""
    if isinstance(node.inputs[0], Fixed):
        return one(Fixed())
    rows = as_rows(node.inputs[0])
    axes = {checked_axis(axis, rows.rank) - 1 for axis in numbers(node.inputs[1])}
    keep = node.attr["keep_dims"].b
    shape = [
        1 if index in axes else dim
        for index, dim in enumerate(rows.shape)
        if keep or index not in axes
    ]
    return one(Rows(tuple(shape)))


def arg_extreme(node: Node) -> Outputs:
    """ArgMax and ArgMin."""
    rows = as_rows(node.inputs[0], 1)
    axis = inner_axis(node.inputs[1], rows.rank) - 1
    return one(Rows(rows.shape[:axis] + rows.shape[axis + 1 :]))


def gather(node: Node) -> Outputs:
    """Entries of a table by the rows' numbers, or of each row by fixed ones."""
    source, indices = node.inputs[:2]
    axis = numbers(node.inputs[2])[0] if len(node.inputs) > 2 else 0
    if node.attr["batch_dims"].i:
        raise Mixed("expected no batch_dims")
    if isinstance(source, Fixed):
        if axis or source.shape is None:
            raise Mixed("expected entries of a table")
        return one(Rows(as_rows(indices).shape + source.shape[1:]))
    rows = as_rows(source)
    place = checked_axis(axis, rows.rank) - 1
    chosen = as_fixed(indices).shape
    if chosen is None:
        raise Mixed("shapes are not known")
    return one(Rows((*rows.shape[:place], *chosen, *rows.shape[place + 1 :])))


def one_hot(node: Node) -> Outputs:
    """A vector for each number."""
    rows = as_rows(node.inputs[0])
    if node.attr["axis"].i != -1:
        raise Mixed("expected the last axis")
    depth = as_fixed(node.inputs[1]).value
    return one(Rows((*rows.shape, None if depth is None else int(depth))))


def top_k(node: Node) -> Outputs:
    """The largest of each row."""
    rows = as_rows(node.inputs[0], 1)
    (count,) = numbers(node.inputs[1])
    found = Rows((*rows.shape[:-1], count))
    return {"values": [found], "indices": [found]}


def parse_example(node: Node) -> Outputs:
    """Features of one length, each out of its own example."""
    if as_rows(node.inputs[0]).shape:
        raise Mixed("expected a vector of examples")
    for value in node.inputs[1:]:
        as_fixed(value)
    shapes = [dims_of(proto) for proto in node.attr["dense_shapes"].list.shape]
    dense: list[Value | None] = [
        # A length that is not given is that of the longest example at hand.
        Rows(shape) if None not in shape else None
        for shape in shapes
    ]
    sparse: list[Value | None] = [None] * node.attr["num_sparse"].i
    return {
        "sparse_indices": sparse,
        "sparse_values": sparse,
        "sparse_shapes": sparse,
        "dense_values": dense,
    }


def look_up(node: Node) -> Outputs:
    """Entries of a hash table; a string or number each."""
    table, keys, default = node.inputs
    as_fixed(table)
    as_fixed(default)
    return one(as_rows(keys))
