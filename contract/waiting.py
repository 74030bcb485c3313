"""Waits for answers from elsewhere, with a message, a time limit and Ctrl-C.

Not every library call has a time limit, and name look-ups in C do not even react to
Ctrl-C. So calls that may hang run in a thread, which is abandoned if no answer comes.
"""

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

PATIENCE_SECONDS = 30.0
"""Default of the longest time without any sign of an answer."""

_SHOWN_AFTER_SECONDS = 1.0

_Answer = TypeVar("_Answer")


class SilenceError(TimeoutError):
    """No answer came; the message says for how long."""


def awaited(
    ask: Callable[[Callable[[], None]], _Answer], seconds: float = PATIENCE_SECONDS
) -> _Answer:
    """Returns an answer, or stops waiting for it.

    Args:
        ask: Called in a thread of its own, with a function that it calls whenever data
            arrives. It must have no side effects, as it may run on after the wait has
            ended.
        seconds: Longest time without such a call.

    Raises:
        SilenceError: Nothing arrived for this time.
        Exception: Any exception that `ask` raised.
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
    """Prints a message to standard error if the block takes longer than a second."""
    timer = threading.Timer(
        _SHOWN_AFTER_SECONDS, print, (what,), {"file": sys.stderr, "flush": True}
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
