"""A contender that trains something else ends the benchmark."""

import json
from pathlib import Path

import pytest

from benchmarks.pipeline.contenders import (
    ENDING,
    START_UP,
    Bench,
    _check,
    _measured,
)
from benchmarks.pipeline.inputs import Inputs
from benchmarks.pipeline.measurements import Facts
from benchmarks.pipeline.process import Sample, Usage
from benchmarks.pipeline.runlog import Span
from contract.errors import BrokenError

ROWS = {"train": 48_000, "eval": 12_000, "test": 10_000}
RIGHT = {
    "steps": 37_500,
    "parameters": 104_938,
    "optimizer": "Adam",
    "learning_rate": 0.001,
    "test_accuracy": 0.97,
    "fit_seconds": 10.0,
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    inputs = Inputs(tmp_path, "abc", tmp_path / "npz", tmp_path / "records", ROWS)
    return Bench(inputs, 25, tmp_path)


def test_steps_are_all_batches_of_all_epochs(bench: Bench) -> None:
    assert bench.steps == 25 * 1500


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("steps", 37_499),
        ("parameters", 1),
        ("optimizer", "SGD"),
        ("learning_rate", 0.1),
    ],
)
def test_another_training_is_refused(bench: Bench, what: str, value: object) -> None:
    _check("stock", Facts.model_validate(RIGHT), bench.steps)
    with pytest.raises(BrokenError, match=rf"^stock: expected {what} .*{value}$"):
        _check("stock", Facts.model_validate({**RIGHT, what: value}), bench.steps)


def test_start_up_and_ending_are_what_no_component_took(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps(RIGHT))
    samples = [(1007.0, 6.0), (1010.0, 8.0), (1010.5, 8.1), (1018.0, 15.0)]
    usage = Usage(
        1000.0, 20.0, 25.0, tuple(Sample(t, {}, 700.0, cpu) for t, cpu in samples)
    )
    found = [Span("A", 1007.0, 1010.0), Span("B", 1010.5, 1018.0)]
    measured = _measured(usage, facts, found)
    assert measured.components == {START_UP: 7, "A": 3, "B": 7.5, ENDING: 2}
    assert measured.components_cpu["A"] == 2
    assert measured.components_cpu["B"] == pytest.approx(6.9)
    assert measured.peak_mb == 700
    assert measured.facts == Facts.model_validate(RIGHT)
