"""DataGate's verdict, read back."""

import json
import os
from typing import Any

from tfx.dsl.io import fileio

from components.data_gate.executor import GATE, VERDICT_FILE
from contract.demands import GateResult


def read_verdict(folder: str) -> dict[str, Any]:
    """Returns `verdict.json` of a verdict artifact's folder; see `DataGate`."""
    with fileio.open(os.path.join(folder, VERDICT_FILE)) as stream:
        verdict: dict[str, Any] = json.load(stream)
    return verdict


def read_gate(folder: str) -> GateResult:
    """Returns the verdict as the one demand that it is: no findings."""
    verdict = read_verdict(folder)
    findings = verdict["findings"]
    return GateResult(
        GATE,
        "findings",
        str(len(findings)),
        "none",
        "",
        passed=not findings,
        overridden=verdict["overridden"],
    )
