"""Judges the metrics of a candidate and its champion, without TFX and TFMA."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from contract import nodes
from contract.bounds import BY_CLASS, Bound
from contract.demands import AT_LEAST, AT_MOST, OVERALL, Demand, change, holds
from contract.task import Task

ACCURACY = "accuracy"

CHAMPION_FALL = "champion_accuracy_change"
"""The champion's accuracy on this run's data minus its accuracy when it was pushed."""

Numbers = Mapping[tuple[str, int | None], float]
"""Values by metric and label; None is the whole split."""


@dataclass(frozen=True)
class Champion:
    """Metrics of the served model.

    Attributes:
        numbers: Its metrics on this run's test split.
        accuracy_then: Its accuracy on its own test split when it was pushed; None if
            unknown.
    """

    numbers: Numbers
    accuracy_then: float | None = None


@dataclass(frozen=True)
class ChampionRule:
    """Rule for a champion whose accuracy falls on the new data.

    Attributes:
        most: Maximum loss of accuracy since the push.
        overruled: Whether the run goes on after a greater loss.
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
    """Returns every demand with its verdict.

    Args:
        task: The task with the class names.
        bounds: Bounds for the candidate.
        directions: `AT_LEAST` or `AT_MOST` by the metric's name.
        candidate: Metrics of the new model.
        champion: The champion; None if there is none to compare with.
        rule: Rule for the champion's own accuracy. If it falls on the new data, the
            data has changed, and a comparison with this champion means nothing.
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
        demands.append(
            Demand.compared(
                *(nodes.EVALUATOR, CHAMPION_FALL, OVERALL),
                *(value, -rule.most, AT_LEAST),
                champion=now,
                detail_if_missed=f"it was {champion.accuracy_then:.4f} when the "
                "champion was pushed: the data is different",
                overrule=rule.overruled,
            )
        )
    return demands


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
    yield Demand.compared(
        *(nodes.EVALUATOR, f"{bound.name}_change", OVERALL),
        *(difference, limit, direction),
        champion=before,
    )


def _asks_nothing(bound: float, direction: str) -> bool:
    """Tells whether every value meets a bound."""
    return bound <= 0 if direction == AT_LEAST else math.isinf(bound)
