"""The verdict as it is read back."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.data_gate.demand import read_gate, read_verdict

FINDING = {"split": "eval", "feature": "label", "reason": "too many threes"}


def write(folder: Path, findings: list[Any], overridden: bool) -> dict[str, Any]:
    verdict = {"findings": findings, "overridden": overridden}
    (folder / "verdict.json").write_text(json.dumps(verdict))
    return verdict


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = write(tmp_path, [FINDING], True)
    assert read_verdict(str(tmp_path)) == written


@pytest.mark.parametrize(
    ("findings", "overridden", "value", "passed"),
    [([], False, "0", True), ([FINDING] * 2, True, "2", False)],
)
def test_it_is_one_demand(
    tmp_path: Path, findings: list[Any], overridden: bool, value: str, passed: bool
) -> None:
    write(tmp_path, findings, overridden)
    gate = read_gate(str(tmp_path))
    assert (gate.gate, gate.metric, gate.value) == ("DataGate", "findings", value)
    assert (gate.passed, gate.overridden) == (passed, overridden)
