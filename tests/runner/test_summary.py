"""The summary at the end of a run, for people and for programs."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from components.image_example_gen import digits
from components.image_example_gen.understanding import Hints
from contract.demands import AT_LEAST, AT_MOST, Demand
from contract.exits import Exit
from runner import summary
from runner.datasets import DataSet
from runner.records import Outcome, Pushed
from runner.screen import Step
from runner.summary import Result

SCANS = DataSet(
    "scans",
    "/data/scans",
    "f" * 64,
    "data set from /data/scans",
    digits.TASK,
    Hints("scans"),
)
PASSED = Demand("Evaluator", "accuracy", "", 0.9781, 0.97, AT_LEAST, 0.979, passed=True)
FAILED = Demand("Evaluator", "accuracy", "8", 0.91, 0.93, AT_LEAST)
OVERRULED = Demand("DataGate", "findings", "", 2, 0, AT_MOST, overruled=True)
STEPS = [
    Step("Trainer", 12.34, "cached"),
    Step("Evaluator", 5.0, "refused", peak_memory=900_000_000),
]
PUSHED = Pushed(17, "/output/models/scans/17", already_served=False)


def shown(
    code: Exit,
    demands: list[Demand],
    pushed: Pushed | None,
    reasons: list[str] | None = None,
) -> str:
    stream = io.StringIO()
    outcome = Outcome(demands, 0.9781, pushed)
    summary.show(
        Console(file=stream, width=80),
        Result(
            "scans-1",
            code,
            SCANS,
            outcome,
            STEPS,
            reasons or [],
            started=0.0,
            seconds=20.5,
        ),
    )
    return stream.getvalue()


def row(text: str, *words: str) -> list[str]:
    """Returns the words of the only line that has all of these."""
    [line] = [line for line in text.splitlines() if all(word in line for word in words)]
    return line.split()


def test_each_demand_has_value_bound_champion_and_verdict() -> None:
    text = shown(Exit.REFUSED, [OVERRULED, PASSED, FAILED], None)
    assert row(text, "findings") == [
        "DataGate",
        "findings",
        "2",
        *("≤", "0"),
        "-",
        "overruled",
    ]
    assert row(text, "Evaluator", "accuracy") == [
        "Evaluator",
        "accuracy",
        "0.9781",
        *("≥", "0.97"),
        "0.9790",
        "passed",
    ]
    # The gate's name appears once, above its demands.
    assert row(text, "accuracy 8") == [
        "accuracy",
        "8",
        "0.9100",
        "≥",
        "0.93",
        "-",
        "REFUSED",
    ]


def test_the_time_that_no_component_took_is_told() -> None:
    text = shown(Exit.PUSHED, [PASSED], PUSHED)
    assert "whole run 20.5 s: components 17.3 s, " in text
    assert "all else 3.2 s" in text


def test_a_push_ends_with_the_version_and_how_to_ask_it() -> None:
    text = shown(Exit.PUSHED, [PASSED], PUSHED)
    assert "scans: pushed as version 17" in text
    assert "/output/models/scans/17" in text
    assert "-m serving.launch --models /output/models --model scans" in text
    assert "-m serving.client predict PICTURE.png" in text
    assert "--model scans" in text


def test_a_version_that_was_served_already_is_not_called_new() -> None:
    text = shown(Exit.PUSHED, [PASSED], Pushed(17, "/m/17", already_served=True))
    assert "scans: nothing changed, version 17 is served" in text
    assert "pushed as" not in text


@pytest.mark.parametrize("code", [Exit.BROKEN, Exit.INTERRUPTED])
def test_a_run_that_ended_after_its_push_names_the_version(code: Exit) -> None:
    text = shown(code, [], PUSHED, ["the disk is full"])
    assert f"scans: {code.meaning}; version 17 was pushed and is served" in text
    found = replace(PUSHED, already_served=True)
    assert f"scans: {code.meaning}; version 17 is served" in shown(code, [], found)


def test_a_result_fits_on_a_disk_that_the_run_has_filled(tmp_path: Path) -> None:
    summary.reserve(str(tmp_path))
    [room] = tmp_path.iterdir()
    assert room.stat().st_blocks * 512 >= 1 << 16
    result = Result("r", Exit.BROKEN, SCANS, Outcome(), [], [], 0.0, 1.0)
    summary.write(str(tmp_path), result)
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_refusal_says_each_reason_once_and_offers_no_query() -> None:
    text = shown(Exit.REFUSED, [PASSED, FAILED], None, [str(FAILED)])
    assert "scans: refused by Evaluator, nothing was pushed" in text
    assert text.count("0.9100") == 1
    assert "serving.client" not in text
    assert "serving.launch" not in text


def test_what_was_not_got_to_is_not_shown() -> None:
    stream = io.StringIO()
    summary.show(
        Console(file=stream, width=80),
        Result(
            "scans-1",
            Exit.BROKEN,
            SCANS,
            Outcome([], None, None),
            [],
            ["ValueError: [brackets] are no markup"],
            started=0.0,
            seconds=1.0,
        ),
    )
    text = stream.getvalue()
    assert "ValueError: [brackets] are no markup" in text
    assert "Gates" not in text
    assert "whole run" not in text
    assert "accuracy" not in text


def test_programs_get_the_same_facts(tmp_path: Path) -> None:
    summary.write(
        str(tmp_path),
        Result(
            "scans-1",
            Exit.REFUSED,
            SCANS,
            Outcome([FAILED], 0.9781, None),
            STEPS,
            [str(FAILED)],
            started=0.0,
            seconds=20.456,
            report="/output/runs/scans-1/report.html",
            because="a span came",
        ),
    )
    assert json.loads((tmp_path / "result.json").read_text()) == {
        "run": "scans-1",
        "model": "scans",
        "task": digits.TASK.as_dict(),
        "data": {"description": SCANS.description, "fingerprint": SCANS.fingerprint},
        "because": "a span came",
        "exit_code": 3,
        "verdict": "refused by a gate, nothing was pushed",
        "reasons": ["Evaluator: accuracy 8: expected ≥ 0.93, found 0.9100"],
        "started": 0.0,
        "seconds": 20.46,
        "test_accuracy": 0.9781,
        "gates": [
            {
                "gate": "Evaluator",
                "metric": "accuracy",
                "slice": "8",
                "value": 0.91,
                "bound": 0.93,
                "direction": "at_least",
                "champion": None,
                "passed": False,
                "overruled": False,
                "detail": "",
                "refused": True,
            }
        ],
        "components": [
            {
                "node": "Trainer",
                "state": "cached",
                "seconds": 12.34,
                "peak_memory": None,
            },
            {
                "node": "Evaluator",
                "state": "refused",
                "seconds": 5.0,
                "peak_memory": 900_000_000,
            },
        ],
        "champion_left_out": None,
        "replay_left_out": None,
        "pushed": None,
        "report": "/output/runs/scans-1/report.html",
    }
