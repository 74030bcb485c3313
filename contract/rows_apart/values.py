"""What is known of a tensor, and the questions that a rule asks of an operation."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


class Mixed(Exception):
    """Rows may see each other; the text says by which operation."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """A tensor with a row for each row of the inputs, made of that row alone."""


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A tensor that depends on the inputs in no way, such as weights."""


ROW_COUNT = "the number of rows"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Whole numbers that depend on nothing of the inputs but the number of rows.

    Attributes:
        items: Numbers, `ROW_COUNT`, or None for what is not known.
        scalar: Whether it is one number and not a vector.
    """

    items: tuple[int | str | None, ...]
    scalar: bool = False


Value = Rows | Sizes | Fixed | None
"""Of a tensor; None where nothing is known: rows may see each other there."""


class Step:
    """An operation whose outputs are asked for, with what is known of its inputs."""

    def __init__(self, operation: tf.Operation, values: Sequence[Value]) -> None:
        self.values = values
        self.attribute: Callable[[str], Any] = operation.get_attr
        self.kind = operation.type
        self.outputs = operation.outputs
        self._inputs = operation.inputs

    def rank(self, place: int) -> int:
        """Returns the rank of an input."""
        rank = self._inputs[place].shape.rank
        if rank is None:
            raise Mixed("a rank is not known")
        return int(rank)

    def rows(self, place: int, least: int = 1) -> int:
        """Sees that an input is rows of a least rank; returns the rank."""
        if not isinstance(self.values[place], Rows):
            raise Mixed("expected rows")
        if self.rank(place) < least:
            raise Mixed(f"expected rows of {least - 1} or more dimensions")
        return self.rank(place)

    def fixed(self, *places: int) -> None:
        """Sees that inputs do not depend on the signature's."""
        if not all(isinstance(self.values[place], Fixed) for place in places):
            raise Mixed("expected what does not depend on the inputs")

    def rest_fixed(self, first: int = 1) -> None:
        """Sees that no later input depends on the signature's."""
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
        """Returns the values of an input that does not even hang on how many rows."""
        items = [item for item in self.sizes(place) if isinstance(item, int)]
        if len(items) != len(self.sizes(place)):
            raise Mixed("expected a constant")
        return items

    def inner_axis(self, place: int, rank: int) -> None:
        """Sees that an input is an axis that is not the rows'."""
        [axis] = self.numbers(place)
        check_axis(axis, rank)

    def row_count_first(self, place: int) -> int:
        """Sees that an input is the shape of rows; returns their rank."""
        items = self.sizes(place)
        if not items or items[0] != ROW_COUNT or ROW_COUNT in items[1:]:
            raise Mixed("expected the number of rows as the first size, and only there")
        return len(items)

    def below(self, place: int, rank: int) -> None:
        """Sees that a fixed input has no row of its own in a tensor of rows."""
        self.fixed(place)
        dims = self.dims(place)
        if len(dims) > rank or (len(dims) == rank and dims[0] != 1):
            raise Mixed("a constant has rows of its own")


def check_axis(axis: int, rank: int) -> None:
    """Sees that an axis, from the front or the back, is not the rows'."""
    if not 0 < axis + (rank if axis < 0 else 0) < rank:
        raise Mixed(f"works along axis {axis}")
