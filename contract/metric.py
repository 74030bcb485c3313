"""What a metric has to be, so that the Evaluator can compute it and hold to it."""

import importlib
from abc import ABC
from typing import Any, ClassVar

import numpy as np

from contract.demands import AT_LEAST, AT_MOST
from contract.errors import BadInputError


class Metric(ABC):  # noqa: B024 - a subclass overrides one of two pairs of methods
    """A number about a model's answers to labelled images.

    A subclass overrides either `of_confusion`, where the confusion matrix says it
    all (it is there anyway, so that costs nothing), or `per_row` and `of_sums`,
    where probabilities are needed: what rows add is summed up, on whatever machines.

    Attributes:
        direction: `AT_LEAST` if more is better, `AT_MOST` if less is.
        by_class: Whether it means something on the rows of one class alone.
    """

    direction: ClassVar[str] = AT_LEAST
    by_class: ClassVar[bool] = True

    def of_confusion(self, confusion: np.ndarray) -> float | None:
        """Returns the metric from a confusion matrix.

        Args:
            confusion: int64 `[classes, classes + 1]`: how many of the class in the
                row were answered with the class in the column; in the last column
                with none, as no probability was above 0.

        Returns:
            The number; None if there are no rows that say anything.
        """
        raise NotImplementedError

    def per_row(self, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Returns what each row adds.

        Args:
            labels: int64 `[rows]`.
            probabilities: float32 `[rows, classes]`.

        Returns:
            float64 `[rows, n]`, n the same for any rows.
        """
        raise NotImplementedError

    def of_sums(self, sums: np.ndarray, rows: int) -> float | None:
        """Returns the metric from what many rows added.

        Args:
            sums: float64 `[n]`.
            rows: How many there were, at least 1.
        """
        raise NotImplementedError

    @property
    def needs_probabilities(self) -> bool:
        """Whether the confusion matrix is not enough."""
        return type(self).of_confusion is Metric.of_confusion


def make_metric(path: str, options: dict[str, Any]) -> Metric:
    """Returns a metric by the dotted path of its class.

    Raises:
        BadInputError: There is no such class, it is no metric, or it does not take
            these options.
    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadInputError(
            f"gates.metrics: {path}: expected the dotted path of a class: {error}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Metric)):
        raise BadInputError(
            f"gates.metrics: {path}: expected a subclass of contract.metric.Metric"
        )
    if found.direction not in (AT_LEAST, AT_MOST):
        raise BadInputError(
            f"gates.metrics: {path}: direction: expected {AT_LEAST} or {AT_MOST}, "
            f"found {found.direction!r}"
        )
    try:
        return found(**options)
    except TypeError as error:
        raise BadInputError(f"gates.metrics: {path}: {error}") from error
