"""The runner completes a run's page, however the run ended."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.artifact import HTML
from components.image_example_gen import digits
from components.image_example_gen.understanding import Hints
from components.report.page import Page, Section
from components.report.standing import (
    BROKEN,
    INTERRUPTED,
    PUSHED,
    REFUSED,
    UNCHANGED,
)
from contract.demands import AT_LEAST, AT_MOST, Demand
from contract.exits import Exit
from runner import report
from runner.datasets import DataSet
from runner.records import Outcome, Pushed
from runner.screen import Step
from runner.summary import Result

OVERRULED = Demand("DataGate", "findings", "", 2.0, 0.0, AT_MOST, overruled=True)
FAILED = Demand("Evaluator", "accuracy", "", 0.9, 0.97, AT_LEAST, 0.98)
VERSION = Pushed(17, "/output/models/scans/17", already_served=False)

RESULT = Result(
    run="scans-1",
    code=Exit.PUSHED,
    dataset=DataSet(
        "scans",
        "/data",
        "f" * 64,
        "data set from /data",
        digits.TASK,
        Hints("scans"),
    ),
    outcome=Outcome([OVERRULED], 0.98, VERSION),
    steps=[Step("Trainer", 5.0, "done", peak_memory=900), Step("Pusher", 0.1, "done")],
    reasons=[],
    started=1_700_000_000.0,
    seconds=20.5,
)


def ended(code: Exit, *reasons: str, last: str = "failed") -> Result:
    return replace(
        RESULT,
        code=code,
        outcome=Outcome([OVERRULED, FAILED], None, None),
        steps=[Step("StatisticsGen", 1.0, "done"), Step("Trainer", 2.0, last)],
        reasons=list(reasons),
    )


SERVED = replace(
    RESULT, outcome=Outcome([OVERRULED], 0.98, replace(VERSION, already_served=True))
)


@pytest.mark.parametrize(
    ("result", "kind", "headline", "version"),
    [
        (RESULT, PUSHED, "Pushed as version 17", "17"),
        (SERVED, UNCHANGED, "Nothing changed: version 17 is served", "17"),
        (ended(Exit.REFUSED, "too low"), REFUSED, "Refused by Evaluator", ""),
        (ended(Exit.BROKEN, "no number"), BROKEN, "Broken in Trainer", ""),
        (ended(Exit.BAD_INPUT, "changed"), BROKEN, "Broken in Trainer", ""),
        (ended(Exit.INTERRUPTED), INTERRUPTED, "Interrupted in Trainer", ""),
        (ended(Exit.TERMINATED), INTERRUPTED, "Terminated in Trainer", ""),
        (ended(Exit.INTERRUPTED, last="done"), INTERRUPTED, "Interrupted", ""),
    ],
)
def test_however_it_ended_it_is_said(
    result: Result, kind: str, headline: str, version: str
) -> None:
    found = report.verdict(result)
    assert (found.kind, found.headline, found.version) == (kind, headline, version)
    assert found.reasons == tuple(result.reasons)
    assert found.gates == tuple(result.outcome.demands)


@pytest.fixture
def nodes_page(tmp_path: Path) -> Callable[[str, Page], dict[Any, Any]]:
    """Returns a function that puts a node's page among a run's outputs."""

    def publish(node: str, page: Page) -> dict[Any, Any]:
        made = HTML()
        made.uri = str(tmp_path / node)
        Path(made.uri).mkdir()
        Path(made.uri, "report.html").write_text(page.render())
        return {(node, "page"): made}

    return publish


def written(folder: Path) -> Page:
    return Page.parse((folder / "report.html").read_text())


def data(examples: int) -> Section:
    """Returns the page's section about data, as far as the head reads it."""
    splits = [{"examples": examples}]
    return drawn("data", {"splits": splits, "task": digits.TASK.as_dict()})


def model(parameters: int) -> Section:
    return drawn("model", {"parameters": parameters, "epochs": []})


def drawn(name: str, facts: dict[str, Any]) -> Section:
    carried = f'<script type="application/json" class="facts">{json.dumps(facts)}'
    return Section(name, f"{carried}</script>", facts)


def test_the_newest_page_is_completed_with_what_only_the_runner_knows(
    tmp_path: Path, nodes_page: Callable[..., dict[Any, Any]]
) -> None:
    older = Page("scans").having(data(1))
    newer = older.having(data(70_000), model(3))
    outputs = {**nodes_page("DataReport", older), **nodes_page("ModelReport", newer)}

    failed = report.write(str(tmp_path), RESULT, outputs, False)

    page = written(tmp_path)
    assert failed == []
    assert (page.model, page.run) == ("scans", "scans-1")
    assert page.sections["data"] == data(70_000)
    assert page.sections["model"] == model(3)
    run = page.sections["run"].facts
    assert run["seconds"] == 20.5
    assert run["data"] == "data set from /data"
    assert run["components"] == [
        {"node": "Trainer", "state": "done", "seconds": 5.0, "peak_memory": 900},
        {"node": "Pusher", "state": "done", "seconds": 0.1, "peak_memory": None},
    ]
    assert "--models /output/models --model scans" in run["commands"]["Serve"]
    assert "predict PICTURE.png --model scans" in run["commands"]["Query"]
    assert page.sections["verdict"].facts["headline"] == "Pushed as version 17"


def test_without_any_page_there_is_one_all_the_same(tmp_path: Path) -> None:
    report.write(str(tmp_path), ended(Exit.BROKEN, "ValueError: <b>"), {}, False)
    page = written(tmp_path)
    assert set(page.sections) == {"verdict", "run"}
    assert page.sections["verdict"].facts["reasons"] == ["ValueError: <b>"]
    assert page.sections["run"].facts["commands"] == {}


def test_what_no_node_came_to_show_is_shown_or_said(
    tmp_path: Path, nodes_page: Callable[..., dict[Any, Any]]
) -> None:
    """The Trainer had ended, but its files are gone."""
    model_run = HTML()
    model_run.uri = str(tmp_path / "gone")
    outputs = {
        **nodes_page("DataReport", Page("scans").having(data(5))),
        ("Trainer", "model_run"): model_run,
    }

    failed = report.write(str(tmp_path), ended(Exit.INTERRUPTED), outputs, False)

    assert failed == ["model"]
    page = written(tmp_path)
    assert page.sections["model"].failed
    assert page.sections["data"] == data(5)


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    report.write(str(tmp_path), RESULT, {}, False)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
