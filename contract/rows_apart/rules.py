"""Rules for each kind of operation: whether its outputs keep the rows separate.

The first dimension is that of the rows, so no rule lets an operation join, reorder,
reduce or shift along it. The operations are defined in tensorflow/core/ops/*.cc.
TensorFlow infers the shapes and the values of constants.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from contract.rows_apart.values import (
    ROW_COUNT,
    Fixed,
    Mixed,
    Rows,
    Sizes,
    Step,
    Value,
    check_axis,
)

Rule = Callable[[Step], Any]
"""A rule raises `Mixed`, or returns the outputs' values; None if all are `Rows`."""


def _elementwise(step: Step) -> None:
    """Computes value by value, with NumPy's broadcasting."""
    rank = step.outputs[0].shape.rank
    for place, value in enumerate(step.values):
        if not isinstance(value, Rows):
            step.below(place, rank or 0)
        elif step.rank(place) != rank:
            raise Mixed("inputs of other ranks")


def _same(step: Step) -> list[Value]:
    """Passes its input on."""
    return [step.values[0]]


def _rows_by_weights(step: Step) -> None:
    if step.rows(0) != 2 or step.attribute("transpose_a"):
        raise Mixed("expected a matrix of rows, not transposed")
    step.fixed(1)


def _matrices(step: Step) -> None:
    """Multiplies the matrices in each row by weights or by each other."""
    rank = step.rows(0, 3)
    if isinstance(step.values[1], Rows):
        if step.rank(1) != rank:
            raise Mixed("inputs of other ranks")
    else:
        step.fixed(1)
        if step.rank(1) != 2:
            raise Mixed("expected a matrix of weights")


def _window(step: Step) -> None:
    """Convolves or pools in two dimensions, `[rows, height, width, channels]`."""
    step.rows(0, 4)
    step.rest_fixed()
    windows = step.attribute("strides")[:1]
    if len(step.values) > 1:
        windows += step.attribute("dilations")[:1]
    else:
        size = step.attribute("ksize")
        windows += [size[0], size[3]]
    if (
        step.attribute("data_format") != b"NHWC"
        or step.attribute("padding") not in (b"SAME", b"VALID")
        or set(windows) != {1}
    ):
        raise Mixed("expected NHWC, SAME or VALID, and windows within rows")


def _batch_norm(step: Step) -> list[Value]:
    """Normalises by the statistics of the training."""
    if step.attribute("is_training"):
        raise Mixed("it normalises by the rows at hand")
    step.rows(0, 2)
    step.rest_fixed()
    return [Rows(), *[None] * (len(step.outputs) - 1)]


def _within(step: Step) -> None:
    """Computes along the last dimension, with fixed parameters."""
    step.rows(0, 2)
    step.rest_fixed()


def _top_k(step: Step) -> None:
    """Takes the largest values of each row."""
    step.rows(0, 2)
    step.numbers(1)


def _reduction(step: Step) -> None:
    """Reduces along dimensions within a row."""
    rank = step.rows(0)
    for axis in step.numbers(1):
        check_axis(axis, rank)


def _arg_extreme(step: Step) -> None:
    step.inner_axis(1, step.rows(0, 2))


def _gather(step: Step) -> None:
    """Gathers entries of a table by the rows' numbers, or of each row by fixed ones."""
    axis = step.numbers(2)[0] if len(step.values) > 2 else 0
    if step.attribute("batch_dims"):
        raise Mixed("expected no batch_dims")
    if isinstance(step.values[0], Fixed):
        step.rows(1)
        if axis:
            raise Mixed("expected entries of a table")
    else:
        check_axis(axis, step.rows(0))
        step.fixed(1)


def _one_hot(step: Step) -> None:
    step.rows(0)
    step.rest_fixed()
    if step.attribute("axis") != -1:
        raise Mixed("expected the last axis")


def _parse_example(step: Step) -> list[Value]:
    """Parses features of a fixed length, each from its own example."""
    if step.rows(0) != 1:
        raise Mixed("expected a vector of examples")
    step.rest_fixed()
    # A feature without a given length gets that of the longest example in the batch.
    dense: list[Value] = [
        Rows() if shape.is_fully_defined() else None
        for shape in map(tf.TensorShape, step.attribute("dense_shapes"))
    ]
    sparse: list[Value] = [None] * (3 * step.attribute("num_sparse"))
    ragged: list[Value] = [None] * (len(step.outputs) - len(sparse) - len(dense))
    return [*sparse, *dense, *ragged]


def _look_up(step: Step) -> None:
    """Looks up entries of a hash table, each by one string or number."""
    step.rows(1)
    step.fixed(0, 2)


def _reshape(step: Step) -> None:
    """Keeps the rows if a row has as many numbers before and after."""
    step.rows(0)
    first, *rest = step.sizes(1) or (None,)
    if not all(isinstance(item, int) for item in rest):
        raise Mixed("the new shape is not known")
    # `[-1, ...]` may cut elsewhere, unless a row is known to keep its size.
    before, after = (
        tf.TensorShape(dims).num_elements()
        for dims in (step.dims(0)[1:], None if -1 in rest else rest)
    )
    if first != ROW_COUNT and not (first == -1 and before and before == after):
        raise Mixed("it may cut rows at other places")


def _expand_dims(step: Step) -> None:
    step.inner_axis(1, step.rows(0) + 1)


def _squeeze(step: Step) -> None:
    rank = step.rows(0)
    axes = step.attribute("squeeze_dims")
    if not axes:
        raise Mixed("it would take a single row's dimension away")
    for axis in axes:
        check_axis(axis, rank)


def _transpose(step: Step) -> None:
    step.rows(0)
    if step.numbers(1)[0] != 0:
        raise Mixed("it moves the rows' dimension")


