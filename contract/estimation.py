"""How many answers are right, estimated without labels.

Confidence-based performance estimation (CBPE, as NannyML calls it): the model's
confidences are calibrated on held rows (`contract.reliability`), so that a calibrated
confidence is the probability that the answer is right, and the accuracy that is to be
expected is their mean. This assumes that a picture that comes with some confidence is
as often answered rightly as the held rows with this confidence. Where the pictures are
of another kind, it is not so: a network may be sure of nonsense. So the estimate comes
with what speaks against the assumption, and is then not to be trusted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np

from contract.reliability import FALSE_ALARMS, Reliability

LEVEL = 0.95
"""Probability with which the interval holds the accuracy, where the assumption does."""


@dataclass(frozen=True)
class Estimate:
    """The accuracy of answers whose labels nobody knows.

    Attributes:
        value: The share of right answers that is to be expected.
        low: Lower end of the interval at `LEVEL`: it knows of the number of rows that
            were answered, and of those that were calibrated on.
        high: Its upper end.
        rows: Answers that it is of.
        novel: The share of pictures beyond the bound of novelty.
        trusted: Whether nothing speaks against the assumption; see `reasons`.
        reasons: What does, a line each.
    """

    value: float
    low: float
    high: float
    rows: int
    novel: float
    trusted: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """What an estimate needs of answers: of as many as there are, in little memory.

    Attributes:
        blocks: Answers in each block of the calibration.
        answered: Answers by class.
        novelty: Pictures in each tenth of the held rows' novelty.
        novel: Pictures beyond the bound.
    """

    blocks: np.ndarray
    answered: np.ndarray
    novelty: np.ndarray
    novel: int

    @classmethod
    def of(
        cls, reliability: Reliability, probabilities: np.ndarray, novelty: np.ndarray
    ) -> Self:
        """Counts answers.

        Args:
            reliability: Of the model that answered.
            probabilities: float `[rows, classes]`.
            novelty: float `[rows]`.
        """
        places = np.searchsorted(
            reliability.edges, probabilities.max(axis=1), side="right"
        )
        tenths = np.searchsorted(reliability.novelty_edges, novelty)
        return cls(
            blocks=np.bincount(places - 1, minlength=len(reliability.edges)),
            answered=np.bincount(
                probabilities.argmax(axis=1), minlength=len(reliability.answered)
            ),
            novelty=np.bincount(tenths, minlength=len(reliability.novelty_edges) + 1),
            # No number is as novel as can be.
            novel=int((~(novelty <= reliability.novelty_bound)).sum()),
        )

    def __add__(self, other: Self) -> Self:
        """Returns the counts of both, of one model's answers."""
        return type(self)(
            self.blocks + other.blocks,
            self.answered + other.answered,
            self.novelty + other.novelty,
            self.novel + other.novel,
        )


def estimate(
    reliability: Reliability, probabilities: np.ndarray, novelty: np.ndarray
) -> Estimate:
    """Estimates the accuracy of answers that fit in memory; see `of_counts`."""
    return of_counts(reliability, Counts.of(reliability, probabilities, novelty))


def of_counts(reliability: Reliability, counts: Counts) -> Estimate:
    """Estimates the accuracy of answers.

    Two things are left to chance: which answers came out right, given the probability
    that each does, and which rows were held for the calibration. Their variances add
    up to that of a normal distribution.

    Args:
        reliability: Of the model that answered.
        counts: Of the answers, at least one.
    """
    answers = int(counts.blocks.sum())
    held, right = np.array(reliability.rows), np.array(reliability.right)
    shares = counts.blocks / answers
    value = float(shares @ (right / held))
    # With half a row added to each side, a block without a wrong answer is not certain.
    smooth = (right + 0.5) / (held + 1)
    variance = smooth * (1 - smooth)
    spread = shares @ variance / answers + np.square(shares) @ (variance / held)
    reach = NormalDist().inv_cdf((1 + LEVEL) / 2) * float(np.sqrt(spread))
    reasons = tuple(_against(reliability, counts, value))
    return Estimate(
        value=value,
        low=max(0.0, value - reach),
        high=min(1.0, value + reach),
        rows=answers,
        novel=counts.novel / answers,
        trusted=not reasons,
        reasons=reasons,
    )


_CHANCE = NormalDist().inv_cdf(1 - 0.0005)
"""So many standard deviations a share is off by chance in one of 1,000 samples."""

LEAST_ROWS = 300
"""Of fewer answers a shift that matters can be chance."""

_NOVEL = 0.02
"""The share of novel pictures may be above `FALSE_ALARMS` by this: as much as these
pictures alone can move the estimate."""

_SHIFT = 0.1
"""So much the distribution of novelty may move: the largest difference of cumulative
shares, as in a Kolmogorov-Smirnov test."""

_CLASSES = 0.2
"""So much the shares of the classes answered may move: half the sum of differences."""


def _against(reliability: Reliability, counts: Counts, value: float) -> Iterable[str]:
    """Yields what speaks against the assumption; each bound leaves room for chance."""
    answers, held = int(counts.blocks.sum()), sum(reliability.rows)
    if answers < LEAST_ROWS:
        yield (
            f"{answers} pictures are too few to see whether they are of another kind: "
            f"expected at least {LEAST_ROWS}"
        )
    apart = 1 / answers + 1 / held
    novel = counts.novel / answers
    chance = _CHANCE * np.sqrt(FALSE_ALARMS * (1 - FALSE_ALARMS) * apart)
    if novel > FALSE_ALARMS + _NOVEL + chance:
        yield (
            f"{novel:.1%} of the pictures are not of this task, where "
            f"{FALSE_ALARMS:.0%} would be by false alarm"
        )
    tenths = np.arange(1, len(counts.novelty)) / len(counts.novelty)
    moved = float(np.abs(np.cumsum(counts.novelty)[:-1] / answers - tenths).max())
    # The distribution of the largest difference has about this tail (Smirnov).
    if moved > _SHIFT + np.sqrt(np.log(2 / 0.001) / 2 * apart):
        yield (
            "the pictures are of another kind than those that the confidences were "
            f"calibrated on: their novelty has moved by {moved:.2f}"
        )
    before = np.array(reliability.answered) / held
    shift = float(np.abs(counts.answered / answers - before).sum() / 2)
    if shift > _CLASSES + _CHANCE * float(np.sqrt(before * (1 - before)).sum()) / 2 * (
        np.sqrt(apart)
    ):
        yield (
            "the answers are of other classes than those that the confidences were "
            f"calibrated on: their shares have moved by {shift:.2f}"
        )
