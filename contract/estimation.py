"""How many answers are right, estimated without labels.

Confidence-based performance estimation (CBPE, as NannyML calls it): the model's
confidences are calibrated on held rows (`contract.reliability`), so that a calibrated
confidence is the probability that the answer is right, and the accuracy that is to be
expected is their mean. This assumes that a picture that comes with some confidence is
as often answered rightly as the held rows with this confidence. Where the pictures are
of another kind, it is not so: a network may be sure of nonsense. So the estimate comes
with what speaks against the assumption, and is then not to be trusted.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from contract.reliability import FALSE_ALARMS, Reliability, parts

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
        trusted: Whether the assumption was tested and nothing speaks against it.
        doubts: What does, beyond what chance makes; a line each.
        reasons: Why it is not trusted, a line each: the doubts, or that pictures of
            another kind could not be seen among so few.
    """

    value: float
    low: float
    high: float
    rows: int
    novel: float
    trusted: bool
    doubts: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """What an estimate needs of answers: of as many as there are, in little memory.

    Attributes:
        blocks: Answers in each block of the calibration.
        answered: Answers by class.
        confidences: Answers in each tenth of the held rows, by confidence.
        novelty: Pictures in each tenth of the held rows, by novelty.
        novel: Pictures beyond the bound.
    """

    blocks: np.ndarray
    answered: np.ndarray
    confidences: np.ndarray
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
        # An answer that is no number is worth the least.
        confidences = np.nan_to_num(probabilities.max(axis=1), nan=0.0)
        places = np.searchsorted(reliability.edges, confidences, side="right")
        return cls(
            blocks=np.bincount(places - 1, minlength=len(reliability.edges)),
            answered=np.bincount(
                probabilities.argmax(axis=1), minlength=len(reliability.answered)
            ),
            confidences=parts(reliability.confidence_edges, confidences),
            novelty=parts(reliability.novelty_edges, novelty),
            # No number is as novel as can be.
            novel=int((~(novelty <= reliability.novelty_bound)).sum()),
        )

    def __add__(self, other: Self) -> Self:
        """Returns the counts of both, of one model's answers."""
        return type(self)(
            self.blocks + other.blocks,
            self.answered + other.answered,
            self.confidences + other.confidences,
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
    doubts = reasons = tuple(_against(reliability, counts))
    if not doubts and _might_be_overlooked(counts.novel, answers, int(held.sum())):
        reasons = (
            "whether pictures of another kind are among them cannot be told: too few "
            f"of them, {answers:,}, or of the held rows, {held.sum():,}",
        )
    return Estimate(
        value=value,
        low=max(0.0, value - reach),
        high=min(1.0, value + reach),
        rows=answers,
        novel=counts.novel / answers,
        trusted=not reasons,
        doubts=doubts,
        reasons=reasons,
    )


_CHANCE = 0.001
"""How seldom a bound is passed by chance, where pictures are of the same kind."""

_NOVEL = 0.01
"""So much larger than `FALSE_ALARMS` the share of novel pictures is where pictures of
another task, answered wrongly, put the estimate 0.03 off: about 0.037 of letters do,
and of letters MNIST's default network finds 0.3 (docs/after-the-push.md)."""

_OVERLOOKED = 0.05
"""How often so many pictures of another task may be overlooked."""

_NOVELTY = 0.1
"""So much the novelty may move, and `_CONFIDENCES` the confidences: the largest
difference of cumulative shares, as in the test of Kolmogorov and Smirnov. Both are
from MNIST: where neither the share of novel pictures nor the other told of it, the
estimate was off by more than 0.03 from 0.3 and 0.5 on; see `docs/after-the-push.md`."""

_CONFIDENCES = 0.3

_CLASSES = 0.2
"""So much the shares of the classes answered may move: half the sum of differences."""


def _might_be_overlooked(novel: int, answers: int, held: int) -> bool:
    """Whether so many pictures of another task that it matters may be among them.

    An upper bound of how much larger the share of novel pictures is than that of the
    held rows, whose variance it has where that is `_NOVEL`, is held to `_NOVEL`. So few
    pictures, or few held rows, are not trusted for what does not show in them.

    Args:
        novel: Pictures beyond the bound of novelty.
        answers: All of them.
        held: The held rows.
    """
    share = FALSE_ALARMS + _NOVEL
    variance = share * (1 - share) / answers + FALSE_ALARMS * (1 - FALSE_ALARMS) / held
    reach = NormalDist().inv_cdf(1 - _OVERLOOKED) * math.sqrt(variance)
    return novel / answers - FALSE_ALARMS + reach > _NOVEL


def _against(reliability: Reliability, counts: Counts) -> Iterator[str]:
    """Yields what speaks against the assumption; each bound leaves room for chance."""
    answers, held = int(counts.blocks.sum()), sum(reliability.rows)
    # The variance of a difference of shares, but for that of a single row.
    apart = 1 / answers + 1 / held
    deviations = NormalDist().inv_cdf(1 - _CHANCE)
    novel = counts.novel / answers
    chance = deviations * math.sqrt(FALSE_ALARMS * (1 - FALSE_ALARMS) * apart)
    # What is more than chance, but of many pictures, may be less than matters.
    if novel > FALSE_ALARMS + chance and _might_be_overlooked(
        counts.novel, answers, held
    ):
        yield (
            f"{novel:.1%} of the pictures are not of this task, where false alarms "
            f"would be {FALSE_ALARMS:.0%}"
        )
    # Of the largest difference of two samples' cumulative shares (Smirnov's bound).
    chance = math.sqrt(math.log(2 / _CHANCE) / 2 * apart)
    moved = _moved(counts.novelty, reliability.novelty_rows)
    if moved > _NOVELTY + chance:
        yield f"the novelty of the pictures has moved by {moved:.2f}"
    moved = _moved(counts.confidences, reliability.confidence_rows)
    if moved > _CONFIDENCES + chance:
        yield f"the confidences have moved by {moved:.2f}"
    before = np.array(reliability.answered) / held
    moved = float(np.abs(counts.answered / answers - before).sum() / 2)
    chance = deviations * math.sqrt(apart) * np.sqrt(before * (1 - before)).sum() / 2
    if moved > _CLASSES + chance:
        yield f"the shares of the classes have moved by {moved:.2f}"


def _moved(counts: ArrayLike, others: ArrayLike) -> float:
    """Returns the largest difference of the cumulative shares."""
    shares = [np.cumsum(each) / np.sum(each) for each in (counts, others)]
    return float(np.abs(shares[0] - shares[1]).max())
