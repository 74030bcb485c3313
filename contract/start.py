"""Starts a command line, also for a Python that has not got what it needs."""

import contextlib
import importlib
import io
import os
import sys
import warnings
from collections.abc import Callable
from typing import Never

from contract.errors import Terminated
from contract.stopping import stoppable

_OURS = (
    *("benchmarks", "components", "contract", "lineage"),
    *("pipeline", "runner", "serving", "version_store"),
)

_STOPPED = (130, 143)
_LOADING = (ImportError, MemoryError)

MOST_LETTERS = 400
"""Letters of somebody else's message that fit on a line."""


def start(module: str) -> Never:
    """Runs `main` of a module; without the environment, one line says how to."""
    _settle()
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
    except (*_LOADING, OSError, RuntimeError) as error:
        # Before the command line itself could tell.
        line = why_not_imported(error) if isinstance(error, _LOADING) else error
        with contextlib.suppress(OSError):
            print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
    else:
        sys.exit(0)
    # Threads of libraries may still be at it, and Python would wait for them.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)


def _settle() -> None:
    """Takes from this process, and from those it starts, what would break libraries."""
    # numpy's would start a thread a core for sums that we do not have, and send this
    # process a Ctrl-C, or hang, where it cannot (OpenBLAS: blas_thread_init).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What libraries warn of is no error of ours, though a person's own code may be
    # tested that way.
    os.environ.pop("PYTHONWARNINGS", None)
    if any(action == "error" for action, *_ in warnings.filters):
        warnings.simplefilter("default")
    # Some would make their folders wherever this is started.
    if not os.path.isabs(os.environ.get("HOME", os.sep)):
        del os.environ["HOME"]
    # Names of classes and files that the locale cannot write are escaped.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def why_not_imported(error: ImportError | MemoryError) -> str:
    """Returns why a library cannot be imported, and what to do, on one line."""
    reason: BaseException = error
    # numpy surrounds it with a page of advice.
    while isinstance(inner := reason.__cause__ or reason.__context__, _LOADING):
        reason = inner
    name = getattr(reason, "name", None) or "a library"
    lines = [line.strip() for line in str(reason).splitlines() if line.strip()]
    found = lines[0][:MOST_LETTERS] if lines else type(reason).__name__
    full = isinstance(reason, MemoryError) or "failed to map" in found
    remedy = (
        "out of memory: give this machine or container more"
        if full
        else "the environment is incomplete: `make clean setup` makes it anew"
    )
    return f"{name}: cannot be imported: {found}: {remedy}"


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
