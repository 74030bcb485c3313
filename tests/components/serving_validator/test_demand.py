"""The verdict as it is read back."""

import json
from pathlib import Path

import pytest

from components.serving_validator.demand import read_gate


@pytest.mark.parametrize(
    ("failures", "value", "passed"),
    [([], "2 checks", True), (["no answer", "and more"], "no answer", False)],
)
def test_it_is_one_demand(
    tmp_path: Path, failures: list[str], value: str, passed: bool
) -> None:
    report = {"checks": ["a", "b"], "failures": failures}
    (tmp_path / "report.json").write_text(json.dumps(report))
    gate = read_gate(str(tmp_path))
    assert (gate.gate, gate.metric) == ("ServingValidator", "answers")
    assert (gate.value, gate.passed) == (value, passed)
