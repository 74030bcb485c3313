"""Estimates the accuracy of predictions without labels.

The method is confidence-based performance estimation (CBPE, as NannyML calls it). The
model's confidences are calibrated on held rows (`contract.reliability`), so that a
calibrated confidence is the probability of a right prediction. The expected accuracy is
the mean of these probabilities. This assumes that pictures with some confidence are
predicted rightly as often as the held rows with this confidence. For pictures of
another kind this is wrong: a network may be confident about nonsense. So each estimate
names the evidence against the assumption, and is not trusted if there is any.
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
"""Confidence level of the interval of the accuracy, if the assumption is right."""


@dataclass(frozen=True)
class Estimate:
    """The estimated accuracy of predictions without labels.

    Attributes:
        value: Expected share of right predictions.
        low: Lower end of the interval at `LEVEL`. The interval accounts for the number
            of predictions and of held rows.
        high: Upper end of the interval.
        rows: Number of predictions.
        novel: Share of pictures beyond the bound of novelty.
        trusted: Whether the assumption was tested and nothing contradicts it.
        doubts: Evidence against the assumption beyond chance, a line each.
        reasons: Why the estimate is not trusted, a line each: the doubts, or that there
            are too few pictures to detect those of another kind.
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
    """Counts of predictions from which an estimate is made, for any number of them.

    Attributes:
        blocks: int `[blocks]`, predictions in each block of the calibration.
        answered: int `[classes]`, predictions of each class.
        confidences: int `[10]`, predictions whose confidence lies in each of the ten
            parts of the held rows.
        novelty: int `[10]`, the same for the novelty of the pictures.
        novel: Pictures beyond the bound of novelty.
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
        """Counts predictions.

        Args:
            reliability: Reliability of the model that made them.
            probabilities: float `[rows, classes]`.
            novelty: float `[rows]`.
        """
        # NaN counts as the lowest confidence.
        confidences = np.nan_to_num(probabilities.max(axis=1), nan=0.0)
        places = np.searchsorted(reliability.edges, confidences, side="right")
        return cls(
            blocks=np.bincount(places - 1, minlength=len(reliability.edges)),
            answered=np.bincount(
                probabilities.argmax(axis=1), minlength=len(reliability.answered)
            ),
            confidences=parts(reliability.confidence_edges, confidences),
            novelty=parts(reliability.novelty_edges, novelty),
            # NaN counts as novel.
            novel=int((~(novelty <= reliability.novelty_bound)).sum()),
        )

    def __add__(self, other: Self) -> Self:
        """Returns the sum of two counts, which must be of the same model."""
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
    """Estimates the accuracy of predictions that fit in memory; see `of_counts`."""
    return of_counts(reliability, Counts.of(reliability, probabilities, novelty))


def of_counts(reliability: Reliability, counts: Counts) -> Estimate:
    """Estimates the accuracy of predictions from their counts.

    Two sources of chance make up the variance of a normal distribution: which
    predictions are right, given their probabilities, and which rows were held for the
    calibration. Their variances are added.

    Args:
        reliability: Reliability of the model that made the predictions.
        counts: Counts of at least one prediction.
    """
    answers = int(counts.blocks.sum())
    held, right = np.array(reliability.rows), np.array(reliability.right)
    shares = counts.blocks / answers
    value = float(shares @ (right / held))
    # Half a row more on each side: a block without errors is not taken as certain.
    smooth = (right + 0.5) / (held + 1)
    variance = smooth * (1 - smooth)
    spread = shares @ variance / answers + np.square(shares) @ (variance / held)
    reach = NormalDist().inv_cdf((1 + LEVEL) / 2) * float(np.sqrt(spread))
    doubts = reasons = tuple(_against(reliability, counts))
    if not doubts and _might_be_overlooked(counts.novel, answers, int(held.sum())):
        reasons = (
            f"too few pictures, {answers:,}, or held-out rows, {held.sum():,}, to tell "
            "whether pictures of another kind are among them",
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
"""Probability that pictures of the same kind pass a bound by chance."""

_NOVEL = 0.01
"""Most that the share of novel pictures may exceed `FALSE_ALARMS`. Beyond it, wrongly
predicted pictures of another task make the estimate wrong by 0.03: a share of about
0.037 letters does so, and MNIST's default network detects 0.3 of the letters
(docs/monitoring.md)."""

_OVERLOOKED = 0.05
"""Probability that such a share of pictures of another task is overlooked."""

_NOVELTY = 0.1
"""Most that the novelty may move, and `_CONFIDENCES` the same for the confidences:
largest difference of the cumulative shares, as in the Kolmogorov-Smirnov test. Measured
on MNIST: if neither the share of novel pictures nor the other of the two showed it, the
estimate was wrong by more than 0.03 from 0.3 and 0.5 on; see `docs/monitoring.md`."""

_CONFIDENCES = 0.3

_CLASSES = 0.2
"""Most that the shares of the predicted classes may move: half the sum of the absolute
differences."""


def _might_be_overlooked(novel: int, answers: int, held: int) -> bool:
    """Tells whether a relevant share of pictures of another task may be unnoticed.

    It compares an upper bound with `_NOVEL`: the bound of the difference between the
    share of novel pictures and that of the held rows, with the variance for a true
    difference of `_NOVEL`. So an estimate is not trusted if there are too few pictures
    or held rows to notice such a share.

    Args:
        novel: Number of pictures beyond the bound of novelty.
        answers: Number of all pictures.
        held: Number of held rows.
    """
    share = FALSE_ALARMS + _NOVEL
    variance = share * (1 - share) / answers + FALSE_ALARMS * (1 - FALSE_ALARMS) / held
    reach = NormalDist().inv_cdf(1 - _OVERLOOKED) * math.sqrt(variance)
    return novel / answers - FALSE_ALARMS + reach > _NOVEL


def _against(reliability: Reliability, counts: Counts) -> Iterator[str]:
    """Yields the evidence against the assumption; bounds have a margin for chance."""
    answers, held = int(counts.blocks.sum()), sum(reliability.rows)
    # Variance of a difference of two shares, divided by the variance of a single row.
    apart = 1 / answers + 1 / held
    deviations = NormalDist().inv_cdf(1 - _CHANCE)
    novel = counts.novel / answers
    chance = deviations * math.sqrt(FALSE_ALARMS * (1 - FALSE_ALARMS) * apart)
    # With many pictures, a share beyond chance may still be too small to matter.
    if novel > FALSE_ALARMS + chance and _might_be_overlooked(
        counts.novel, answers, held
    ):
        yield (
            f"{novel:.1%} of the pictures are not of this task, where false alarms "
            f"would be {FALSE_ALARMS:.0%}"
        )
    # Smirnov's bound of the largest difference of two samples' cumulative shares.
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
