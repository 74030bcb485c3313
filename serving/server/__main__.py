"""`python -m serving.server`: run the server until SIGTERM or SIGINT."""

import importlib.metadata
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from serving.server import flags

# What TensorFlow 2.16 says on a machine without a GPU, as an error.
_NO_ERROR = b"Attempting to register factory for plugin"


def main() -> int:
    """Run the server; return the process's exit code."""
    screen = _copy_of_stderr()

    def stop(number: int, frame: object) -> NoReturn:
        """End the process, in the middle of an import: it serves nothing yet."""
        word = "Interrupted" if number == signal.SIGINT else "Terminated"
        with suppress(OSError):
            os.write(screen, f"{word} before it served\n".encode())
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    options = flags.parse()
    if options is None:
        for package in ("tensorflow-serving-api", "tensorflow", "grpcio"):
            print(f"{package}: {importlib.metadata.version(package)}")
        return 0
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname).1s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    # What libraries warn of as they are imported is no error of ours.
    os.environ.pop("PYTHONWARNINGS", None)
    if any(action == "error" for action, *_ in warnings.filters):
        warnings.simplefilter("default")
    # TensorFlow's own greetings hide the lines that matter.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _without_greetings(screen):
        from serving.server import process

    return process.run(options)


def _copy_of_stderr() -> int:
    try:
        return os.dup(2)
    except OSError:  # it is closed
        return os.open(os.devnull, os.O_WRONLY)


@contextmanager
def _without_greetings(screen: int) -> Iterator[None]:
    """Drop what is no error from what TensorFlow calls one as it is imported.

    Its own level would have to hide all errors, and for as long as the process lives.
    """
    # About the end of a Python, some years ahead.
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")
    if not hasattr(os, "memfd_create"):  # a Mac has no such lines
        yield
        return
    with open(os.memfd_create("said"), "w+b") as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(screen, 2)
            said.seek(0)
            lines = [line for line in said if _NO_ERROR not in line]
            with suppress(OSError):
                os.write(screen, b"".join(lines))


if __name__ == "__main__":
    sys.exit(main())
