"""Kinds of tensors, and the checks of an operation that the rules use."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


class Mixed(Exception):
    """Rows may influence each other; the message names the operation."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """A tensor with a row for each row of the inputs; it depends on that row only."""


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A tensor that does not depend on the inputs, such as weights."""


ROW_COUNT = "the number of rows"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Whole numbers that depend only on the number of rows of the inputs.

    Attributes:
        items: Numbers, `ROW_COUNT`, or None for an unknown number.
        scalar: Whether the tensor is one number and not a vector.
    """

    items: tuple[int | str | None, ...]
    scalar: bool = False


Value = Rows | Sizes | Fixed | None
"""Kind of a tensor; None if it is unknown: rows may influence each other there."""


class Step:
    """An operation with the kinds of its inputs; rules use the methods as checks."""

    def __init__(self, operation: tf.Operation, values: Sequence[Value]) -> None:
        self.values = values
        self.attribute: Callable[[str], Any] = operation.get_attr
        self.outputs = operation.outputs
        self._inputs = operation.inputs

    def rank(self, place: int) -> int:
        """Returns the rank of an input."""
        rank = self._inputs[place].shape.rank
        if rank is None:
            raise Mixed("a rank is not known")
        return int(rank)

    def rows(self, place: int, least: int = 1) -> int:
        """Checks that an input is `Rows` with at least this rank; returns its rank."""
        if not isinstance(self.values[place], Rows):
            raise Mixed("expected rows")
        if self.rank(place) < least:
            raise Mixed(f"expected rows of {least - 1} or more dimensions")
        return self.rank(place)

    def fixed(self, *places: int) -> None:
        """Checks that inputs are `Fixed`."""
        if not all(isinstance(self.values[place], Fixed) for place in places):
            raise Mixed("expected what does not depend on the inputs")

    def rest_fixed(self, first: int = 1) -> None:
        """Checks that all inputs from `first` on are fixed."""
        self.fixed(*range(first, len(self.values)))

    def dims(self, place: int) -> list[int | None]:
        """Returns the shape of an input whose rank is known."""
        self.rank(place)
        return list(self._inputs[place].shape)

    def sizes(self, place: int) -> tuple[int | str | None, ...]:
        """Returns the items of an input that is a shape."""
        value = self.values[place]
        if isinstance(value, Sizes):
            return value.items
        self.fixed(place)
        tensor = self._inputs[place]
        while tensor.op.type == "Identity":
            tensor = tensor.op.inputs[0]
        constant = tf.get_static_value(tensor)
        if constant is None:
            raise Mixed("expected a constant")
        return tuple(int(item) for item in constant.ravel())

    def numbers(self, place: int) -> list[int]:
        """Returns the values of an input that does not depend on the number of rows."""
        items = [item for item in self.sizes(place) if isinstance(item, int)]
        if len(items) != len(self.sizes(place)):
            raise Mixed("expected a constant")
        return items

    def inner_axis(self, place: int, rank: int) -> None:
        """Checks that an input is an axis other than that of the rows."""
        [axis] = self.numbers(place)
        check_axis(axis, rank)

    def row_count_first(self, place: int) -> int:
        """Checks that an input is the shape of a tensor of rows; returns its rank."""
        items = self.sizes(place)
        if not items or items[0] != ROW_COUNT or ROW_COUNT in items[1:]:
            raise Mixed("expected the number of rows as the first size, and only there")
        return len(items)

    def below(self, place: int, rank: int) -> None:
        """Checks that a fixed input is the same for all rows when it is broadcast."""
        self.fixed(place)
        dims = self.dims(place)
        if len(dims) > rank or (len(dims) == rank and dims[0] != 1):
            raise Mixed("a constant has rows of its own")


def check_axis(axis: int, rank: int) -> None:
    """Checks that an axis, counted from front or back, is not that of the rows."""
    if not 0 < axis + (rank if axis < 0 else 0) < rank:
        raise Mixed(f"works along axis {axis}")
