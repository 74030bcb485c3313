"""Whether a model is right as often as it says: the reliability diagram."""

from dataclasses import dataclass

import numpy as np

BINS = 15
"""Of the reliability diagram, as in Guo et al. 2017."""


@dataclass(frozen=True)
class Bin:
    """Answers of about the same confidence.

    Attributes:
        lower: Confidence above this (the first bin: or equal).
        upper: And at most this.
        answers: How many.
        confidence: Their mean; None if there are none.
        accuracy: Share of them that is right; None if there are none.
    """

    lower: float
    upper: float
    answers: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """Whether the model is right as often as it says.

    Attributes:
        bins: Of equal width, lowest confidence first.
        error: The expected calibration error: the mean distance between
            confidence and accuracy over the bins, weighted by their answers
            (Guo, Pleiss, Sun and Weinberger: On Calibration of Modern Neural
            Networks, ICML 2017).
        confidence: Mean over all answers.
        accuracy: Share of all answers that is right.
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
    # Bin m is ]edges[m], edges[m + 1]], as in the paper.
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
