"""How a run ended, or how far it has come, with every gate's measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tfx.types import Artifact

from components.data_gate import executor as data_gate
from components.data_gate.checks import Finding
from components.evaluator.results import read_gates
from components.serving_validator import demand as serving_validator_verdict
from contract import properties
from contract.demands import GateResult
from pipeline.config import Gates

# How it stands: PUSHED and UNCHANGED are served; the next three ended without a
# version; PENDING goes on.
PUSHED, UNCHANGED = "pushed", "unchanged"
REFUSED, BROKEN, INTERRUPTED = "refused", "broken", "interrupted"
PENDING = "pending"


@dataclass(frozen=True)
class Verdict:
    """The first thing that a page says.

    Attributes:
        kind: One of the constants above.
        headline: In a few words.
        reasons: Why, a line each, where it did not end with a served version.
        gates: Every demand of every gate that was asked.
        version: The version that is served as the run's result; or empty.
    """

    kind: str
    headline: str
    reasons: tuple[str, ...]
    gates: tuple[GateResult, ...]
    version: str = ""


def data_gate_result(findings: Sequence[Finding], *, overridden: bool) -> GateResult:
    """Returns DataGate's demand as it will come out for these findings."""
    return GateResult(
        data_gate.GATE,
        "findings",
        str(len(findings)),
        "none",
        "",
        passed=not findings,
        overridden=bool(findings) and overridden,
    )


def of_data(findings: Sequence[Finding], *, overridden: bool) -> Verdict:
    """Returns how a run stands that has its data judged, but no model."""
    gate = data_gate_result(findings, overridden=overridden)
    if findings and not overridden:
        return _refused((gate,), [str(finding) for finding in findings])
    return Verdict(
        PENDING, "The data is accepted; the model is yet to come", (), (gate,)
    )


def of_gates(gates: Sequence[GateResult]) -> Verdict:
    """Returns how a run stands whose model has been judged, but not pushed."""
    failed = [gate for gate in gates if not (gate.passed or gate.overridden)]
    if failed:
        return _refused(tuple(gates), [_reason(gate) for gate in failed])
    return Verdict(
        PENDING, "Every gate lets it pass; the push is yet to come", (), tuple(gates)
    )


def of_push(verdict: Verdict, pushed: Artifact) -> Verdict:
    """Returns the verdict after the Pusher.

    Args:
        verdict: That of the gates.
        pushed: The Pusher's output.
    """
    if not pushed.get_int_custom_property(properties.PUSHED):
        return verdict
    version = pushed.get_string_custom_property(properties.PUSHED_VERSION)
    if pushed.get_int_custom_property(properties.ALREADY_SERVED):
        return replace(
            verdict,
            kind=UNCHANGED,
            headline=f"Nothing changed: version {version} is served",
            version=version,
        )
    return replace(
        verdict, kind=PUSHED, headline=f"Pushed as version {version}", version=version
    )


def model_gates(inputs: Mapping[str, Artifact], gates: Gates) -> list[GateResult]:
    """Returns what the gates on the model found, of those that were asked.

    Args:
        inputs: `evaluation` and `infra_blessing`, as far as they are there.
        gates: The bounds that the run is held to.
    """
    results: list[GateResult] = []
    if evaluation := inputs.get("evaluation"):
        results += read_gates(evaluation.uri, gates)
    if blessing := inputs.get("infra_blessing"):
        results.append(serving_validator_verdict.read_gate(blessing.uri))
    return results


def _refused(gates: tuple[GateResult, ...], reasons: list[str]) -> Verdict:
    by = next(gate.gate for gate in gates if not (gate.passed or gate.overridden))
    return Verdict(REFUSED, f"Refused by {by}", tuple(reasons), gates)


def _reason(gate: GateResult) -> str:
    against = f", champion {gate.champion}" if gate.champion else ""
    return f"{gate.metric}: expected {gate.bound}, found {gate.value}{against}"
