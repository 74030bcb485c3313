"""The probe's process, which may be started before there is anything to ask.

How it ends tells whose fault it is. What the model does in it ends in an outcome, or
in a crash of TensorFlow's own code: SIGSEGV, SIGABRT or SIGFPE, as when a kernel is fed
what it cannot take. One crash may be an accident: only a second one, in a process of
its own, is a finding about the model. All other ends are the machine's: it was killed
(SIGKILL is what the kernel does when memory runs out), could not be started, could not
import what it needs, had no memory or disk left, which some libraries tell by aborting,
or did not answer in time, which a machine that is too busy does as well as a model that
never will. They say nothing about the model, so the node fails: a finding would be kept
in the cache and refuse the model for ever.
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
"""What those say that abort for want of memory, disk or threads."""


class CrashedError(Exception):
    """The process crashed in a way that may be the model's doing."""


class Process:
    """A Python of its own that waits for a model to ask; see `probe`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            # Modules are found as they are here (`_environment`), and not also in the
            # folder where a person stands: hers may be called as one of Python's.
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
            `checks` that passed and `failures`, a line each.

        Raises:
            CrashedError: It may be the model's doing; ask once more.
            RuntimeError: It ended for a reason that is not the model's.
            TimeoutError: It did not answer in time.
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
        # What libraries print comes before; the outcome is the last line.
        try:
            report: Report = json.loads((out.splitlines() or [""])[-1])
        except json.JSONDecodeError:
            raise RuntimeError(
                "the process that asks the model ended before it had an outcome"
            ) from None
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
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
