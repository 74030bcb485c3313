"""Messages before a run begins, and notifications about its end."""

import io
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from contract import environment, notifying, stopping
from contract.demands import OVERALL, Demand
from contract.exits import Exit
from pipeline.config import Config, Storage, load_config
from pipeline.notify import Notify
from runner import one_run
from runner.datasets import resolve
from runner.one_run import _of_split
from runner.outcome import Outcome
from runner.records import Pushed
from runner.screen import Screen
from runner.summary import Result
from runner.workspace import Workspace
from tests.receiver import receiving
from tests.runner.test_summary import FAILED, SCANS
from tests.version_store.pushing import make_store, push
from version_store.versions import list_versions

SAME = {"how": "content", "seed": 1, "test_fraction": 0.2}


@pytest.mark.parametrize(
    ("split", "is_told"),
    [
        (SAME, False),
        ({**SAME, "spans": ["6"]}, False),
        ({**SAME, "seed": 2}, True),
        ({**SAME, "test_fraction": 0.1}, True),
        ({"how": "stratified", "seed": 1, "test_fraction": 0.2}, True),
        (None, True),
    ],
)
def test_a_champion_that_may_know_test_rows_is_told(
    tmp_path: Path, split: dict[str, object] | None, is_told: bool
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 3)).astype(np.uint8)
    np.savez(tmp_path / "7.npz", x=images, y=np.arange(40) % 2)
    version = tmp_path / "output" / "models" / "scans" / "3"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    (version / "manifest.json").write_text(json.dumps({"version": 3, "split": split}))
    config = load_config(
        settings=[f"data.path={tmp_path}/{{SPAN}}.npz", "data.name=scans"]
    )
    dataset = resolve(config.data, str(tmp_path))
    note = _of_split(config, dataset, Workspace(str(tmp_path / "output")))
    assert note.startswith("version 3 was trained with another split") == is_told


def test_a_push_that_was_not_recorded_is_found_by_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    push(tmp_path / "models", "a", run="scans-1")
    version = push(tmp_path / "models", "b", run="scans-2")
    workspace, screen = Workspace(str(tmp_path)), Screen(io.StringIO())

    def found(name: str) -> Pushed | None:
        run = one_run.Run(Config(), SCANS, workspace, name, 0.0, screen)
        return one_run._unrecorded_push(run)

    path = str(tmp_path / "models/scans" / str(version))
    assert found("scans-2") == Pushed(version, path, already_served=False)
    assert found("scans-3") is None


def test_an_interrupt_while_a_library_is_imported_is_an_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def interrupted() -> Iterator[None]:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            yield
        except KeyboardInterrupt as error:
            raise ImportError("a page of advice, as NumPy's") from error

    monkeypatch.setattr(environment, "heavy_imports", interrupted)
    workspace, screen = Workspace(str(tmp_path)), Screen(io.StringIO())
    run = one_run.Run(Config(), SCANS, workspace, "scans-1", 0.0, screen)
    with stopping.stoppable():
        assert one_run.run_pipeline(run, reuse=True) == one_run.Ending(Exit.INTERRUPTED)


@pytest.mark.parametrize(("keep", "stay"), [(None, 3), (1, 1), (2, 2), (9, 3)])
def test_the_setting_says_how_many_versions_stay_at_a_push(
    tmp_path: Path, keep: int | None, stay: int
) -> None:
    pushed = [push(tmp_path / "models", weights) for weights in "abc"]
    make_store(tmp_path / "metadata.sqlite")
    config = Config(storage=Storage(keep_versions=keep))
    text = io.StringIO()
    one_run._prune(
        one_run.Run(config, SCANS, Workspace(str(tmp_path)), "scans-1", 0, Screen(text))
    )
    assert list_versions(str(tmp_path / "models" / "scans")) == pushed[-stay:]
    assert text.getvalue().splitlines() == [
        f"  removed version {number} (storage.keep_versions)"
        for number in reversed(pushed[:-stay])
    ]


@pytest.mark.parametrize(("keep", "stay"), [(None, 3), (1, 1), (9, 3)])
def test_the_setting_says_how_many_runs_stay_at_a_push(
    tmp_path: Path, keep: int | None, stay: int
) -> None:
    """Seen on monitoring runs, which need no pipeline."""
    workspace, text = Workspace(str(tmp_path)), io.StringIO()
    names = [f"scans-2026112{day}-100000" for day in range(3)]
    for name in names:
        workspace.monitoring.new_run("scans", datetime(2026, 11, int(name[12:14]), 10))
    config = Config(storage=Storage(keep_runs=keep))
    one_run._clean(one_run.Run(config, SCANS, workspace, "scans-1", 0, Screen(text)))
    assert sorted(os.listdir(workspace.monitoring.runs)) == names[-stay:]
    assert ("(storage.keep_runs)" in text.getvalue()) == (stay < 3)


REPORT = "/output/runs/scans-1/report.html"


def told(
    tmp_path: Path, code: Exit, outcome: Outcome, reasons: list[str]
) -> list[tuple[str, list[str]]]:
    """Returns title and lines of the message about a run's end."""
    with receiving() as receiver:
        file = tmp_path / "addresses"
        file.write_text(receiver.address)
        config = Config(notify=Notify(urls_file=str(file)))
        workspace, screen = Workspace(str(tmp_path)), Screen(io.StringIO())
        run = one_run.Run(config, SCANS, workspace, "scans-1", 0.0, screen)
        result = Result(
            "scans-1", code, SCANS, outcome, [], reasons, 0.0, 1.0, report=REPORT
        )
        sending = one_run._tell(run, result)
        assert sending is None or sending.finish()
    return [(m["title"], m["message"].splitlines()) for m in receiver.messages]


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(notifying.ADDRESSES, raising=False)


def test_a_push(tmp_path: Path) -> None:
    outcome = Outcome(pushed=Pushed(17, "/output/models/scans/17", False))
    [(title, lines)] = told(tmp_path, Exit.PUSHED, outcome, [])
    assert title == "scans version 17: pushed"
    assert lines == ["scans: pushed as version 17", f"Report: {REPORT}"]


def test_that_nothing_changed_is_no_news(tmp_path: Path) -> None:
    outcome = Outcome(pushed=Pushed(17, "/output/models/scans/17", True))
    assert told(tmp_path, Exit.PUSHED, outcome, []) == []


def test_a_refusal_has_the_demands_once(tmp_path: Path) -> None:
    passed = Demand("Evaluator", "accuracy", OVERALL, 1.0, 0.9, "at_least", passed=True)
    outcome = Outcome([passed, FAILED])
    [(title, lines)] = told(tmp_path, Exit.REFUSED, outcome, [str(FAILED)])
    assert title == "scans: refused"
    assert lines == [
        "scans: refused by Evaluator, nothing was pushed",
        "Evaluator: accuracy 8: expected ≥ 0.93, found 0.9100",
        f"Report: {REPORT}",
    ]


@pytest.mark.parametrize("code", [Exit.BROKEN, Exit.BAD_INPUT])
def test_a_failure(tmp_path: Path, code: Exit) -> None:
    [(title, lines)] = told(tmp_path, code, Outcome(), ["the disk is full"])
    assert title == "scans: failed"
    assert lines == [f"scans: {code.meaning}", "the disk is full", f"Report: {REPORT}"]
