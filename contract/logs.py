"""Everything that libraries print, into a file; the screen is the runner's."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_FORMAT = "%(asctime)s %(levelname).1s %(name)s: %(message)s"


@contextmanager
def captured(path: str, verbose: bool) -> Iterator[TextIO]:
    """Sends this process's stdout, stderr and logging to a file.

    The file descriptors themselves are redirected, so that C++ code and child
    processes are caught too.

    Args:
        path: The log file; appended to.
        verbose: Log to the screen as well as to the file; nothing is redirected.

    Yields:
        A stream to the real standard output.
    """
    root = logging.getLogger()
    file_handler = logging.FileHandler(path)
    handlers: list[logging.Handler] = [file_handler]
    if verbose:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORMAT))
        root.addHandler(handler)
    level = root.level
    root.setLevel(logging.INFO)
    if verbose:
        try:
            yield sys.stdout
        finally:
            _restore_logging(root, handlers, level)
        return

    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with (
        open(path, "a", buffering=1) as log,
        os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8") as screen,
    ):
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            yield screen
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in zip((1, 2), saved, strict=True):
                os.dup2(original, descriptor)
                os.close(original)
            _restore_logging(root, handlers, level)


def _restore_logging(
    root: logging.Logger, handlers: list[logging.Handler], level: int
) -> None:
    root.setLevel(level)
    for handler in handlers:
        root.removeHandler(handler)
        handler.close()
