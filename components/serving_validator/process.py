"""The probe's process, which may be started before there is anything to ask."""

import json
import os
import subprocess
import sys
from typing import Self

from components.serving_validator import probe

Report = dict[str, list[str]]


class Process:
    """A Python of its own that waits for a model to ask; see `probe`."""

    def __init__(self) -> None:
        """Starts it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", probe.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=_environment(),
        )

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it; see `close`."""
        self.close()

    def close(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.communicate()

    @property
    def is_waiting(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def ask(self, model: str, requests: str, timeout_seconds: float) -> Report:
        """Has a model asked; once.

        Args:
            model: SavedModel folder.
            requests: File of `Requests`.
            timeout_seconds: For what is left of the start, loading and all answers.

        Returns:
            `checks` that passed and `failures`, a line each. A process that died
            or did not end is a failure.
        """
        question = json.dumps({"model": model, "requests": requests}) + "\n"
        try:
            out, err = self._process.communicate(question, timeout_seconds)
        except subprocess.TimeoutExpired:
            return _failed(f"no answer within {timeout_seconds} s")
        code = self._process.returncode
        if code != 0:
            last = (err.strip().splitlines() or ["no output"])[-1]
            return _failed(f"the process ended with code {code}: {last}")
        # What libraries print comes before; the outcome is the last line.
        try:
            report: Report = json.loads((out.splitlines() or [""])[-1])
        except json.JSONDecodeError:
            return _failed("the process ended with code 0 before it had an outcome")
        return report


class _Ahead:
    """The process that waits for the executor, if a runner has started one.

    TFX makes the executor by its class's name and hands it artifacts only, so what
    was started for it in the same process has to be found here.
    """

    process: Process | None = None


def start_ahead() -> None:
    """Starts a process for the next `take`: its imports take 4 s, on another core."""
    stop_ahead()
    _Ahead.process = Process()


def take() -> Process:
    """Returns the process that waits, or else a new one."""
    process, _Ahead.process = _Ahead.process, None
    if process is None:
        return Process()
    if not process.is_waiting:
        # It was never asked: whatever ended it says nothing about a model.
        process.close()
        return Process()
    return process


def stop_ahead() -> None:
    """Ends the process that nobody took, if there is one."""
    if _Ahead.process is not None:
        _Ahead.process.close()
        _Ahead.process = None


def _environment() -> dict[str, str]:
    """Returns this process's environment; modules are found as they are here.

    A script's own folder, from which the pipeline was imported, is on the path
    of that process alone; the working folder may be any other.
    """
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def _failed(reason: str) -> Report:
    return {"checks": [], "failures": [reason]}
