"""Runs the probe in a separate process, which may be started ahead.

The way in which the process ends tells whether the model or the machine is at fault.

The model: the process prints a report, or TensorFlow's own code crashes with SIGSEGV,
SIGABRT or SIGFPE, for example because a kernel gets invalid input. One crash may be an
accident, so only a second one, in a new process, is a failure of the model.

The machine: all other ends. The process was killed (the kernel sends SIGKILL when
memory runs out), could not be started, could not import its modules, had no memory or
disk left (some libraries abort then), or did not answer in time, which may be due to a
busy machine as well as to the model. These prove nothing about the model, so the node
fails: a verdict would stay in the cache and refuse the model for ever.
"""

import json
import os
import signal
import subprocess
import sys
from typing import Self

from components.serving_validator import probe

Report = dict[str, list[str]]

_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE)

_OF_THE_MACHINE = (
    "bad_alloc",
    "Cannot allocate memory",
    "No space left on device",
    "Resource temporarily unavailable",
    "pthread_create",
)
"""Messages of libraries that abort because memory, disk or threads are missing."""


class CrashedError(Exception):
    """The process crashed, and the model may be the cause."""


class Process:
    """A process that waits for a model to check; see `probe`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            # Modules come from this process's path (`_environment`). -P keeps out the
            # working folder, where a user's file may have the name of a module.
            [sys.executable, "-P", "-m", probe.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=_environment(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kills the process."""
        self._process.kill()
        self._process.communicate()

    @property
    def is_waiting(self) -> bool:
        """Whether the process is still running."""
        return self._process.poll() is None

    def ask(self, model: str, requests: str, timeout_seconds: float) -> Report:
        """Checks a model. A process can do this only once.

        Args:
            model: SavedModel folder.
            requests: File of `Requests`.
            timeout_seconds: Time for the rest of the start, loading and all answers.

        Returns:
            `checks` that passed and `failures`, one line each.

        Raises:
            CrashedError: The model may be the cause; try once more.
            RuntimeError: The process ended for a reason that is not the model's.
            TimeoutError: The process did not answer in time.
        """
        question = json.dumps({"model": model, "requests": requests}) + "\n"
        try:
            out, err = self._process.communicate(question, timeout_seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"the model gave no answer within {timeout_seconds} s"
            ) from None
        code = self._process.returncode
        if code != 0:
            end = f"was ended by {_signal(-code)}" if code < 0 else f"ended with {code}"
            last = (err.strip().splitlines() or ["no output"])[-1]
            reason = f"the process that asks the model {end}: {last}"
            of_machine = any(sign in err for sign in _OF_THE_MACHINE)
            if -code in _CRASHES and not of_machine:
                raise CrashedError(reason)
            raise RuntimeError(reason)
        # The report is the last line; libraries may print other lines before it.
        try:
            report: Report = json.loads((out.splitlines() or [""])[-1])
        except json.JSONDecodeError:
            raise RuntimeError(
                "the process that asks the model ended before it had an outcome"
            ) from None
        return report


class _Ahead:
    """Holds the process that a runner started ahead for the executor.

    TFX constructs the executor from its class's name and passes it artifacts only, so
    the executor has to find the process here.
    """

    process: Process | None = None


def start_ahead() -> None:
    """Starts a process for the next `take`: its imports take 4 s, on another core."""
    stop_ahead()
    _Ahead.process = Process()


def take() -> Process:
    """Returns the process that was started ahead, or else a new one."""
    process, _Ahead.process = _Ahead.process, None
    if process is None:
        return Process()
    if not process.is_waiting:
        # It had no model yet, so its end proves nothing about a model.
        process.close()
        return Process()
    return process


def stop_ahead() -> None:
    """Ends the process that was started ahead, if it was not taken."""
    if _Ahead.process is not None:
        _Ahead.process.close()
        _Ahead.process = None


def _environment() -> dict[str, str]:
    """Returns this process's environment with its module path in PYTHONPATH.

    A script's own folder, from which the pipeline was imported, is only on this
    process's path, and the working folder may be another one.
    """
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
