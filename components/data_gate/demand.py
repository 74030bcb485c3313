"""Reads DataGate's verdict."""

import json
import os
from typing import Any

from tfx.utils import io_utils

from components.data_gate.executor import VERDICT_FILE
from contract import nodes
from contract.demands import AT_MOST, FINDINGS, OVERALL, Demand


def read_verdict(folder: str) -> dict[str, Any]:
    """Reads `verdict.json` in a verdict artifact's folder; see `DataGate`."""
    return json.loads(io_utils.read_string_file(os.path.join(folder, VERDICT_FILE)))


def read_demand(folder: str) -> Demand:
    """Reads the verdict as one demand: no findings."""
    verdict = read_verdict(folder)
    return of_findings(len(verdict["findings"]), overruled=verdict["overridden"])


def of_findings(count: int, *, overruled: bool) -> Demand:
    """Returns the demand for a number of findings."""
    return Demand.compared(
        nodes.DATA_GATE, FINDINGS, OVERALL, count, 0, AT_MOST, overrule=overruled
    )
