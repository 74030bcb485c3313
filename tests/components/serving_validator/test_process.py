"""The waiting process: used once, never used, or dead before its use."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.serving_validator import process
from components.serving_validator.process import Process
from components.serving_validator.requests import Requests


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    yield
    process.stop_ahead()


def pid_of(waiting: Process) -> int:
    return waiting._process.pid


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_that_was_started_ahead_is_taken_and_answers(
    save: Callable[..., str], requests: Requests, tmp_path: Path
) -> None:
    path = str(tmp_path / "requests.npz")
    requests.save(path)
    process.start_ahead()
    ahead = process._Ahead.process
    assert ahead is not None

    with process.take() as taken:
        assert taken is ahead
        report = taken.ask(save(), path, timeout_seconds=120)

    assert report["failures"] == []
    assert len(report["checks"]) == 12


def test_what_lies_in_the_folder_of_the_person_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the user may have the name of a module of Python or of this project."""
    for name in ("types.py", "numbers.py", "components.py"):
        (tmp_path / name).write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    with Process() as waiting:
        stdin = waiting._process.stdin
        assert stdin is not None
        stdin.close()
        assert waiting._process.wait(timeout=60) == 0
        waiting._process.stdin = None


def test_it_is_taken_once() -> None:
    process.start_ahead()
    with process.take() as first, process.take() as second:
        assert pid_of(first) != pid_of(second)


def test_one_that_died_before_it_was_asked_is_replaced() -> None:
    process.start_ahead()
    ahead = process._Ahead.process
    assert ahead is not None
    os.kill(pid_of(ahead), signal.SIGKILL)
    while ahead.is_waiting:
        time.sleep(0.01)

    with process.take() as taken:
        assert pid_of(taken) != pid_of(ahead)
        assert taken.is_waiting


def test_one_that_nobody_took_is_ended() -> None:
    process.start_ahead()
    ahead = process._Ahead.process
    assert ahead is not None

    process.stop_ahead()

    assert not is_alive(pid_of(ahead))
    process.stop_ahead()


def test_another_takes_the_place_of_one_that_waits() -> None:
    process.start_ahead()
    first = process._Ahead.process
    assert first is not None

    process.start_ahead()

    assert not is_alive(pid_of(first))


def test_it_ends_with_the_one_that_started_it() -> None:
    """Closes the parent's end of the pipe, as happens when the parent is killed."""
    with Process() as waiting:
        stdin = waiting._process.stdin
        assert stdin is not None
        stdin.close()
        assert waiting._process.wait(timeout=60) == 0
        waiting._process.stdin = None
