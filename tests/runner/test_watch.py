"""Runs start automatically; the pipeline is replaced by a stand-in.

tests/docs/test_week_in_production.py uses the real pipeline.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from components.image_example_gen.spans import Span
from contract import notifying
from pipeline.config import load_config
from runner import watch
from runner.watch import Settling, Watcher
from runner.watch_state import DONE, QUARANTINED, StateFile
from runner.workspace import Workspace
from tests.receiver import receiving

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = Path(__file__).with_name("stand_in.py")

SETTINGS = ("watch.settle_seconds=0", "watch.retry_seconds=0", "data.window=2")

Make = Callable[..., Watcher]


def put(tmp_path: Path, **spans: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    for name, content in spans.items():
        (folder / name.lstrip("_")).write_text(content)


def ran(tmp_path: Path) -> list[str]:
    """Returns the windows of all runs."""
    path = tmp_path / "out" / "ran.txt"
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Returns a function that makes a new watcher of the spans in `in`."""
    monkeypatch.setattr(watch, "PROGRAM", STAND_IN)
    put(tmp_path)

    def make(*settings: str) -> Watcher:
        pattern, workspace = f"{tmp_path}/in/{{SPAN}}", Workspace(str(tmp_path / "out"))
        return Watcher(
            load_config(settings=[*SETTINGS, *settings]),
            pattern,
            "model",
            workspace,
            workspace.watcher("model"),
            ["--data", pattern, "--output", workspace.root],
            ["--output", workspace.root],
        )

    return make


def state_of(watcher: Watcher) -> dict[str, str]:
    state = StateFile(watcher.folder).read()
    return {name: record.state for name, record in state.spans.items()}


def test_a_run_starts_for_each_span_and_then_no_more(
    tmp_path: Path, make: Make
) -> None:
    put(tmp_path, _1="", _2="")
    watcher = make()
    assert watcher.step()
    assert not watcher.step()
    put(tmp_path, _3="")
    assert watcher.step()
    assert not watcher.step()
    assert ran(tmp_path) == ["1 2", "2 3"]


def test_a_later_watcher_runs_nothing_again(tmp_path: Path, make: Make) -> None:
    put(tmp_path, _1="")
    make().step()
    assert not make().step()


def test_without_spans_it_waits(make: Make) -> None:
    assert not make().step()


def test_what_is_refused_is_set_aside_and_the_next_goes_on(
    tmp_path: Path, make: Make
) -> None:
    put(tmp_path, _1="")
    watcher = make()
    watcher.step()
    put(tmp_path, _2="refused", _3="")
    while watcher.step():
        pass
    assert state_of(watcher) == {"1": DONE, "2": QUARANTINED, "3": DONE}
    record = StateFile(watcher.folder).read().spans["2"]
    assert record.reason == "Evaluator: too low"
    assert ran(tmp_path) == ["1", "1 2", "1 3", "2 3", "2 3"]


def test_the_reason_of_a_run_that_did_not_begin_is_kept(
    tmp_path: Path, make: Make
) -> None:
    put(tmp_path, _1="")
    watcher = make("watch.tries=1")
    watcher.step()
    put(tmp_path, _2="broken")
    watcher.step()
    record = StateFile(watcher.folder).read().spans["2"]
    assert (record.state, record.reason) == (QUARANTINED, "in/7: cannot be read")


def test_somebody_is_told_of_a_span_that_is_set_aside(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, _1="")
    watcher = make("watch.tries=1")
    watcher.step()
    put(tmp_path, _2="broken")
    with receiving() as receiver:
        monkeypatch.setenv(notifying.ADDRESSES, receiver.address)
        watcher.step()
    [message] = receiver.messages
    assert message["title"] == "model: failed"
    assert message["message"].splitlines() == [
        "model: span 2 is set aside (tries: 1)",
        "in/7: cannot be read",
    ]


def test_a_run_that_is_killed_each_time_is_set_aside(
    tmp_path: Path, make: Make
) -> None:
    put(tmp_path, _1="")
    watcher = make()
    watcher.step()
    put(tmp_path, _2="dies")
    while watcher.step():
        pass
    assert state_of(watcher)["2"] == QUARANTINED


def test_no_run_starts_while_somebody_elses_goes_on(tmp_path: Path, make: Make) -> None:
    put(tmp_path, _1="")
    watcher = make()
    with watcher.workspace.locked():
        assert not watcher.step()
    assert ran(tmp_path) == []
    assert watcher.step()


def test_a_folder_that_is_away_is_waited_for(tmp_path: Path) -> None:
    put(tmp_path, _1="")
    watcher = InItsOwnProcess(tmp_path)
    watcher.until("run 1: pushed")
    (tmp_path / "in").rename(tmp_path / "away")
    assert "missing: expected a folder with spans in it" in watcher.until("waiting:")
    (tmp_path / "away").rename(tmp_path / "in")
    watcher.until("it goes on")
    put(tmp_path, _2="")
    watcher.until("run 2: pushed")
    watcher.end(signal.SIGTERM)


def test_a_finding_in_the_traffic_starts_a_run(tmp_path: Path, make: Make) -> None:
    put(tmp_path, _1="")
    watcher = make()
    watcher.step()
    for model, code in {"other": 3, "model": 3, "model-fine": 0}.items():
        folder = tmp_path / "out" / "monitoring" / "runs" / model
        folder.mkdir(parents=True)
        result = {"kind": "monitor", "model": model[:5], "exit_code": code}
        (folder / "result.json").write_text(json.dumps(result))
    assert watcher.step()
    assert not watcher.step()
    assert not make().step()
    assert ran(tmp_path) == ["1", "1"]


