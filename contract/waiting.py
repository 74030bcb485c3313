"""Waiting for somebody else: it is shown, it ends, and it can be broken off.

Not every call of every library has a time limit, and those that look up a name in C
do not even hear Ctrl-C. So what may hang is asked in a thread, which is left behind
when nothing came.
"""

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

PATIENCE_SECONDS = 30.0
"""How long nothing may come from elsewhere, unless a setting says otherwise."""

_SHOWN_AFTER_SECONDS = 1.0

_Answer = TypeVar("_Answer")


class SilenceError(TimeoutError):
    """Nothing came; the message says for how long."""


def awaited(
    ask: Callable[[Callable[[], None]], _Answer], seconds: float = PATIENCE_SECONDS
) -> _Answer:
    """Returns an answer, or stops waiting for it.

    Args:
        ask: Called in a thread of its own, with a function that it calls whenever
            something came. It must leave nothing behind but its answer, as it may go
            on after the wait has ended.
        seconds: How long nothing may come.

    Raises:
        SilenceError: Nothing came for so long.
        Exception: Whatever `ask` raised.
    """
    came: queue.SimpleQueue[Future[_Answer] | None] = queue.SimpleQueue()

    def run() -> None:
        done: Future[_Answer] = Future()
        try:
            done.set_result(ask(lambda: came.put(None)))
        except BaseException as error:
            done.set_exception(error)
        came.put(done)

    threading.Thread(target=run, daemon=True).start()
    while True:
        try:
            done = came.get(timeout=seconds)
        except queue.Empty:
            raise SilenceError(f"no answer within {seconds:g} seconds") from None
        if done is not None:
            return done.result()


@contextmanager
def told(what: str) -> Iterator[None]:
    """Says on standard error what is waited for, if the block takes a second."""
    timer = threading.Timer(
        _SHOWN_AFTER_SECONDS, print, (what,), {"file": sys.stderr, "flush": True}
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
