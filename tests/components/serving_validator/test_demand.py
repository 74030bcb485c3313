"""The verdict is read back unchanged."""

import json
from pathlib import Path

import pytest

from components.serving_validator.demand import read_demand


@pytest.mark.parametrize(
    ("failures", "value", "detail"),
    [([], 0, ""), (["no answer", "and more"], 2, "no answer")],
)
def test_it_is_one_demand(
    tmp_path: Path, failures: list[str], value: int, detail: str
) -> None:
    report = {"checks": ["a", "b"], "failures": failures}
    (tmp_path / "report.json").write_text(json.dumps(report))
    demand = read_demand(str(tmp_path))
    assert (demand.gate, demand.metric) == ("ServingValidator", "failed_checks")
    assert (demand.value, demand.bound, demand.detail) == (value, 0, detail)
    assert demand.refused is bool(failures)
