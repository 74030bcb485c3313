"""What a metric has to be, so that the Evaluator can compute it and hold to it."""

from abc import ABC
from typing import Any, ClassVar

import numpy as np

from contract.demands import AT_LEAST, AT_MOST
from contract.errors import BadInputError
from contract.own_code import imported, told

SETTING = "gates.metrics"


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


def make_metric(reference: str, options: dict[str, Any]) -> Metric:
    """Returns a metric by its class.

    Args:
        reference: `file.py:Class`, or the dotted path of the class; see
            `contract.code.split_reference`.
        options: What the class takes.

    Raises:
        BadInputError: There is no such class, it is no metric, or it does not take
            these options.
    """
    where = f"{SETTING}: {reference}"
    with imported(SETTING, reference) as found:
        if not (isinstance(found, type) and issubclass(found, Metric)):
            raise BadInputError(
                f"{where}: expected a subclass of contract.metric.Metric"
            )
        if found.direction not in (AT_LEAST, AT_MOST):
            raise BadInputError(
                f"{where}: direction: expected {AT_LEAST} or {AT_MOST}, found "
                f"{found.direction!r}"
            )
        with told(SETTING, reference):
            return found(**options)
