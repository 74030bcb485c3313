"""Finds out from the records how a run ended."""

import json
import os
from dataclasses import dataclass
from typing import Any

from contract import nodes, properties
from lineage.records import Run, pushed_by

PUSHED, UNCHANGED, REFUSED, BROKEN = "pushed", "unchanged", "refused", "broken"
INTERRUPTED, RUNNING, UNKNOWN = "interrupted", "running or killed", "unknown"

_BLESSINGS = (nodes.EVALUATOR, nodes.SERVING_VALIDATOR, nodes.REPLAY)

# The runner's exit codes that say more than the metadata store.
_BROKEN, _BAD_INPUT, _REFUSED = 1, 2, 3


@dataclass(frozen=True)
class Verdict:
    """How a run ended.

    Attributes:
        kind: One of this module's constants.
        by: The node that decided it, or at which the run ended; empty if none did.
        version: The version that the run pushed or found served; None if there is none.
        reasons: The recorded reasons, a line each.
    """

    kind: str
    by: str = ""
    version: int | None = None
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        joint = {REFUSED: " by ", BROKEN: " in ", INTERRUPTED: " at "}
        at = joint.get(self.kind, " at ")
        return f"{self.kind}{at}{self.by}" if self.by else self.kind


def read_result(output: str | None, run: str | None) -> dict[str, Any]:
    """Returns the runner's `result.json` of a run; empty if there is none."""
    if output is None or run is None:
        return {}
    path = os.path.join(output, "runs", os.path.basename(run), "result.json")
    try:
        with open(path, encoding="utf-8") as stream:
            result = json.load(stream)
    except (OSError, ValueError):
        return {}
    return result if isinstance(result, dict) else {}


def judge(run: Run, result: dict[str, Any]) -> Verdict:
    """Returns how a run ended."""
    reasons = tuple(map(str, result.get("reasons", ())))
    states = {node: step.state for node, step in run.steps.items()}
    pushed = pushed_by(run)
    if pushed is not None:
        version, already = pushed
        return Verdict(UNCHANGED if already else PUSHED, "", version)
    for node in _BLESSINGS:
        blessing = run.output(node, nodes.BLESSING)
        if blessing is not None and blessing.properties.get(properties.BLESSED) == 0:
            return Verdict(REFUSED, node, reasons=reasons)
    not_pushed = run.output(nodes.PUSHER, nodes.PUSHED_MODEL)
    if not_pushed is not None and not_pushed.properties.get(properties.HELD_BACK):
        why = str(not_pushed.properties[properties.HELD_BACK])
        return Verdict(REFUSED, nodes.PUSHER, reasons=reasons or (why,))
    for state, kind in (("running", RUNNING), ("canceled", INTERRUPTED)):
        for node in _in_state(states, state):
            return Verdict(kind, node, reasons=reasons)
    for node in _in_state(states, "failed"):
        kind = {_REFUSED: REFUSED, _BROKEN: BROKEN, _BAD_INPUT: BROKEN}.get(
            result.get("exit_code", -1),
            # DataGate fails on purpose to stop a run. Without an exit code on record, a
            # refusal cannot be told from a real failure.
            UNKNOWN if node == nodes.DATA_GATE else BROKEN,
        )
        return Verdict(kind, node, reasons=reasons)
    last = next(reversed(run.steps), "")
    return Verdict(INTERRUPTED, last, reasons=reasons)


def _in_state(states: dict[str, str], state: str) -> list[str]:
    return [node for node, found in states.items() if found == state]
