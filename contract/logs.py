"""Redirects all output of libraries to a log file; only the runner uses the screen."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

_FORMAT = "%(asctime)s %(levelname).1s %(name)s: %(message)s"


class _QuietFileHandler(logging.FileHandler):
    """A file handler that ignores write errors: the run itself reports a full disk."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Does nothing; Python would print a traceback for each line."""


class _Screen:
    """A stream to the screen that ignores errors, as the terminal may be closed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


@contextmanager
def silenced() -> Iterator[None]:
    """Discards standard error: TensorFlow's C++ code writes to it, as at its import."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)


@contextmanager
def captured(path: str, verbose: bool) -> Iterator[TextIO]:
    """Sends this process's stdout, stderr and logging to a file.

    The file descriptors themselves are redirected, so this includes C++ code and child
    processes.

    Args:
        path: The log file; new lines are appended.
        verbose: Whether to log to the screen as well as to the file, and to redirect
            nothing.

    Yields:
        A stream to the real standard output.
    """
    root = logging.getLogger()
    file_handler = _QuietFileHandler(path, encoding="utf-8")
    handlers: list[logging.Handler] = [file_handler]
    if verbose:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORMAT))
        root.addHandler(handler)
    level = root.level
    root.setLevel(logging.INFO)
    output = contextlib.nullcontext(sys.stdout) if verbose else _redirected(path)
    try:
        with output as screen:
            yield cast(TextIO, _Screen(screen))
    finally:
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


@contextmanager
def _redirected(path: str) -> Iterator[TextIO]:
    """Sends the file descriptors 1 and 2 to a file; yields the real standard output."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    screen = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", errors="replace")
    with open(path, "a", buffering=1, encoding="utf-8", errors="replace") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            yield screen
        finally:
            with contextlib.suppress(OSError):  # the reader of a pipe may be gone
                screen.close()
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in zip((1, 2), saved, strict=True):
                os.dup2(original, descriptor)
                os.close(original)
