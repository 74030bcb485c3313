"""What is known of a tensor between a signature's inputs and its outputs."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Dim = int | None


class Mixed(Exception):
    """Rows may see each other; the text says by which operation."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows that keep apart.

    Attributes:
        shape: Of one row, None for a dimension that is not known.
    """

    shape: tuple[Dim, ...]

    @property
    def rank(self) -> int:
        """Of the whole tensor."""
        return len(self.shape) + 1


ROW_COUNT = "the number of rows"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Whole numbers made of shapes.

    Attributes:
        items: Numbers, `ROW_COUNT`, or None for what is not known.
        scalar: Whether it is one number and not a vector.
    """

    items: tuple[int | str | None, ...]
    scalar: bool = False


@dataclasses.dataclass(frozen=True)
class Fixed:
    """What depends on nothing.

    Attributes:
        shape: None where it is not known.
        value: Likewise.
    """

    shape: tuple[Dim, ...] | None = None
    value: np.ndarray | None = dataclasses.field(default=None, compare=False)


Value = Rows | Sizes | Fixed
# The outputs of an operation: by the name of the output, several under one name.
Outputs = Mapping[str, Sequence[Value | None]]


@dataclasses.dataclass(frozen=True)
class Node:
    """An operation under a rule.

    Attributes:
        op: Its kind.
        attr: Its attributes.
        inputs: What goes in.
    """

    op: str
    attr: Any
    inputs: Sequence[Value]


# Returns the outputs of a node, or raises `Mixed`.
Rule = Callable[[Node], Outputs]


def one(value: Value) -> Outputs:
    """Returns the outputs of an operation that has one."""
    return {"": [value]}


def as_rows(value: Value, least: int = 0) -> Rows:
    """Returns rows of at least so many dimensions each."""
    if not isinstance(value, Rows):
        raise Mixed("expected rows")
    if len(value.shape) < least:
        raise Mixed(f"expected rows of {least} or more dimensions")
    return value


def as_fixed(value: Value) -> Fixed:
    """Returns what does not depend on the inputs."""
    if not isinstance(value, Fixed):
        raise Mixed("expected what does not depend on the inputs")
    return value


def numbers(value: Value) -> list[int]:
    """Returns the numbers of a constant."""
    if isinstance(value, Sizes):
        items = value.items
    else:
        constant = as_fixed(value).value
        if constant is None:
            raise Mixed("expected a constant")
        items = tuple(constant.ravel().tolist())
    if not all(isinstance(item, int) for item in items):
        raise Mixed("expected a constant")
    return [int(item) for item in items if isinstance(item, int)]


def inner_axis(value: Value, rank: int) -> int:
    """Returns an axis that is not the rows'."""
    (axis,) = numbers(value)
    return checked_axis(axis, rank)


def checked_axis(axis: int, rank: int) -> int:
    """Returns an axis, counted from the front, that is not the rows'."""
    axis = axis + rank if axis < 0 else axis
    if not 0 < axis < rank:
        raise Mixed(f"works along axis {axis}")
    return axis


def sizes(value: Value) -> tuple[int | str | None, ...]:
    """Returns the items of a shape."""
    if isinstance(value, Sizes):
        return value.items
    return tuple(numbers(value))


def row_of(items: Sequence[int | str | None]) -> tuple[Dim, ...]:
    """Returns a row's shape out of a whole one."""
    if not items or items[0] != ROW_COUNT or ROW_COUNT in items[1:]:
        raise Mixed("expected the number of rows as the first size, and there only")
    return tuple(item if isinstance(item, int) else None for item in items[1:])


def broadcast(shapes: Sequence[Any]) -> tuple[Dim, ...] | None:
    """Returns the shape that NumPy's broadcasting gives; None without all shapes."""
    if any(shape is None for shape in shapes):
        return None
    out: list[Dim] = []
    for index in range(1, max(map(len, shapes)) + 1):
        dims = {shape[-index] for shape in shapes if len(shape) >= index} - {1}
        out.insert(0, dims.pop() if len(dims) == 1 else (None if dims else 1))
    return tuple(out)


def dims_of(proto: Any) -> tuple[Dim, ...]:
    """Returns the dimensions of a TensorShapeProto."""
    return tuple(dim.size if dim.size >= 0 else None for dim in proto.dim)


def product(shape: Sequence[Dim]) -> int | None:
    """Returns the number of values; None where a dimension is not known."""
    known = [dim for dim in shape if dim is not None]
    return math.prod(known) if len(known) == len(shape) else None
