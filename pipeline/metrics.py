"""The built-in metrics of a model. A bound on one of them is a gate.

A metric is one class: it gives the values of each row, and the metric of their sums. It
does not depend on TFX. To use another one, name it in `[[gates.metrics]]` by its file
and class (`my_metrics.py:Mine`) or its dotted path, or add it to `OFFERED`.
"""

from typing import ClassVar

import numpy as np

from contract.demands import AT_LEAST, AT_MOST
from contract.metric import Metric

_BINS = 15
"""Number of bins of the reliability diagram, as in Guo et al. 2017."""

_SMALLEST = 1e-7
"""Keras' `epsilon`: a probability of 0 for the right class counts as this."""


class Accuracy(Metric):
    """Share of the images whose most probable class is their label."""

    direction = AT_LEAST

    def of_confusion(self, confusion: np.ndarray) -> float | None:
        """Returns the share of the diagonal."""
        return (
            float(np.trace(confusion)) / total if (total := confusion.sum()) else None
        )


class MacroF1(Metric):
    """Mean over the classes of the harmonic mean of precision and recall.

    A class without images and without predictions does not count (as in scikit-learn's
    `f1_score(average="macro")` over the labels that occur).
    """

    direction = AT_LEAST
    by_class: ClassVar[bool] = False

    def of_confusion(self, confusion: np.ndarray) -> float | None:
        """Returns the mean of the classes' F1."""
        right = np.diag(confusion)
        # The last column counts images without a prediction, and is left out here.
        there = confusion.sum(axis=1) + confusion[:, : len(right)].sum(axis=0)
        used = there > 0
        return float((2 * right[used] / there[used]).mean()) if used.any() else None


class TopK(Metric):
    """Share of the images whose label is among the k most probable classes."""

    direction = AT_LEAST

    def __init__(self, k: int = 5) -> None:
        self.k = k

    def per_row(self, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Returns 1 for each right row and 0 for others, `[rows, 1]`."""
        of_label = probabilities[np.arange(len(labels)), labels]
        better = (probabilities > of_label[:, None]).sum(axis=1)
        return (better < self.k).astype(np.float64)[:, None]

    def of_sums(self, sums: np.ndarray, rows: int) -> float | None:
        """Returns the share."""
        return float(sums[0] / rows)


class LogLoss(Metric):
    """Mean cross-entropy: minus the logarithm of the label's probability, in nats."""

    direction = AT_MOST

    def per_row(self, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Returns each row's cross-entropy, `[rows, 1]`."""
        of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        return -np.log(np.clip(of_label, _SMALLEST, 1.0))[:, None]

    def of_sums(self, sums: np.ndarray, rows: int) -> float | None:
        """Returns the mean."""
        return float(sums[0] / rows)


class CalibrationError(Metric):
    """Expected calibration error: the difference between confidence and accuracy.

    It is the mean absolute difference over bins of equal width, weighted by their rows
    (Guo, Pleiss, Sun and Weinberger: On Calibration of Modern Neural Networks, ICML
    2017, equation 3).
    """

    direction = AT_MOST

    def per_row(self, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Returns confidence minus 1 (right) or 0, in the row's bin, `[rows, bins]`."""
        confidence = probabilities.max(axis=1).astype(np.float64)
        right = probabilities.argmax(axis=1) == labels
        # Bin m is ]m / bins, (m + 1) / bins], as in the paper.
        bins = np.clip(np.ceil(confidence * _BINS).astype(int) - 1, 0, _BINS - 1)
        sums = np.zeros((len(labels), _BINS))
        sums[np.arange(len(labels)), bins] = confidence - right
        return sums

    def of_sums(self, sums: np.ndarray, rows: int) -> float | None:
        """Returns the mean difference of the bins, weighted by their rows."""
        return float(np.abs(sums).sum() / rows)


OFFERED: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "macro_f1": MacroF1,
    "top_k": TopK,
    "log_loss": LogLoss,
    "calibration_error": CalibrationError,
}
"""Metrics by their names in the configuration."""
