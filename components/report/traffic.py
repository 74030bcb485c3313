"""Makes the sections of the page about a model's traffic."""

from collections.abc import Iterator, Sequence
from typing import Any

from components.report import gates
from components.report.page import TRAFFIC, VERDICT, Section, count_text
from components.report.pictures import LARGE
from components.report.standing import Verdict
from components.traffic_gate import judgement
from components.traffic_gate.facts import TrafficFacts, VersionFacts
from contract.demands import (
    FINDINGS,
    Demand,
    bound_text,
    number,
    value_text,
    what_text,
)
from contract.task import names_text

FINDING, QUIET = "finding", "quiet"
"""Kinds of verdicts: the gate has findings, or it has none."""


def sections(facts: TrafficFacts) -> Sequence[Section]:
    """Returns the page's sections."""
    found = facts.findings
    stands = verdict(facts)
    head = Section.make(
        VERDICT,
        stands,
        rows=[],
        reasons=[line for one in facts.versions for line in _reasons(one, facts)],
        refusals=[],
        advice=what_to_do([demand for _, demand in found]),
        plural=facts.task.plural,
        left_out="",
        tiles=_tiles(facts),
    )
    body = Section.make(
        TRAFFIC,
        facts,
        rows={one.version: gates.shown(one.gates) for one in facts.versions},
        side=LARGE,
        zoom=max(1, LARGE // max(facts.task.height, facts.task.width)),
        plural=facts.task.plural,
    )
    return head, body


def _reasons(of_one: VersionFacts, facts: TrafficFacts) -> Iterator[str]:
    """Yields a line for each finding of a version; classes share one line."""
    for refusal in gates.refusals(of_one.gates):
        demand, others = refusal.demand, refusal.others
        line = f"{what_text(demand)}: {value_text(demand)}, expected "
        line += f"{bound_text(demand)}"
        if demand.detail:
            line += f": {demand.detail}"
        if others:
            line += (
                f"; and {len(others)} more {facts.task.plural}: {names_text(others)}"
            )
        several = len(facts.versions) > 1
        yield f"version {of_one.version}: {line}" if several else line


def verdict(facts: TrafficFacts) -> Verdict:
    """Returns the verdict for the head of the page."""
    found = facts.findings
    demands = tuple(demand for one in facts.versions for demand in one.gates)
    if not found:
        return Verdict(QUIET, "Nothing was found in the traffic", (), demands)
    count = len(found)
    headline = f"{count} {'finding' if count == 1 else 'findings'} in the traffic"
    return Verdict(FINDING, headline, (), demands)


def what_to_do(found: Sequence[Demand]) -> list[str]:
    """Returns advice on the findings, one entry for each kind."""
    advice = {
        FINDINGS: "Find out who sends these pictures: they do not belong to the task.",
        judgement.NOVEL_SHARE: (
            "Look at the pictures that are furthest from the training data: if they "
            "belong to the task, label some and train again with them; if not, inform "
            "the sender."
        ),
        judgement.ESTIMATE_DOUBTS: (
            "The accuracy cannot be estimated: label some of these requests, and pass "
            "the labels with --labels."
        ),
        judgement.ESTIMATED_ACCURACY: (
            "Label some of these requests (--labels) to know the true accuracy, and "
            "train again with them."
        ),
        judgement.ACCURACY: (
            "Train again with these requests and their labels, or roll back: "
            "python -m version_store rollback."
        ),
        judgement.SHARE_CHANGE: (
            "The shares of the classes differ from the training data: if they differ "
            "in reality, too, train on data with these shares; if not, the answers are "
            "wrong."
        ),
    }
    moved = (
        "The pictures look different from the training data: light, scanner, size of "
        "the object? Train on such pictures, or widen the comparator in the schema."
    )
    return list(dict.fromkeys(advice.get(demand.metric, moved) for demand in found))


def _tiles(facts: TrafficFacts) -> list[tuple[str, str, str]]:
    newest = facts.versions[-1]
    requests = count_text(sum(one.logged for one in facts.versions))
    looked_at = count_text(sum(one.read for one in facts.versions))
    tiles = [("requests", requests, f"{looked_at} looked at")]
    if newest.estimate:
        tiles += _estimate_tiles(newest)
    if newest.truth:
        labels = f"{count_text(sum(newest.truth.rows))} labels"
        tiles.append(("true accuracy", number(newest.truth.accuracy), labels))
    return tiles


def _estimate_tiles(of_one: VersionFacts) -> list[tuple[str, str, str]]:
    estimate: Any = of_one.estimate
    between = f"{number(estimate.low)} to {number(estimate.high)}"
    note = between if estimate.trusted else "not to be trusted"
    return [
        ("estimated accuracy", number(estimate.value), note),
        ("not of this task", f"{estimate.novel:.1%}", "1 % would be by false alarm"),
    ]
