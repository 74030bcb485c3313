"""The verdict is read back unchanged."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.data_gate.demand import read_demand, read_verdict
from contract.demands import outcome_text

FINDING = {"split": "eval", "feature": "label", "reason": "too many threes"}


def write(folder: Path, findings: list[Any], overridden: bool) -> dict[str, Any]:
    verdict = {"findings": findings, "overridden": overridden}
    (folder / "verdict.json").write_text(json.dumps(verdict))
    return verdict


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = write(tmp_path, [FINDING], True)
    assert read_verdict(str(tmp_path)) == written


@pytest.mark.parametrize(
    ("findings", "overridden", "value", "outcome"),
    [
        ([], False, 0, "passed"),
        ([FINDING], False, 1, "REFUSED"),
        ([FINDING] * 2, True, 2, "overruled"),
    ],
)
def test_it_is_one_demand(
    tmp_path: Path, findings: list[Any], overridden: bool, value: int, outcome: str
) -> None:
    write(tmp_path, findings, overridden)
    demand = read_demand(str(tmp_path))
    assert (demand.gate, demand.metric, demand.value) == ("DataGate", "findings", value)
    assert (demand.bound, demand.direction) == (0, "at_most")
    assert outcome_text(demand) == outcome
    assert demand.refused is (outcome == "REFUSED")