def _concat(step: Step) -> None:
    """Concatenates within rows."""
    ranks = {step.rows(place) for place in range(len(step.values) - 1)}
    if len(ranks) != 1:
        raise Mixed("inputs of other ranks")
    step.inner_axis(len(step.values) - 1, ranks.pop())


def _pack(step: Step) -> list[Value]:
    """Packs single sizes into a shape, or stacks rows within rows."""
    axis = step.attribute("axis")
    if any(isinstance(value, Rows) for value in step.values):
        ranks = {step.rows(place) for place in range(len(step.values))}
        if len(ranks) != 1:
            raise Mixed("inputs of other ranks")
        check_axis(axis, ranks.pop() + 1)
        return [Rows()]
    items = [step.sizes(place) for place in range(len(step.values))]
    if axis != 0 or any(len(item) != 1 for item in items):
        raise Mixed("expected single sizes")
    return [Sizes(tuple(item for (item,) in items))]


def _shape_of(step: Step) -> list[Value]:
    """Returns the number of rows, followed by the shape of a row."""
    step.rows(0)
    return [Sizes((ROW_COUNT, *step.dims(0)[1:]))]


def _strided_slice(step: Step) -> list[Value]:
    """Takes one size or a part of a shape, or a part of every row."""
    value = step.values[0]
    [start, *_], [end, *_], [stride, *_] = (step.numbers(place) for place in (1, 2, 3))
    masks = {
        name: step.attribute(f"{name}_mask")
        for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    if masks["ellipsis"] or masks["new_axis"]:
        raise Mixed("expected plain slices")
    begins, ends = masks["begin"] & 1, masks["end"] & 1
    if isinstance(value, Sizes) and not value.scalar:
        if masks["shrink_axis"] & 1:
            return [Sizes(value.items[start:][:1], scalar=True)]
        part = slice(None if begins else start, None if ends else end, stride)
        return [Sizes(value.items[part])]
    step.rows(0)
    if not (begins and ends) or masks["shrink_axis"] & 1 or stride != 1:
        raise Mixed("it takes some of the rows")
    return [Rows()]


def _pad(step: Step) -> None:
    step.rows(0)
    if step.numbers(1)[:2] != [0, 0]:
        raise Mixed("it adds rows")
    step.rest_fixed(2)


def _fill(step: Step) -> None:
    """Fills every row with one value."""
    step.row_count_first(0)
    step.fixed(1)


def _broadcast_to(step: Step) -> None:
    """Broadcasts the same values to every row."""
    step.below(0, step.row_count_first(1))


def _tile(step: Step) -> None:
    """Repeats fixed values in every row, or the content of rows within each row."""
    if isinstance(step.values[0], Rows):
        if step.sizes(1)[0] != 1:
            raise Mixed("it repeats rows")
    else:
        step.below(0, step.row_count_first(1))


def _fixed_only(step: Step) -> None:
    raise Mixed("expected what does not depend on the inputs")


_ELEMENTWISE = """
    Abs Add AddV2 AsString Cast Ceil ClipByValue Cos Div DivNoNan Elu Equal Erf Exp
    Expm1 Floor FloorDiv FloorMod Greater GreaterEqual IsFinite IsInf IsNan
    LeakyRelu Less LessEqual Log Log1p LogicalAnd LogicalNot LogicalOr Maximum
    Minimum Mul Neg NotEqual OnesLike Pow RealDiv Reciprocal Relu Relu6 Rint Round
    Rsqrt SelectV2 Selu Sigmoid Sign Sin Softplus Softsign Sqrt Square
    SquaredDifference StringJoin StringLower StringUpper Sub Tanh ZerosLike
"""

RULES: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE.split(), _elementwise),
    **dict.fromkeys(
        ("EnsureShape", "Identity", "PlaceholderWithDefault", "StopGradient"), _same
    ),
    **dict.fromkeys(("Const", "HashTableV2", "NoOp", "VarHandleOp"), _fixed_only),
    **dict.fromkeys(("BatchMatMulV2", "BatchMatMulV3"), _matrices),
    **dict.fromkeys(("Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool"), _window),
    **dict.fromkeys(("BiasAdd", "LogSoftmax", "Softmax"), _within),
    **dict.fromkeys(("All", "Any", "Max", "Mean", "Min", "Prod", "Sum"), _reduction),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg_extreme),
    **dict.fromkeys(("Pad", "PadV2", "MirrorPad"), _pad),
    **dict.fromkeys(("GatherV2", "ResourceGather"), _gather),
    "BroadcastTo": _broadcast_to,
    "ConcatV2": _concat,
    "ExpandDims": _expand_dims,
    "Fill": _fill,
    "FusedBatchNormV3": _batch_norm,
    "LookupTableFindV2": _look_up,
    "MatMul": _rows_by_weights,
    "OneHot": _one_hot,
    "Pack": _pack,
    "ParseExampleV2": _parse_example,
    "Reshape": _reshape,
    "Shape": _shape_of,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Tile": _tile,
    "TopKV2": _top_k,
    "Transpose": _transpose,
}
"""Rules by kind of operation. One without a rule may let rows influence each other."""


def outputs_of(operation: tf.Operation, values: Sequence[Value]) -> list[Value]:
    """Returns the values of an operation's outputs.

    Raises:
        Mixed: Rows may influence each other in it.
    """
    rule = RULES.get(operation.type)
    if rule is None:
        raise Mixed(f"{operation.type} is not known to keep rows apart")
    if all(isinstance(value, Fixed) for value in values):
        return [Fixed()] * len(operation.outputs)
    try:
        found: list[Value] | None = rule(Step(operation, values))
    except Mixed as error:
        raise Mixed(f"{operation.type}: {error}") from error
    return [Rows()] * len(operation.outputs) if found is None else found
