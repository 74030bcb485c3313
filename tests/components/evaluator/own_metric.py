"""A metric in a file of a user."""

import numpy as np

from contract.metric import Metric


class Confidence(Metric):
    """The mean of the largest probability."""

    def per_row(self, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Returns each row's largest probability, `[rows, 1]`."""
        return probabilities.max(axis=1).astype(np.float64)[:, None]

    def of_sums(self, sums: np.ndarray, rows: int) -> float | None:
        """Returns the mean."""
        return float(sums[0] / rows)


class accuracy(Confidence):
    """Another metric with the name of a built-in one."""
