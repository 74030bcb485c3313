"""The base class of metrics, by which the Evaluator computes them."""

from abc import ABC
from typing import Any, ClassVar

import numpy as np

from contract.demands import AT_LEAST, AT_MOST
from contract.errors import BadInputError
from contract.own_code import imported, told

SETTING = "gates.metrics"

_TRIED_ROWS = 8
"""Most made-up rows by which a metric is tried."""


class Metric(ABC):  # noqa: B024 - a subclass overrides one of two pairs of methods
    """A number about a model's predictions for labelled images.

    A subclass overrides either `of_confusion`, if the confusion matrix is enough (it is
    computed anyway, so this costs nothing), or `per_row` and `of_sums`, if
    probabilities are needed: the values of the rows are summed up, possibly on several
    machines.

    Attributes:
        direction: `AT_LEAST` if more is better, `AT_MOST` if less is.
        by_class: Whether the metric makes sense for the rows of one class alone.
    """

    direction: ClassVar[str] = AT_LEAST
    by_class: ClassVar[bool] = True

    def of_confusion(self, confusion: np.ndarray) -> float | None:
        """Returns the metric from a confusion matrix.

        Args:
            confusion: int64 `[classes, classes + 1]`: number of images of the row's
                class that were predicted as the column's class. The last column counts
                images without a prediction, as no probability was above 0.

        Returns:
            The metric; None if there are no rows to compute it from.
        """
        raise NotImplementedError

    def per_row(self, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Returns the values of each row, which are summed up.

        Args:
            labels: int64 `[rows]`.
            probabilities: float32 `[rows, classes]`.

        Returns:
            float64 `[rows, n]`, with the same n in each call.
        """
        raise NotImplementedError

    def of_sums(self, sums: np.ndarray, rows: int) -> float | None:
        """Returns the metric from the sums over all rows.

        Args:
            sums: float64 `[n]`, sums of `per_row`.
            rows: Number of rows, at least 1.
        """
        raise NotImplementedError

    @property
    def needs_probabilities(self) -> bool:
        """Whether the metric needs more than the confusion matrix."""
        return type(self).of_confusion is Metric.of_confusion


def make_metric(reference: str, options: dict[str, Any]) -> Metric:
    """Returns an instance of a metric's class.

    Args:
        reference: `file.py:Class`, or the dotted path of the class; see
            `contract.code.split_reference`.
        options: Arguments of the class.

    Raises:
        BadInputError: There is no such class, it is no metric, or it does not accept
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


def try_metric(reference: str, options: dict[str, Any], classes: int) -> None:
    """Computes a metric of a few made-up rows, long before the Evaluator does.

    Args:
        reference: See `make_metric`.
        options: Arguments of the class.
        classes: Number of classes of the task.

    Raises:
        BadInputError: The metric cannot be computed for a task with so many classes.
    """
    metric = make_metric(reference, options)
    with told(SETTING, reference):
        if metric.needs_probabilities:
            labels = np.arange(min(classes, _TRIED_ROWS))
            probabilities = np.full((len(labels), classes), 1 / classes, np.float32)
            sums = metric.per_row(labels, probabilities).sum(axis=0)
            metric.of_sums(sums, len(labels))
        else:
            metric.of_confusion(np.ones((classes, classes + 1), np.int64))
