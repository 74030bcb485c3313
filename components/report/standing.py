"""Determines a run's verdict: its outcome or current state, with all demands."""

from collections.abc import Sequence
from dataclasses import dataclass

from tfx.types import Artifact

from components.data_gate.checks import Finding
from components.data_gate.demand import of_findings
from components.pusher import demand as pusher
from contract import properties
from contract.demands import Demand

# Kinds of verdicts. PUSHED and UNCHANGED: the result is served. REFUSED, BROKEN and
# INTERRUPTED: the run ended without a new version. PENDING: the run goes on.
PUSHED, UNCHANGED = "pushed", "unchanged"
REFUSED, BROKEN, INTERRUPTED = "refused", "broken", "interrupted"
PENDING = "pending"


@dataclass(frozen=True)
class Verdict:
    """The verdict at the head of the page.

    Attributes:
        kind: One of the constants above.
        headline: The verdict in a few words.
        reasons: Reasons that are not in the demands, one line each: findings in the
            data, or the error.
        gates: All demands of all gates that ran.
        version: The version that is served as the run's result, or empty.
    """

    kind: str
    headline: str
    reasons: tuple[str, ...]
    gates: tuple[Demand, ...]
    version: str = ""


def of_data(findings: Sequence[Finding], *, overruled: bool) -> Verdict:
    """Returns the verdict after the data was judged, before there is a model."""
    demand = of_findings(len(findings), overruled=overruled)
    if demand.refused:
        return refused((demand,), tuple(map(str, findings)))
    return Verdict(
        PENDING, "The data is accepted; the model is yet to come", (), (demand,)
    )


def of_gates(demands: Sequence[Demand]) -> Verdict:
    """Returns the verdict after the model was judged, before the push."""
    if any(demand.refused for demand in demands):
        return refused(tuple(demands))
    return Verdict(
        PENDING, "Every gate lets it pass; the push is yet to come", (), tuple(demands)
    )


def of_push(verdict: Verdict, pushed: Artifact) -> Verdict:
    """Returns the verdict after the Pusher."""
    if not pushed.get_int_custom_property(properties.PUSHED):
        held_back = pusher.read_demands(pushed)
        return refused((*verdict.gates, *held_back)) if held_back else verdict
    return served(
        pushed.get_string_custom_property(properties.PUSHED_VERSION),
        verdict.gates,
        verdict.reasons,
        already=bool(pushed.get_int_custom_property(properties.ALREADY_SERVED)),
        label=pushed.get_string_custom_property(properties.ARRIVED_AS),
    )


def served(
    version: str,
    gates: tuple[Demand, ...],
    reasons: tuple[str, ...] = (),
    *,
    already: bool,
    label: str = "",
) -> Verdict:
    """Returns the verdict of a run whose result is served.

    Args:
        version: Version number of the result.
        gates: All demands of all gates.
        reasons: See `Verdict`.
        already: Whether the version was served before the run.
        label: The version's label for callers; empty if versions have no labels.
    """
    if already:
        served_as = f" as {label}" if label else ""
        headline = f"Nothing changed: version {version} is served{served_as}"
        return Verdict(UNCHANGED, headline, reasons, gates, version)
    beside = f", {label}" if label else ""
    headline = f"Pushed as version {version}{beside}"
    return Verdict(PUSHED, headline, reasons, gates, version)


def refused(demands: tuple[Demand, ...], reasons: tuple[str, ...] = ()) -> Verdict:
    """Returns the verdict of a run that a gate refused."""
    by = next(demand.gate for demand in demands if demand.refused)
    return Verdict(REFUSED, f"Refused by {by}", reasons, demands)
