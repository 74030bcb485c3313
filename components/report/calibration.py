"""Measures a model's calibration: reliability diagram and calibration error."""

from dataclasses import dataclass

import numpy as np

BINS = 15
"""Number of bins of the reliability diagram, as in Guo et al. 2017."""


@dataclass(frozen=True)
class Bin:
    """A bin of the reliability diagram.

    Attributes:
        lower: Lower bound of the confidence, exclusive (inclusive in the first bin).
        upper: Upper bound of the confidence, inclusive.
        answers: Number of answers.
        confidence: Mean confidence of the answers; None if there are none.
        accuracy: Accuracy of the answers; None if there are none.
    """

    lower: float
    upper: float
    answers: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """Calibration of a model: how well its confidence agrees with its accuracy.

    Attributes:
        bins: Bins of equal width, lowest confidence first.
        error: Expected calibration error: the mean distance between confidence and
            accuracy over the bins, weighted by their answers (Guo, Pleiss, Sun and
            Weinberger: On Calibration of Modern Neural Networks, ICML 2017).
        confidence: Mean confidence of all answers.
        accuracy: Accuracy of all answers.
    """

    bins: tuple[Bin, ...]
    error: float
    confidence: float
    accuracy: float


def calibrate(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS
) -> Calibration:
    """Returns the reliability diagram's bins and the expected calibration error."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    # Bin m is the interval (edges[m], edges[m + 1]], as in the paper.
    of_bin = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    found = []
    error = 0.0
    for index in range(bins):
        inside = of_bin == index
        count = int(inside.sum())
        mean = float(confidence[inside].mean()) if count else None
        accuracy = float(right[inside].mean()) if count else None
        found.append(
            Bin(float(edges[index]), float(edges[index + 1]), count, mean, accuracy)
        )
        if mean is not None and accuracy is not None:
            error += count / len(labels) * abs(accuracy - mean)
    return Calibration(
        tuple(found),
        error,
        float(confidence.mean()) if len(labels) else 0.0,
        float(right.mean()) if len(labels) else 0.0,
    )
