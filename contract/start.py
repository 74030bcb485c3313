"""Starts a command line, also for a Python that has not got what it needs."""

import contextlib
import importlib
import os
import sys
from typing import Never

_OURS = (
    *("benchmarks", "components", "contract", "lineage"),
    *("pipeline", "runner", "serving", "version_store"),
)

_STOPPED = (130, 143)


def start(module: str) -> Never:
    """Runs `main` of a module; without the environment, one line says how to.

    Args:
        module: Dotted name. It is imported here, so that what is missing is known.
    """
    try:
        main = importlib.import_module(module).main
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in _OURS:
            raise
        what = (
            "PYTHONHOME names the libraries of another Python: unset it"
            if os.environ.get("PYTHONHOME")
            else "make the environment with `make setup`, and start this with "
            ".venv/bin/python"
        )
        print(
            f"error: {error.name} is not installed for {sys.executable}: {what}",
            file=sys.stderr,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    try:
        main()
        sys.stdout.flush()
    except SystemExit as ended:
        if ended.code in _STOPPED:
            # Threads of libraries may still be at it, and Python would wait for them.
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            os._exit(ended.code)
        raise
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)
