"""What two models' answers to the same pictures are held to: pure, without TFX."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from components.data_gate.chance import least_share, share_bound
from contract import nodes
from contract.demands import AT_LEAST, AT_MOST, OVERALL, Demand, holds
from contract.task import Task

AGREEMENT, SHARE_SHIFT = "agreement", "share_shift"


@dataclass(frozen=True)
class Bounds:
    """What the answers are held to.

    Attributes:
        min_agreement: Least share of the pictures that both answer with one class.
        min_class_agreement: The same of the pictures that the champion answered with a
            class, for each class alone.
        max_share_shift: How far each class's share of all answers may move.
    """

    min_agreement: float
    min_class_agreement: float
    max_share_shift: float


def judge(
    task: Task, champion: np.ndarray, candidate: np.ndarray, bounds: Bounds
) -> list[Demand]:
    """Returns every demand and what came of it.

    A bound is moved as far as chance alone reaches with so many pictures: it is the
    share that all traffic has to keep to, and these pictures are a sample of it.

    Args:
        task: For the names of the classes.
        champion: int64 `[pictures]`, the labels that were answered; not empty.
        candidate: Likewise, of the new model.
        bounds: What they are held to.
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
    passed = holds(value, bound, AT_LEAST)
    return Demand(
        nodes.REPLAY,
        AGREEMENT,
        of,
        value,
        bound,
        AT_LEAST,
        passed=passed,
        detail="" if passed else f"{pictures - same} of {pictures} pictures differ",
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
            passed = holds(abs(new - old), bound, AT_MOST)
            yield Demand(
                nodes.REPLAY,
                SHARE_SHIFT,
                name,
                abs(new - old),
                bound,
                AT_MOST,
                passed=passed,
                detail="" if passed else f"it was {old:.4f} and is {new:.4f}",
            )
