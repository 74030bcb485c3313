"""What the Evaluator decides from its numbers: pure, without TFX and TFMA."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from contract import nodes
from contract.bounds import BY_CLASS, Bound
from contract.demands import AT_LEAST, AT_MOST, OVERALL, Demand, change, holds
from contract.task import Task

ACCURACY = "accuracy"

CHAMPION_FALL = "champion_accuracy_change"
"""How much less of this run's data the champion answers rightly than of its own."""

Numbers = Mapping[tuple[str, int | None], float]
"""By metric and label; None for all of the split."""


@dataclass(frozen=True)
class Champion:
    """The model that is served, as far as it can be compared with.

    Attributes:
        numbers: What it came to on this run's test split.
        accuracy_then: Its accuracy when it was pushed, on its own; None is unknown.
    """

    numbers: Numbers
    accuracy_then: float | None = None


@dataclass(frozen=True)
class ChampionRule:
    """What a champion's fall on the new data means.

    Attributes:
        most: How much accuracy it may have lost since it was pushed.
        overruled: Whether the run goes on all the same.
    """

    most: float
    overruled: bool = False


def judge(
    task: Task,
    bounds: Sequence[Bound],
    directions: Mapping[str, str],
    candidate: Numbers,
    champion: Champion | None,
    rule: ChampionRule,
) -> list[Demand]:
    """Returns every demand and what came of it.

    Args:
        task: For the names of the classes.
        bounds: What the candidate is held to.
        directions: Of each metric by its name: `AT_LEAST` or `AT_MOST`.
        candidate: What the new model came to.
        champion: None where there is none to compare with.
        rule: For the champion itself: where it falls on the new data, these are other
            data, and to be better than it says nothing.
    """
    demands: list[Demand] = []
    for bound in bounds:
        direction = directions[bound.name]
        if bound.bound is not None:
            demands += _on_values(task, bound, direction, candidate, champion)
        if bound.max_champion_loss is not None and champion is not None:
            demands += _on_change(bound, direction, candidate, champion)
    if champion is not None and champion.accuracy_then is not None:
        now = champion.numbers.get((ACCURACY, None))
        value = None if now is None else change(now, champion.accuracy_then)
        passed = holds(value, -rule.most, AT_LEAST)
        demands.append(
            Demand(
                nodes.EVALUATOR,
                CHAMPION_FALL,
                OVERALL,
                value,
                -rule.most,
                AT_LEAST,
                champion=now,
                passed=passed,
                overruled=not passed and rule.overruled,
                detail="" if passed else _fell_from(champion.accuracy_then),
            )
        )
    return demands


def _fell_from(then: float) -> str:
    return f"it was {then:.4f} when the champion was pushed: these are other data"


def _on_values(
    task: Task,
    bound: Bound,
    direction: str,
    candidate: Numbers,
    champion: Champion | None,
) -> Iterator[Demand]:
    labels: Sequence[int | None] = [None]
    if bound.slices == BY_CLASS:
        labels = range(len(task.classes))
    assert bound.bound is not None
    for label in labels:
        value = candidate.get((bound.name, label))
        missing = value is None and _asks_nothing(bound.bound, direction)
        detail = ""
        if value is None and label is not None:
            detail = f"no {task.noun} of it in the test split"
        yield Demand(
            nodes.EVALUATOR,
            bound.name,
            OVERALL if label is None else task.classes[label],
            value,
            bound.bound,
            direction,
            champion=champion.numbers.get((bound.name, label)) if champion else None,
            passed=missing or holds(value, bound.bound, direction),
            detail=detail,
        )


def _on_change(
    bound: Bound, direction: str, candidate: Numbers, champion: Champion
) -> Iterator[Demand]:
    value = candidate.get((bound.name, None))
    before = champion.numbers.get((bound.name, None))
    if before is None:
        return
    assert bound.max_champion_loss is not None
    limit = bound.max_champion_loss * (1 if direction == AT_MOST else -1)
    difference = None if value is None else change(value, before)
    yield Demand(
        nodes.EVALUATOR,
        f"{bound.name}_change",
        OVERALL,
        difference,
        limit,
        direction,
        champion=before,
        passed=holds(difference, limit, direction),
    )


def _asks_nothing(bound: float, direction: str) -> bool:
    """Tells whether a bound is one that every share keeps to."""
    return bound <= 0 if direction == AT_LEAST else math.isinf(bound)
