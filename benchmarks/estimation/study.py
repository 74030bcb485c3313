"""Traffic of many kinds goes to a model, and its accuracy is estimated and counted."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.estimation import traffic
from contract.errors import BadInputError
from contract.estimation import Estimate, estimate
from contract.reliability import RELIABILITY_FILE, Reliability, read_reliability
from serving.client.local import LocalModel

OFF = 0.03
"""So far an estimate may be off, unless it says that it cannot be trusted."""

SAMPLES = 20

_BATCH_ROWS = 1000

_LETTERS = 1000
"""That are made at most; some fonts and a few sizes are soon all the same."""


@dataclass(frozen=True)
class Finding:
    """What came of one kind of traffic.

    Attributes:
        kind: Of traffic, for people.
        estimate: Made without labels.
        accuracy: Counted with them.
    """

    kind: str
    estimate: Estimate
    accuracy: float

    @property
    def off(self) -> float:
        """How much too high the estimate is."""
        return self.estimate.value - self.accuracy

    @property
    def is_off(self) -> bool:
        """Whether it is farther off than it may be."""
        return abs(self.off) > OFF


@dataclass(frozen=True)
class _Asked:
    """Answers to pictures, as a monitor has them, and what is right."""

    probabilities: np.ndarray
    novelty: np.ndarray
    labels: np.ndarray

    def some(self, rows: np.ndarray) -> "_Asked":
        return _Asked(self.probabilities[rows], self.novelty[rows], self.labels[rows])

    def and_(self, other: "_Asked") -> "_Asked":
        return _Asked(
            np.concatenate([self.probabilities, other.probabilities]),
            np.concatenate([self.novelty, other.novelty]),
            np.concatenate([self.labels, other.labels]),
        )


class Study:
    """One model, and labelled images that it has not seen."""

    def __init__(
        self, folder: Path, images: np.ndarray, labels: np.ndarray, rows: int, seed: int
    ) -> None:
        """Loads the model.

        Args:
            folder: Of the version.
            images: uint8 `[n, 28, 28]`, digits as MNIST has them.
            labels: int64 `[n]`.
            rows: Pictures of each kind of traffic, at most n.
            seed: Of all that is left to chance.

        Raises:
            BadInputError: The version tells nothing of its reliability.
        """
        self._model = LocalModel(folder)
        reliability = read_reliability(str(folder))
        if reliability is None:
            raise BadInputError(
                f"{folder}: expected {RELIABILITY_FILE}, found none: train and push "
                "the model again"
            )
        self._reliability: Reliability = reliability
        self._images, self._labels, self._rows = images, labels, rows
        self._chance = np.random.default_rng(seed)

    def kinds(self) -> Iterator[Finding]:
        """Yields what comes of digits that something happened to."""
        task = self._model.served.task
        for kind, disturb in traffic.disturbed().items():
            rows = self._chosen(self._rows)
            images = disturb(self._images[rows], self._chance)
            yield self._find(kind, self._ask(images, self._labels[rows]))
        images, labels = traffic.drawn(self._rows, task, self._chance)
        yield self._find("drawn with the page's pen", self._ask(images, labels))

    def mixed(self) -> Iterator[Finding]:
        """Yields what comes of letters among digits."""
        unlike = "".join(sorted({*traffic.LETTERS} - {*traffic.LIKE_DIGITS}))
        for asked, text in (
            (self._letters, "letters"),
            (self._asked_letters(unlike), "letters unlike digits"),
        ):
            for share in (0.02, 0.04, 0.06, 0.1, 0.3, 1.0):
                found = self._with(asked, share, self._rows)
                yield self._find(f"{text}, {share:.0%}", found)

    def among(self, rows: int) -> tuple[int, int]:
        """Returns what samples of so many rows come to, 100 of each kind.

        Returns:
            Those with 4 % of letters that are trusted, and off; and those without
            letters that are trusted.
        """
        mixed, undisturbed = (
            [self._find("", self._with(self._letters, share, rows)) for _ in range(100)]
            for share in (0.04, 0.0)
        )
        missed = sum(found.is_off and found.estimate.trusted for found in mixed)
        return missed, sum(found.estimate.trusted for found in undisturbed)

    def undisturbed(self) -> Iterator[Finding]:
        """Yields what comes of samples of the images as they are."""
        for number in range(1, SAMPLES + 1):
            rows = self._chosen(self._rows)
            yield self._find(f"sample {number}", self._digits.some(rows))

    @cached_property
    def _digits(self) -> _Asked:
        return self._ask(self._images, self._labels)

    @cached_property
    def _letters(self) -> _Asked:
        return self._asked_letters(traffic.LETTERS)

    def _asked_letters(self, names: str) -> _Asked:
        task, made = self._model.served.task, min(_LETTERS, self._rows)
        images = traffic.letters(names, made, task, self._chance)
        return self._ask(images, np.full(made, traffic.NOT_OF_TASK))

    def _with(self, letters: _Asked, share: float, rows: int) -> _Asked:
        count = round(share * rows)
        some = self._chance.integers(len(letters.labels), size=count)
        return letters.some(some).and_(self._digits.some(self._chosen(rows - count)))

    def _chosen(self, rows: int) -> np.ndarray:
        return self._chance.choice(len(self._images), rows, replace=False)

    def _ask(self, images: np.ndarray, labels: np.ndarray) -> _Asked:
        answers = [
            answer
            for start in range(0, len(images), _BATCH_ROWS)
            for answer in self._model.predict_images(
                images[start : start + _BATCH_ROWS], novelty=True
            )
        ]
        return _Asked(
            np.array([answer.probabilities for answer in answers], np.float32),
            np.array([answer.novelty for answer in answers], np.float32),
            labels,
        )

    def _find(self, kind: str, asked: _Asked) -> Finding:
        return Finding(
            kind,
            estimate(self._reliability, asked.probabilities, asked.novelty),
            float((asked.probabilities.argmax(axis=1) == asked.labels).mean()),
        )
