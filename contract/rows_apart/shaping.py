"""Rules of operations that cut, join and reshape.

Meanings of the operations: tensorflow/core/ops/*.cc.
"""

import math

from contract.rows_apart.values import (
    ROW_COUNT,
    Dim,
    Fixed,
    Mixed,
    Node,
    Outputs,
    Rows,
    Sizes,
    as_fixed,
    as_rows,
    checked_axis,
    inner_axis,
    numbers,
    one,
    product,
    row_of,
    sizes,
)


def reshape(node: Node) -> Outputs:
    """Rows stay rows where as many numbers make a row before and after."""
    value, wanted = node.inputs
    if isinstance(value, Fixed):
        known = isinstance(wanted, Fixed) and wanted.value is not None
        shape = tuple(numbers(wanted)) if known else None
        return one(Fixed(shape if shape and min(shape) >= 0 else None))
    rows = as_rows(value)
    first, *rest = sizes(wanted) or (None,)
    size = product(rows.shape)
    if ROW_COUNT in rest or any(item is None for item in rest):
        raise Mixed("the new shape is not known")
    dims = [int(item) for item in rest if isinstance(item, int)]
    if -1 in dims:
        others = math.prod(dim for dim in dims if dim != -1)
        if first != ROW_COUNT or not size or not others or size % others:
            raise Mixed("the new shape is not known")
        dims[dims.index(-1)] = size // others
    # `[-1, ...]` may cut elsewhere, unless a row's size is known to stay.
    if first != ROW_COUNT and not (first == -1 and size and size == math.prod(dims)):
        raise Mixed("it may cut rows at other places")
    return one(Rows(tuple(dims)))


def expand_dims(node: Node) -> Outputs:
    """One more dimension within rows."""
    value = node.inputs[0]
    if isinstance(value, Fixed):
        if value.shape is None:
            return one(value)
        (place,) = numbers(node.inputs[1])
        place += len(value.shape) + 1 if place < 0 else 0
        return one(Fixed((*value.shape[:place], 1, *value.shape[place:])))
    rows = as_rows(node.inputs[0])
    axis = inner_axis(node.inputs[1], rows.rank + 1) - 1
    return one(Rows((*rows.shape[:axis], 1, *rows.shape[axis:])))


def squeeze(node: Node) -> Outputs:
    """Fewer dimensions within rows."""
    rows = as_rows(node.inputs[0])
    axes = [
        checked_axis(axis, rows.rank) - 1 for axis in node.attr["squeeze_dims"].list.i
    ]
    if not axes:
        raise Mixed("it would take a single row's dimension away")
    return one(Rows(tuple(dim for i, dim in enumerate(rows.shape) if i not in axes)))


def transpose(node: Node) -> Outputs:
    """Within rows."""
    value = node.inputs[0]
    if isinstance(value, Fixed):
        if value.shape is None:
            return one(value)
        return one(Fixed(tuple(value.shape[axis] for axis in numbers(node.inputs[1]))))
    rows = as_rows(node.inputs[0])
    order = numbers(node.inputs[1])
    if order[:1] != [0]:
        raise Mixed("it moves the rows' dimension")
    return one(Rows(tuple(rows.shape[axis - 1] for axis in order[1:])))


def concat(node: Node) -> Outputs:
    """Joined within rows."""
    *parts, axis = node.inputs
    rows = [as_rows(part) for part in parts]
    if len({part.rank for part in rows}) != 1:
        raise Mixed("inputs of other ranks")
    place = inner_axis(axis, rows[0].rank) - 1
    shape = list(rows[0].shape)
    lengths = [part.shape[place] for part in rows]
    known = [length for length in lengths if length is not None]
    shape[place] = sum(known) if len(known) == len(lengths) else None
    return one(Rows(tuple(shape)))


