"""ServingValidator's verdict, read back."""

import json
import os

from tfx.dsl.io import fileio

from components.serving_validator.executor import GATE, REPORT_FILE
from contract.demands import GateResult


def read_gate(folder: str) -> GateResult:
    """Returns a blessing's report as the one demand that it is: right answers.

    Args:
        folder: Of the `blessing` artifact.
    """
    with fileio.open(os.path.join(folder, REPORT_FILE)) as stream:
        report = json.load(stream)
    failures = report["failures"]
    return GateResult(
        GATE,
        "answers",
        failures[0] if failures else f"{len(report['checks'])} checks",
        "as trainer",
        "",
        passed=not failures,
    )
