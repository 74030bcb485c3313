"""Starts a command line, also for a Python that has not got what it needs."""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable
from typing import Never

from contract.errors import Terminated
from contract.stopping import stoppable

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
        with stoppable():
            _imported(module)()
        sys.stdout.flush()
    except SystemExit as ended:
        if ended.code not in _STOPPED:
            raise
        code = ended.code
    except (KeyboardInterrupt, Terminated) as error:
        code = 130 if isinstance(error, KeyboardInterrupt) else 143
        print("interrupted" if code == 130 else "terminated", file=sys.stderr)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    else:
        sys.exit(0)
    # Threads of libraries may still be at it, and Python would wait for them.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)


def _imported(module: str) -> Callable[[], object]:
    """Returns `main` of a module; ends the process where a library is missing."""
    try:
        return importlib.import_module(module).main
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