def pack(node: Node) -> Outputs:
    """A shape of single sizes, or rows side by side."""
    axis = node.attr["axis"].i
    if any(isinstance(value, Rows) for value in node.inputs):
        rows = [as_rows(value) for value in node.inputs]
        if len({value.rank for value in rows}) != 1:
            raise Mixed("inputs of other ranks")
        place = checked_axis(axis, rows[0].rank + 1) - 1
        shape = rows[0].shape
        return one(Rows((*shape[:place], len(rows), *shape[place:])))
    if all(isinstance(value, Fixed) for value in node.inputs):
        return one(Fixed())
    items = [sizes(value) for value in node.inputs]
    if axis != 0 or any(len(item) != 1 for item in items):
        raise Mixed("expected single sizes")
    return one(Sizes(tuple(item[0] for item in items)))


def shape_of(node: Node) -> Outputs:
    """The number of rows, and the shape of one."""
    if isinstance(node.inputs[0], Fixed):
        return one(Fixed())
    return one(Sizes((ROW_COUNT, *as_rows(node.inputs[0]).shape)))


def strided_slice(node: Node) -> Outputs:
    """One size of a shape, or a part of every row."""
    value, begin, end, strides = node.inputs
    starts, ends, steps = numbers(begin), numbers(end), numbers(strides)
    masks = {
        name: node.attr[f"{name}_mask"].i
        for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    if masks["ellipsis"] or masks["new_axis"]:
        raise Mixed("expected plain slices")
    if isinstance(value, Sizes) and not value.scalar:
        part = slice(
            None if masks["begin"] & 1 else starts[0],
            None if masks["end"] & 1 else ends[0],
            steps[0],
        )
        scalar = bool(masks["shrink_axis"] & 1)
        items = value.items[starts[0] :][:1] if scalar else value.items[part]
        return one(Sizes(items, scalar))
    rows = as_rows(value)
    whole = masks["begin"] & masks["end"] & ~masks["shrink_axis"] & 1
    if not whole or steps[0] != 1:
        raise Mixed("it takes some of the rows")
    shape: list[Dim] = []
    for index, dim in enumerate(rows.shape, start=1):
        bit = 1 << index
        if index >= len(starts):
            shape.append(dim)
        elif not masks["shrink_axis"] & bit:
            all_of_it = masks["begin"] & masks["end"] & bit and steps[index] == 1
            shape.append(dim if all_of_it else None)
    return one(Rows(tuple(shape)))


def pad(node: Node) -> Outputs:
    """Within rows."""
    rows = as_rows(node.inputs[0])
    counts = numbers(node.inputs[1])
    if counts[:2] != [0, 0]:
        raise Mixed("it adds rows")
    pairs = zip(rows.shape, counts[2::2], counts[3::2], strict=True)
    return one(Rows(tuple(None if dim is None else dim + a + b for dim, a, b in pairs)))


def fill(node: Node) -> Outputs:
    """One value in every row."""
    as_fixed(node.inputs[1])
    return one(Rows(row_of(sizes(node.inputs[0]))))


def broadcast_to(node: Node) -> Outputs:
    """The same in every row."""
    shape = row_of(sizes(node.inputs[1]))
    own = as_fixed(node.inputs[0]).shape
    if own is None or len(own) > len(shape) + 1:
        raise Mixed("shapes are not known")
    if len(own) == len(shape) + 1 and own[0] != 1:
        raise Mixed("a constant has rows of its own")
    return one(Rows(shape))


def tile(node: Node) -> Outputs:
    """The same in every row, or rows repeated within themselves."""
    value, times = node.inputs
    counts = sizes(times)
    if isinstance(value, Rows):
        if counts[0] != 1:
            raise Mixed("it repeats rows")
        inner = value.shape
    else:
        row_of(counts)
        shape = as_fixed(value).shape
        if shape is None or shape[:1] != (1,):
            raise Mixed("a constant has rows of its own")
        inner = shape[1:]
    pairs = zip(inner, counts[1:], strict=True)
    return one(
        Rows(
            tuple(
                dim * times if isinstance(dim, int) and isinstance(times, int) else None
                for dim, times in pairs
            )
        )
    )
