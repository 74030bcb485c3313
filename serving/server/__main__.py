"""`python -m serving.server` runs the server until SIGTERM or SIGINT."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from serving.server import cpus, flags

# Part of a line that TensorFlow 2.16 logs as an error on a machine without a GPU.
_NO_ERROR = b"Attempting to register factory for plugin"

_THREADS = min(32 + 4 * cpus.usable(), 256)
"""More than the server has at first, which is 30 on two cores. TensorFlow aborts the
process if it cannot start one."""


def main() -> int:
    """Runs the server; returns the process's exit code."""
    screen = _copy_of_stderr()

    def stop(number: int, frame: object) -> NoReturn:
        """Ends the process, even during an import: it serves nothing yet."""
        word = "Interrupted" if number == signal.SIGINT else "Terminated"
        with suppress(OSError):
            os.write(screen, f"{word} before it served\n".encode())
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    options = flags.parse()
    try:
        return _run(options, screen)
    except ImportError as error:
        # The message names the file if it is not the library's own.
        print(f"cannot start, as a library is missing: {error}", file=sys.stderr)
        return 1


def _run(options: flags.Options | None, screen: int) -> int:
    if options is None:
        import importlib.metadata

        for package in ("tensorflow-serving-api", "tensorflow", "grpcio"):
            print(f"{package}: {importlib.metadata.version(package)}")
        return 0
    if (found := _startable(_THREADS)) < _THREADS:
        print(
            f"cannot start: the server has up to {_THREADS} threads, and only {found} "
            "are allowed here: raise `ulimit -u`, or the container's limit of "
            "processes (pids), or `ulimit -v`",
            file=sys.stderr,
        )
        return 1
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname).1s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    # Libraries give warnings during their import; these must not become errors.
    os.environ.pop("PYTHONWARNINGS", None)
    if any(action == "error" for action, *_ in warnings.filters):
        warnings.simplefilter("default")
    # TensorFlow's start-up messages hide the important lines.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _without_greetings(screen):
        from serving.server import process

    return process.run(options)


def _startable(wanted: int) -> int:
    """Returns how many of the wanted threads can be started; all of them end again."""
    enough = threading.Event()
    threads = [threading.Thread(target=enough.wait, daemon=True) for _ in range(wanted)]
    started = 0
    with suppress(RuntimeError):
        for thread in threads:
            thread.start()
            started += 1
    enough.set()
    for thread in threads[:started]:
        thread.join()
    return started


def _copy_of_stderr() -> int:
    try:
        return os.dup(2)
    except OSError:  # stderr is closed
        return os.open(os.devnull, os.O_WRONLY)


@contextmanager
def _without_greetings(screen: int) -> Iterator[None]:
    """Removes stderr lines that TensorFlow wrongly logs as errors during its import.

    TensorFlow's log level would hide all errors, for the whole life of the process.
    """
    # These warn of the end of support for a Python version, years ahead.
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")
    if not hasattr(os, "memfd_create"):  # macOS does not log these lines
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
