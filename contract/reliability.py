"""What a model's answers were worth on data that it did not learn from.

The Trainer measures it and writes it into the SavedModel. With it the accuracy of
answers can be estimated whose labels nobody knows (`contract.estimation`), and a
picture that is not of this task can be told (the signature `novelty`). Nothing here
imports TensorFlow.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from contract import described
from contract.errors import BadInputError

RELIABILITY_FILE = os.path.join("assets.extra", "reliability.json")
"""Its name in a SavedModel. Versions of before November 2026 have none."""


@dataclass(frozen=True)
class Reliability:
    """Measured on held rows: of the eval split, and nothing was chosen by them.

    The calibration is isotonic: a row belongs to the last block whose edge is at most
    its confidence, which is the probability of the class that it was answered with.
    From block to block the share of right answers does not fall.

    Attributes:
        edges: The least confidence of each block, ascending; the first is 0.
        rows: Held rows in each block, at least 1.
        right: How many of them were answered rightly.
        answered: Held rows that were answered with each class, by label.
        confidence_edges: What divides the held rows by confidence into ten parts of
            as many rows, as far as there are that many confidences: nine numbers,
            ascending. A row of an edge's confidence is in the part below.
        confidence_rows: Held rows in each part.
        novelty_edges: The same by novelty.
        novelty_rows: Likewise.
        novelty_bound: A picture whose novelty is above it is not of this task; above
            it are `FALSE_ALARMS` of the held rows.
    """

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
        """Share of the held rows that were answered rightly."""
        return sum(self.right) / sum(self.rows)

    def to_json(self) -> str:
        """Returns `reliability.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Reads what `to_json` returned; keys of a later version are left out.

        Raises:
            BadInputError: It is something else.
        """
        content = described.parse(text, "reliability")
        try:
            known = {key: _value(content[key]) for key in cls.__dataclass_fields__}
        except (ValueError, KeyError, TypeError) as error:
            raise BadInputError(
                f"reliability: expected {', '.join(cls.__dataclass_fields__)}, "
                f"found: {error!r}"
            ) from error
        return cls(**known)


FALSE_ALARMS = 0.01
"""Share of pictures of the task that are taken for one that is not."""


def _value(content: Any) -> Any:
    if isinstance(content, Mapping):
        raise TypeError(f"expected numbers, found {content}")
    return tuple(content) if isinstance(content, list) else float(content)


def read_reliability(folder: str) -> Reliability | None:
    """Returns the reliability of a model's answers; None of an older version.

    Args:
        folder: Of the SavedModel, on this machine.

    Raises:
        BadInputError: The file is there and cannot be read.
    """
    path = os.path.join(folder, RELIABILITY_FILE)
    return described.read(path, Reliability.from_json)


def parts(edges: ArrayLike, values: np.ndarray) -> np.ndarray:
    """Returns how many values are in each of the parts that edges divide them into."""
    places = np.searchsorted(edges, values)
    return np.bincount(places, minlength=len(np.asarray(edges)) + 1)


def measure(
    probabilities: np.ndarray, labels: np.ndarray, novelty: np.ndarray
) -> Reliability:
    """Measures the reliability of a model on held rows.

    Args:
        probabilities: float32 `[rows, classes]`, what the model answered.
        labels: int64 `[rows]`, what is right.
        novelty: float32 `[rows]`, what the model said of them; see `Reliability`.
    """
    # Not at import: whoever only reads the result does without.
    from sklearn.isotonic import isotonic_regression

    confidences = probabilities.max(axis=1)
    answers = probabilities.argmax(axis=1)
    order = np.argsort(confidences, kind="stable")
    right = (answers == labels)[order]
    # Rows of one confidence are one point; else the order of equals would count.
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
        # A quantile that is a row's own value, which float64 holds exactly.
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
        # As the served graph compares it.
        novelty_bound=float(np.float32(np.quantile(novelty, 1 - FALSE_ALARMS))),
    )
