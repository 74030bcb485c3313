"""Sends many kinds of traffic to a model; compares estimated and true accuracy."""

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
"""Largest error of an estimate that is marked as trusted."""

SAMPLES = 20

_BATCH_ROWS = 1000

_LETTERS = 1000
"""Largest number of letter pictures to make: with few fonts, more would be alike."""


@dataclass(frozen=True)
class Finding:
    """The result for one kind of traffic.

    Attributes:
        kind: Name of the kind of traffic.
        estimate: Estimate of the accuracy, without labels.
        accuracy: True accuracy, by the labels.
    """

    kind: str
    estimate: Estimate
    accuracy: float

    @property
    def off(self) -> float:
        """Estimate minus true accuracy."""
        return self.estimate.value - self.accuracy

    @property
    def is_off(self) -> bool:
        """Whether the error is larger than `OFF`."""
        return abs(self.off) > OFF


@dataclass(frozen=True)
class _Asked:
    """The model's answers to pictures, as in a request log, and the true labels."""

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
    """A study of one model with labelled images that it has not seen."""

    def __init__(
        self, folder: Path, images: np.ndarray, labels: np.ndarray, rows: int, seed: int
    ) -> None:
        """Loads the model.

        Args:
            folder: Folder of the version.
            images: Images of digits in MNIST's form, uint8 `[n, 28, 28]`.
            labels: int64 `[n]`.
            rows: Number of pictures of each kind of traffic, at most n.
            seed: Seed of all random choices.

        Raises:
            BadInputError: The version has no file about its reliability.
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
        """Yields the findings for disturbed and for drawn digits."""
        task = self._model.served.task
        for kind, disturb in traffic.disturbed().items():
            rows = self._chosen(self._rows)
            images = disturb(self._images[rows], self._chance)
            yield self._find(kind, self._ask(images, self._labels[rows]))
        images, labels = traffic.drawn(self._rows, task, self._chance)
        yield self._find("drawn with the page's pen", self._ask(images, labels))

    def mixed(self) -> Iterator[Finding]:
        """Yields the findings for letters among digits."""
        unlike = "".join(sorted({*traffic.LETTERS} - {*traffic.LIKE_DIGITS}))
        for asked, text in (
            (self._letters, "letters"),
            (self._asked_letters(unlike), "letters unlike digits"),
        ):
            for share in (0.02, 0.04, 0.06, 0.1, 0.3, 1.0):
                found = self._with(asked, share, self._rows)
                yield self._find(f"{text}, {share:.0%}", found)

    def among(self, rows: int) -> tuple[int, int]:
        """Examines samples of `rows` pictures, 100 with letters and 100 without.

        Returns:
            Number of samples with 4 % of letters whose estimate is trusted but wrong,
            and number of samples without letters whose estimate is trusted.
        """
        mixed, undisturbed = (
            [self._find("", self._with(self._letters, share, rows)) for _ in range(100)]
            for share in (0.04, 0.0)
        )
        missed = sum(found.is_off and found.estimate.trusted for found in mixed)
        return missed, sum(found.estimate.trusted for found in undisturbed)

    def undisturbed(self) -> Iterator[Finding]:
        """Yields the findings for samples of the undisturbed images."""
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
