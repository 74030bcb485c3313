"""The command line: `python3 -m bootstrap`, as the Makefile calls it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bootstrap.environment import ensure_environment
from bootstrap.errors import SetupError
from bootstrap.locks import AUTO, Host, choose_lock
from bootstrap.relock import update_locks


def main(arguments: Sequence[str] | None = None) -> int:
    """Sets up; returns 0, or 1 after one line on what to do, or 130 on Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python3 -m bootstrap",
        description="Set up .venv with the locked packages; `make` calls this.",
    )
    parser.add_argument(
        "--dev", action="store_true", help="install the test tools, too"
    )
    parser.add_argument(
        "--lock",
        default=AUTO,
        help="lock to install: current or compat; default: what fits the machine",
    )
    parser.add_argument(
        "--python",
        help="Python to create the environment from; default: the running one, or "
        "another one on this machine that fits the lock",
    )
    parser.add_argument(
        "--relock",
        nargs=argparse.REMAINDER,
        metavar="OPTION",
        help="set up nothing; resolve requirements/*.in into the locks, with these "
        "options of `uv pip compile` (such as --upgrade)",
    )
    options = parser.parse_args(arguments)
    root = Path(__file__).resolve().parent.parent
    try:
        lock, reason = choose_lock(Host.detect(), options.lock)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        if options.relock is not None:
            update_locks(root, lock, options.python, os.environ, options.relock)
        else:
            ensure_environment(
                root, lock, reason, options.dev, options.python, os.environ
            )
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"set-up: {where}{error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nset-up: interrupted; the next set-up starts from the beginning",
            file=sys.stderr,
        )
        return 130
    return 0


def _stop(number: int, frame: object) -> NoReturn:
    """Turns a polite kill into an exit, so that the running command is ended too."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
