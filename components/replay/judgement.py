"""Judges two models' answers to the same pictures, without TFX."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from components.data_gate.chance import least_share, share_bound
from contract import nodes
from contract.demands import AT_LEAST, AT_MOST, OVERALL, Demand
from contract.task import Task

AGREEMENT, SHARE_SHIFT = "agreement", "share_shift"


@dataclass(frozen=True)
class Bounds:
    """Bounds for the answers.

    Attributes:
        min_agreement: Minimum share of pictures with the same answer from both models.
        min_class_agreement: The same minimum for each class, among the pictures that
            the champion answered with this class.
        max_share_shift: Maximum change of each class's share of all answers.
    """

    min_agreement: float
    min_class_agreement: float
    max_share_shift: float


def judge(
    task: Task, champion: np.ndarray, candidate: np.ndarray, bounds: Bounds
) -> list[Demand]:
    """Returns every demand with its verdict.

    The bounds are for all traffic, and the pictures are a sample of it. So each bound
    is relaxed by the difference that chance explains at this number of pictures.

    Args:
        task: The task with the class names.
        champion: The champion's answers, labels, int64 `[pictures]`; not empty.
        candidate: The new model's answers, int64 `[pictures]`.
        bounds: The bounds.
    """
    return [
        *_agreement(task, champion, candidate, bounds),
        *_shares(task, champion, candidate, bounds.max_share_shift),
    ]


def _agreement(
    task: Task, champion: np.ndarray, candidate: np.ndarray, bounds: Bounds
) -> Iterator[Demand]:
    same = champion == candidate
    yield _at_least(OVERALL, int(same.sum()), len(same), bounds.min_agreement)
    for label, name in enumerate(task.classes):
        of_class = same[champion == label]
        if len(of_class):
            least = bounds.min_class_agreement
            yield _at_least(name, int(of_class.sum()), len(of_class), least)


def _at_least(of: str, same: int, pictures: int, least: float) -> Demand:
    value, bound = same / pictures, least_share(pictures, least)
    missed = f"{pictures - same} of {pictures} pictures differ"
    return Demand.compared(
        *(nodes.REPLAY, AGREEMENT, of, value, bound, AT_LEAST), detail_if_missed=missed
    )


def _shares(
    task: Task, champion: np.ndarray, candidate: np.ndarray, most: float
) -> Iterator[Demand]:
    before, after = (
        np.bincount(answers, minlength=len(task.classes))
        for answers in (champion, candidate)
    )
    by_chance = share_bound(before, after)
    for label, name in enumerate(task.classes):
        if before[label] or after[label]:
            old, new = (int(n[label]) / len(champion) for n in (before, after))
            bound = max(most, float(by_chance[label]))
            yield Demand.compared(
                *(nodes.REPLAY, SHARE_SHIFT, name, abs(new - old), bound, AT_MOST),
                detail_if_missed=f"it was {old:.4f} and is {new:.4f}",
            )
