"""Measures the reliability of a model's predictions on rows that it was not trained on.

The Trainer measures it and writes it into the SavedModel. `contract.estimation` uses it
to estimate the accuracy of predictions without labels, and the signature `novelty` uses
it to detect pictures that are not of this task. This module does not import TensorFlow.
"""

import os
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, ValidationError

from contract import described
from contract.errors import BadInputError

RELIABILITY_FILE = os.path.join("assets.extra", "reliability.json")
"""Path of the file in a SavedModel. Versions before November 2026 do not have it."""


class Reliability(BaseModel):
    """The reliability of a model, measured on held rows.

    Held rows are rows of the eval split by which nothing was chosen. The calibration is
    isotonic: a row belongs to the last block whose edge is at most its confidence, the
    probability of the predicted class. From block to block, the share of right
    predictions does not fall.

    Attributes:
        edges: Least confidence of each block, ascending; the first is 0.
        rows: Held rows in each block, at least 1.
        right: Rightly predicted held rows in each block.
        answered: Held rows that were predicted as each class, by label.
        confidence_edges: Nine numbers, ascending, that divide the held rows by
            confidence into ten parts of equal size, as far as there are enough
            different confidences. A row on an edge belongs to the part below.
        confidence_rows: Held rows in each of these parts.
        novelty_edges: Nine numbers that divide the held rows by novelty.
        novelty_rows: Held rows in each of the parts by novelty.
        novelty_bound: A picture whose novelty is above it does not count as one of this
            task; `FALSE_ALARMS` of the held rows are above it.
    """

    # A later version may add keys.
    model_config = ConfigDict(frozen=True, extra="ignore")

    edges: tuple[float, ...]
    rows: tuple[int, ...]
    right: tuple[int, ...]
    answered: tuple[int, ...]
    confidence_edges: tuple[float, ...]
    confidence_rows: tuple[int, ...]
    novelty_edges: tuple[float, ...]
    novelty_rows: tuple[int, ...]
    novelty_bound: float

    @property
    def accuracy(self) -> float:
        """Share of the held rows that were predicted rightly."""
        return sum(self.right) / sum(self.rows)

    def to_json(self) -> str:
        """Returns `reliability.json`."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Reads what `to_json` returned.

        Raises:
            BadInputError: The text has another content.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "content"
            raise BadInputError(f"reliability: {where}: {first['msg']}") from error


FALSE_ALARMS = 0.01
"""Share of the task's own pictures that count as pictures of another task."""


def read_reliability(folder: str) -> Reliability | None:
    """Returns the reliability of a model; None if its version is older than the file.

    Args:
        folder: Local folder of the SavedModel.

    Raises:
        BadInputError: The file exists and cannot be read.
    """
    path = os.path.join(folder, RELIABILITY_FILE)
    return described.read(path, Reliability.from_json)


def parts(edges: ArrayLike, values: np.ndarray) -> np.ndarray:
    """Returns the number of values in each of the parts between the edges."""
    places = np.searchsorted(edges, values)
    return np.bincount(places, minlength=len(np.asarray(edges)) + 1)


def measure(
    probabilities: np.ndarray, labels: np.ndarray, novelty: np.ndarray
) -> Reliability:
    """Measures the reliability of a model on held rows.

    Args:
        probabilities: float32 `[rows, classes]`, the model's predictions.
        labels: int64 `[rows]`, the right classes.
        novelty: float32 `[rows]`, the model's novelty of the pictures.
    """
    # Imported here, as readers of the result do not need it.
    from sklearn.isotonic import isotonic_regression

    confidences = probabilities.max(axis=1)
    answers = probabilities.argmax(axis=1)
    order = np.argsort(confidences, kind="stable")
    right = (answers == labels)[order]
    # Rows of equal confidence are one point; otherwise their order would matter.
    distinct, first, counts = np.unique(
        confidences[order], return_index=True, return_counts=True
    )
    shares = np.add.reduceat(right.astype(np.float64), first) / counts
    fitted = isotonic_regression(shares, sample_weight=counts)
    starts = np.flatnonzero(np.diff(fitted, prepend=-1) > 0)
    edges = distinct[starts].astype(np.float64)
    edges[0] = 0
    classes = probabilities.shape[1]
    tenths = np.arange(1, 10) / 10
    by_confidence, by_novelty = (
        # This quantile is the value of a row, which float64 represents exactly.
        np.quantile(values, tenths, method="lower").astype(np.float64)
        for values in (confidences, novelty)
    )
    return Reliability(
        edges=tuple(edges.tolist()),
        rows=tuple(np.add.reduceat(counts, starts).tolist()),
        right=tuple(np.add.reduceat(right.astype(np.int64), first[starts]).tolist()),
        answered=tuple(np.bincount(answers, minlength=classes).tolist()),
        confidence_edges=tuple(by_confidence.tolist()),
        confidence_rows=tuple(parts(by_confidence, confidences).tolist()),
        novelty_edges=tuple(by_novelty.tolist()),
        novelty_rows=tuple(parts(by_novelty, novelty).tolist()),
        # The served graph compares in float32.
        novelty_bound=float(np.float32(np.quantile(novelty, 1 - FALSE_ALARMS))),
    )
