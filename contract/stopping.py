"""Handles Ctrl-C and SIGTERM: the process reacts at once and ends within seconds.

Python handles a signal only between two of its instructions. So a long call of C code,
or a library that swallows exceptions, would keep a process running. A thread watches
for the signal, too: it reports the signal, and ends a process that does not end by
itself. The next run continues the interrupted work, as after a SIGKILL.
"""

import contextlib
import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from contract.errors import Terminated
from contract.exits import Exit

_SHOWN_AFTER_SECONDS = 1.0
_GRACE_SECONDS = 4.0

_ENDINGS: dict[int, tuple[type[BaseException], Exit]] = {
    signal.SIGINT: (KeyboardInterrupt, Exit.INTERRUPTED),
    signal.SIGTERM: (Terminated, Exit.TERMINATED),
}


class _Process:
    """State of this process as a whole, as signals concern all of it."""

    stoppable = False
    grace = _GRACE_SECONDS
    concluding = False
    deferring = False
    deferred: int | None = None
    raised: int | None = None


def allow(seconds: float) -> None:
    """Gives this process more time to end, as it has to stop work elsewhere, too."""
    _Process.grace = seconds


@contextmanager
def concluding() -> Iterator[None]:
    """Raises no exception at a signal within the block, which reports the result.

    The block has only the time that a process has to end.
    """
    _Process.concluding = True
    try:
        yield
    finally:
        _Process.concluding = False


@contextmanager
def deferred() -> Iterator[None]:
    """Delays the exception of a signal until the end of the block.

    It protects steps that belong together, such as the start of a process and the
    record of it.

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
            _Process.raised = signum
            raise _ENDINGS[signum][0]


@contextmanager
def stoppable() -> Iterator[None]:
    """Turns the first Ctrl-C or SIGTERM in the block into an exception.

    Further signals raise nothing: a group of processes is often signalled twice, and
    the clean-up after the first signal must not be interrupted.

    Raises:
        KeyboardInterrupt: At Ctrl-C.
        Terminated: At SIGTERM.
    """
    if _Process.stoppable or threading.current_thread() is not threading.main_thread():
        # An outer block is active, or this thread gets no signals.
        with _as_raised():
            yield
        return
    stopping = False

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal stopping
        if _is_within(frame, swallowed):
            # What is raised there would be swallowed again.
            _send_again(signum)
        elif not stopping and not _Process.concluding:
            stopping = True
            if _Process.deferring:
                _Process.deferred = signum
            else:
                _Process.raised = signum
                raise _ENDINGS[signum][0]

    def swallowed(what: "sys.UnraisableHookArgs") -> None:
        """Sends a signal again that arrived in a C callback, which cannot raise."""
        nonlocal stopping
        for signum, (kind, _) in _ENDINGS.items():
            if issubclass(what.exc_type, kind):
                stopping = False
                _send_again(signum)
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
        with _as_raised():
            yield
    finally:
        _Process.stoppable = False
        _Process.raised = None
        sys.unraisablehook = hook
        signal.set_wakeup_fd(woken)
        for signum, handler in before.items():
            signal.signal(signum, handler)
        # This tells the thread that the block has ended.
        os.close(written)


@contextmanager
def _as_raised() -> Iterator[None]:
    """Raises a signal's exception again if a library has made another one of it.

    NumPy's import, for example, makes an ImportError of whatever interrupts it.
    """
    try:
        yield
    except Exception as error:
        if _Process.raised is None:
            raise
        raise _ENDINGS[_Process.raised][0] from error


def _send_again(signum: int) -> None:
    """Sends a signal to this process in a moment."""
    timer = threading.Timer(0.01, os.kill, (os.getpid(), signum))
    timer.daemon = True
    timer.start()


def _is_within(frame: FrameType | None, function: Callable[..., None]) -> bool:
    """Tells whether a frame is that of a call of a function, or was called by it."""
    while frame is not None:
        if frame.f_code is function.__code__:
            return True
        frame = frame.f_back
    return False


def _stderr() -> int:
    """Returns a copy of standard error, as the log may replace the original later."""
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
        # A second signal ends the process at once.
        if _next(heard, max(0.0, left)) != 0:
            _say(screen, f"{word}: stopped at once; the next run continues from there")
            os._exit(code.value)
    finally:
        os.close(heard)
        os.close(screen)


def _next(heard: int, seconds: float | None) -> int | None:
    """Returns the next signal of `_ENDINGS`; 0 if the block ended, None at timeout."""
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