def test_the_traffic_is_looked_at_when_it_is_time(tmp_path: Path, make: Make) -> None:
    put(tmp_path, _1="")
    watcher = make("watch.monitor_hours=1", "monitoring.log=log")
    assert watcher.step()
    assert watcher.step()
    assert not watcher.step()
    with StateFile(watcher.folder).changing() as state:
        state.last_look -= 3600
    assert watcher.step()
    assert ran(tmp_path) == ["1", "monitor", "monitor since"]


def test_a_collectors_hour_at_hand_is_the_next_looks(
    tmp_path: Path, make: Make
) -> None:
    put(tmp_path, _1="")
    log = tmp_path / "log"
    watcher = make("watch.monitor_hours=1", f"monitoring.log={log}")
    watcher.step()
    (log / ".20200101T10").mkdir(parents=True)
    watcher.step()
    state = StateFile(watcher.folder).read()
    assert state.looked_until == datetime(2020, 1, 1, 10, tzinfo=UTC).timestamp()
    with StateFile(watcher.folder).changing() as state:
        state.last_look -= 3600
    assert watcher.step()
    (log / ".20200101T10").rename(log / "20200101T10")
    with StateFile(watcher.folder).changing() as state:
        state.last_look -= 3600
    assert watcher.step()
    assert ran(tmp_path) == ["1", "monitor", "monitor since"]


def test_a_span_waits_for_its_marker(tmp_path: Path, make: Make) -> None:
    put(tmp_path, _1="")
    watcher = make("data.marker=.done")
    assert not watcher.step()
    put(tmp_path, **{"1.done": ""})
    assert watcher.step()


def test_a_span_is_settled_when_it_stays_as_it_is(tmp_path: Path) -> None:
    put(tmp_path, _1="")
    span = Span(1, None, str(tmp_path / "in" / "1"))
    settling = Settling(0.2)
    assert not settling.is_settled(span)
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        put(tmp_path, _1=str(time.monotonic()))
        assert not settling.is_settled(span)
        time.sleep(0.05)
    time.sleep(0.25)
    assert settling.is_settled(span)


def test_a_folder_is_settled_when_all_in_it_is(tmp_path: Path) -> None:
    span, settling = Span(1, None, str(tmp_path)), Settling(0)
    assert not settling.is_settled(span), "it is empty"
    (tmp_path / "a").mkdir()
    assert not settling.is_settled(span)
    (tmp_path / "a" / "1.png").touch()
    assert settling.is_settled(span)


class InItsOwnProcess:
    """A watcher in a process, as a user starts it."""

    def __init__(self, tmp_path: Path, before: str = "") -> None:
        """Starts the process.

        Args:
            tmp_path: Folder with the spans; it gets the output folder.
            before: Python code that runs first; it may change `watch`.
        """
        script = (
            "import sys, pathlib, runner.watch as watch; from runner.cli import main\n"
            f"watch.PROGRAM = pathlib.Path(sys.argv.pop(1))\n{before}\nmain()"
        )
        settings = [part for one in SETTINGS for part in ("--set", one)]
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", script, str(STAND_IN), "watch"),
                *("--data", f"{tmp_path}/in/{{SPAN}}"),
                *("--output", str(tmp_path / "out"), "--name", "model"),
                *(*settings, "--set", "watch.poll_seconds=0.05"),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def until(self, text: str) -> str:
        """Waits for a line on the screen that contains a text, and returns it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line:
                return line
        raise AssertionError(f"it ended without {text!r}")

    def end(self, signum: int) -> int:
        """Ends the process with a signal; returns its exit code."""
        self.process.send_signal(signum)
        return self.process.wait(10)


def test_what_a_killed_watcher_had_started_is_not_run_twice(tmp_path: Path) -> None:
    put(tmp_path, _1="slow")
    killed = InItsOwnProcess(tmp_path)
    killed.until("run 1: span 1 complete")
    while not ran(tmp_path):
        time.sleep(0.02)
    killed.end(signal.SIGKILL)
    again = InItsOwnProcess(tmp_path)
    assert "pushed" in again.until("run 1: ")
    assert again.end(signal.SIGTERM) == 143
    assert ran(tmp_path) == ["1"]


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_watcher_that_is_stopped_ends_its_run_first(
    tmp_path: Path, signum: int, code: int
) -> None:
    put(tmp_path, _1="slow")
    stopped = InItsOwnProcess(tmp_path)
    stopped.until("run 1: span 1 complete")
    while not ran(tmp_path):
        time.sleep(0.02)
    assert stopped.end(signum) == code
    assert not [*(tmp_path / "out" / "runs").glob("*/result.json")]
    state = StateFile(str(tmp_path / "out" / "watch" / "model")).read()
    assert state.job is None
    assert state.spans["1"].tries == 0
    assert os.listdir(tmp_path / "out" / "watch" / "model")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_signal_while_a_run_is_started_leaves_no_run_alone(
    tmp_path: Path, moment: str
) -> None:
    put(tmp_path, _1="slow")
    signalled = f"""
import os, signal
start = watch.subprocess.Popen
def popen(*args, **kwargs):
    if {moment == "before"}: os.kill(os.getpid(), signal.SIGTERM)
    process = start(*args, **kwargs)
    if {moment == "after"}: os.kill(os.getpid(), signal.SIGTERM)
    return process
watch.subprocess.Popen = popen
"""
    stopped = InItsOwnProcess(tmp_path, signalled)
    assert stopped.process.wait(20) == 143
    folder = tmp_path / "out" / "watch" / "model"
    # A running run holds the lock.
    with open(folder / ".run") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    state = StateFile(str(folder)).read()
    assert (state.job, state.spans["1"].tries) == (None, 0)
