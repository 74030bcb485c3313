"""Ctrl-C and SIGTERM: heard at once, and obeyed within seconds, at any moment.

Python hears a signal between two of its instructions, so a call of C that takes long,
or a library that swallows exceptions, would keep a process going. A thread watches for
the signal as well: it says that it was heard, and ends a process that does not end by
itself. Whatever that was at, the next run takes it up, as after a SIGKILL.
"""

import contextlib
import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from contract.errors import Terminated
from contract.exits import Exit

_SHOWN_AFTER_SECONDS = 1.0
_GRACE_SECONDS = 4.0

_ENDINGS: dict[int, tuple[type[BaseException], Exit]] = {
    signal.SIGINT: (KeyboardInterrupt, Exit.INTERRUPTED),
    signal.SIGTERM: (Terminated, Exit.TERMINATED),
}


class _Process:
    """What holds for this process as a whole, as signals do."""

    stoppable = False
    grace = _GRACE_SECONDS
    concluding = False
    deferring = False
    deferred: int | None = None


def allow(seconds: float) -> None:
    """Gives this process longer to end: what it does elsewhere has to end as well."""
    _Process.grace = seconds


@contextmanager
def concluding() -> Iterator[None]:
    """Lets the block tell what became of the work: no signal is an exception in it.

    It has the time that a process has to end.
    """
    _Process.concluding = True
    try:
        yield
    finally:
        _Process.concluding = False


@contextmanager
def deferred() -> Iterator[None]:
    """Lets the block come to its end before a signal is an exception.

    For what may not be cut in two, as the start of a process and the taking note of
    it. A signal in the block is raised where it ends.

    Raises:
        KeyboardInterrupt: There was a Ctrl-C.
        Terminated: There was a SIGTERM.
    """
    _Process.deferring = True
    try:
        yield
    finally:
        _Process.deferring = False
        signum, _Process.deferred = _Process.deferred, None
        if signum is not None:
            raise _ENDINGS[signum][0]


@contextmanager
def stoppable() -> Iterator[None]:
    """Makes the first Ctrl-C or SIGTERM in the block an exception; see the module.

    Further ones are not, as whoever signals a group of processes often does so twice,
    and what is being concluded is to be concluded.

    Raises:
        KeyboardInterrupt: At Ctrl-C.
        Terminated: At SIGTERM.
    """
    if _Process.stoppable or threading.current_thread() is not threading.main_thread():
        # It is already; or signals are not for this thread.
        yield
        return
    stopping = False

    def stop(signum: int, frame: Any) -> None:
        nonlocal stopping
        if not stopping and not _Process.concluding:
            stopping = True
            if _Process.deferring:
                _Process.deferred = signum
            else:
                raise _ENDINGS[signum][0]

    def swallowed(what: "sys.UnraisableHookArgs") -> None:
        """Sends again what hit a callback of C, where nothing can be raised."""
        nonlocal stopping
        for signum, (kind, _) in _ENDINGS.items():
            if issubclass(what.exc_type, kind):
                stopping = False
                again = threading.Timer(0.01, os.kill, (os.getpid(), signum))
                again.daemon = True
                again.start()
                return
        hook(what)

    hook, sys.unraisablehook = sys.unraisablehook, swallowed
    _Process.stoppable = True
    before = {signum: signal.signal(signum, stop) for signum in _ENDINGS}
    heard, written = os.pipe()
    os.set_blocking(written, False)
    woken = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(heard, _stderr()), daemon=True).start()
    try:
        yield
    finally:
        _Process.stoppable = False
        sys.unraisablehook = hook
        signal.set_wakeup_fd(woken)
        for signum, handler in before.items():
            signal.signal(signum, handler)
        # So the thread knows that it is over.
        os.close(written)


def _stderr() -> int:
    """Returns a copy of standard error, whose place the log may take later."""
    try:
        return os.dup(2)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _watch(heard: int, screen: int) -> None:
    """Ends the process some time after a signal, unless the block ends before."""
    try:
        signum = _next(heard, None)
        if not signum:
            return
        began = time.monotonic()
        while (left := began + _SHOWN_AFTER_SECONDS - time.monotonic()) > 0:
            if _next(heard, left) == 0:
                return
        code = _ENDINGS[signum][1]
        word = code.name.lower()
        _say(screen, f"{word}: stopping, within {math.ceil(_Process.grace)} seconds")
        left = began + _Process.grace - time.monotonic()
        # Whoever signals again does not want to wait.
        if _next(heard, max(0.0, left)) != 0:
            _say(screen, f"{word}: stopped as it was; the next run goes on from there")
            os._exit(code.value)
    finally:
        os.close(heard)
        os.close(screen)


def _next(heard: int, seconds: float | None) -> int | None:
    """Returns the next signal of ours; 0 where the block ended, None for no news."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([heard], [], [], left)[0]:
            return None
        byte = os.read(heard, 1)
        if not byte:
            return 0
        if byte[0] in _ENDINGS:
            return byte[0]


def _say(screen: int, text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(screen, f"{text}\n".encode())
