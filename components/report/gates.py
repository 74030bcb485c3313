"""Chooses which of the gates' demands are shown, and gives advice on failed ones.

It does not import TensorFlow, because the console's output uses it too.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from components.evaluator.judgement import ACCURACY, CHAMPION_FALL
from contract import nodes
from contract.demands import AT_LEAST, OVERALL, Demand, what_text, words
from contract.task import names_text, short_name
from serving.launch import code

MOST_FAILED = 12
"""Maximum number of classes that are shown for one failed metric."""

_CHANGE = "_change"


@dataclass(frozen=True)
class Shown:
    """A row of a table of demands.

    Attributes:
        demand: The demand.
        worst_of: If this class is the worst of a demand on each class: the number of
            classes; else 0.
        more: Number of further failed classes that are not shown after it.
    """

    demand: Demand
    worst_of: int = 0
    more: int = 0

    @property
    def text(self) -> str:
        """Text of the table's cell: the metric with its details; a long name is cut."""
        named = replace(self.demand, slice=short_name(self.demand.slice))
        worst = f" (worst of {self.worst_of})" if self.worst_of else ""
        detail = f": {self.demand.detail}" if self.demand.detail else ""
        return f"{what_text(named)}{worst}{detail}"


def shown(demands: Sequence[Demand]) -> list[Shown]:
    """Returns the rows of the table, without classes that add no information.

    For a metric with a demand on each class, these are the failed classes, worst first
    and at most `MOST_FAILED`; if none failed, only the worst class.
    """
    rows: list[Shown] = []
    for group in _kinds(demands):
        if group[0].slice == OVERALL:
            rows += map(Shown, group)
            continue
        ordered = sorted(group, key=badness)
        failed = [demand for demand in ordered if not demand.passed]
        kept = failed[:MOST_FAILED] or ordered[:1]
        rows.append(Shown(kept[0], len(ordered)))
        rows += map(Shown, kept[1:])
        if left := len(failed) - len(failed[:MOST_FAILED]):
            rows[-1] = Shown(rows[-1].demand, rows[-1].worst_of, left)
    return rows


@dataclass(frozen=True)
class Refusal:
    """A reason why the push is stopped.

    Attributes:
        demand: The failed demand; for a demand on each class, that of the worst class.
        others: The other classes that failed, worst first.
    """

    demand: Demand
    others: tuple[str, ...] = ()


def refusals(demands: Sequence[Demand]) -> list[Refusal]:
    """Returns the reasons that stop a push; the classes of a metric are one reason."""
    refused = [demand for demand in demands if demand.refused]
    return [
        Refusal(worst, tuple(demand.slice for demand in others))
        for worst, *others in (sorted(kind, key=badness) for kind in _kinds(refused))
    ]


def _kinds(demands: Sequence[Demand]) -> list[list[Demand]]:
    """Groups demands: those of a metric on each class are one group."""
    found: dict[tuple[str, str, bool], list[Demand]] = {}
    for demand in demands:
        kind = (demand.gate, demand.metric, demand.slice != OVERALL)
        found.setdefault(kind, []).append(demand)
    return list(found.values())


def badness(demand: Demand) -> tuple[bool, float]:
    """Returns a sort key: failed demands first, and within each group the worst."""
    sign = 1 if demand.direction == AT_LEAST else -1
    unknown = demand.value is None or not math.isfinite(demand.value)
    return demand.passed, -math.inf if unknown else sign * (demand.value or 0.0)


def what_to_do(demands: Sequence[Demand]) -> list[str]:
    """Returns advice for the user, one entry for each refusal."""
    advice = (line for refusal in refusals(demands) for line in _advice(refusal))
    # Without duplicates, in the same order.
    return list(dict.fromkeys(advice))


def _advice(refusal: Refusal) -> Iterator[str]:
    demand = refusal.demand
    metric, by_class = demand.metric, demand.slice != OVERALL
    if demand.gate == nodes.DATA_GATE:
        yield (
            "Look at the data: each finding names a split and its anomaly. If the data "
            "is right, go on with --allow-anomalies (gates.allow_anomalies); the "
            "findings are recorded."
        )
    elif demand.gate == nodes.SERVING_VALIDATOR:
        yield (
            "The exported model gives other answers than the trained model: this is a "
            "fault of the export or of this machine; see the log of the run."
        )
    elif demand.gate == nodes.REPLAY:
        yield (
            "Callers would get other answers than before: look at the disagreements in "
            "the report. If the new model is right in them, change "
            "gates.min_agreement, gates.min_class_agreement or gates.max_share_shift."
        )
    elif demand.gate == nodes.PUSHER:
        yield (
            "This model was taken back by a rollback or a withdrawal. Change the data "
            "or the settings that it is made from, or allow it again: "
            f"{code.typed('version_store')} allow --help."
        )
    elif metric == CHAMPION_FALL:
        yield (
            "The served model has lost accuracy on this data: check the images and "
            "labels of the first pictures. If the data is different on purpose, go on "
            "with --allow-champion-fall (gates.allow_champion_fall), or allow more "
            "with gates.max_champion_fall."
        )
    elif metric == ACCURACY + _CHANGE:
        yield (
            "The served model is better and stays. Train longer (--epochs), or allow "
            "the loss with --max-champion-loss (gates.max_champion_loss)."
        )
    elif metric == ACCURACY and by_class:
        yield (
            f"Look at the mistakes of {names_text((demand.slice, *refusal.others))} in "
            "the report, and add images of them or train longer (--epochs); or lower "
            "the bound with --min-class-accuracy (gates.min_class_accuracy)."
        )
    elif metric == ACCURACY:
        yield (
            "Train longer (--epochs) or on more images; or lower the bound with "
            "--min-accuracy (gates.min_accuracy)."
        )
    elif metric.endswith(_CHANGE):
        yield (
            "The served model is better and stays. Train longer (--epochs), or allow "
            f"the loss with max_champion_loss of {metric.removesuffix(_CHANGE)} in "
            "[[gates.metrics]]."
        )
    else:
        side = "min" if demand.direction == AT_LEAST else "max"
        yield (
            f"Train longer (--epochs) or on more images for a better {words(metric)}; "
            f"or change {side} of {metric} in [[gates.metrics]]."
        )
