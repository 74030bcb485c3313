"""Runs a command line, with a clear error if the environment is incomplete."""

import contextlib
import importlib
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from types import ModuleType
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
"""Most characters of a library's message in an error line."""


def run(module: str) -> Never:
    """Runs `main` of a module; if a library is missing, one line tells."""
    _settle()
    try:
        os.getcwd()
    except OSError as error:
        what = f"the current folder: {error.strerror}: change to another, with cd"
        print(f"error: {what}", file=sys.stderr)
        sys.exit(2)
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
        # This happens before the command line can report errors itself.
        line = why_not_imported(error) if isinstance(error, _LOADING) else error
        with contextlib.suppress(OSError):
            print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
    else:
        sys.exit(0)
    # Python would wait for threads of libraries that still run.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)


def _settle() -> None:
    """Changes settings of this process and its children that would break libraries."""
    # numpy's OpenBLAS would start a thread per core, for operations that we do not use.
    # If it cannot start one, it sends this process SIGINT or hangs (blas_thread_init).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Warnings of libraries are no errors of ours, but the user may have set this for
    # tests of other code.
    os.environ.pop("PYTHONWARNINGS", None)
    # A child would wait for what a person types after its end.
    os.environ.pop("PYTHONINSPECT", None)
    if any(action == "error" for action, *_ in warnings.filters):
        warnings.simplefilter("default")
    # With a relative HOME, libraries would make folders in the current folder.
    if not os.path.isabs(os.environ.get("HOME", os.sep)):
        del os.environ["HOME"]
    # Characters that the locale cannot encode are escaped.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def why_not_imported(error: Exception) -> str:
    """Returns why a library cannot be imported, and what to do, on one line.

    Args:
        error: What the import raised; a file that was written in part raises anything.
    """
    reason: BaseException = error
    # numpy adds a page of advice around the real cause.
    while isinstance(inner := reason.__cause__ or reason.__context__, _LOADING):
        reason = inner
    kind = "" if isinstance(reason, _LOADING) else f"{type(reason).__name__}: "
    of = getattr(reason, "obj", None)  # of an AttributeError
    name = getattr(of, "__name__", None) or getattr(reason, "filename", None)
    name = name or getattr(reason, "name", None) or "a library"
    lines = [line.strip() for line in str(reason).splitlines() if line.strip()]
    found = kind + lines[0][:MOST_LETTERS] if lines else type(reason).__name__
    told = f"{name}: cannot be imported: {found}"
    if isinstance(reason, MemoryError) or "failed to map" in found:
        return f"{told}: out of memory: give this machine or container more"
    if of_broken_library(reason):
        told += ": the environment is incomplete: `make clean setup` creates it again"
    return told


def _imported(module: str) -> Callable[[], object]:
    """Returns `main` of a module; ends the process where a library is missing."""
    try:
        with stoppable():
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
    except (*_LOADING, OSError, RuntimeError):
        raise
    except Exception as error:
        print(f"error: {why_not_imported(error)}", file=sys.stderr)
        sys.exit(1)


def of_broken_library(error: BaseException) -> bool:
    """Tells whether a library's own files are why something cannot be imported."""
    if isinstance(error, SyntaxError):
        return "site-packages" in (error.filename or "")
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        # The text of a module names its file or folder. A function that asks a whole
        # library for a wrong name has a mistake of its own.
        return "site-packages" in repr(error.obj) and _while_imported(error)
    return isinstance(error, ImportError)


def _while_imported(error: BaseException) -> bool:
    """Tells whether an error was raised while a module was imported."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(
        frame.f_code.co_name == "<module>" and frame.f_globals["__name__"] != "__main__"
        for frame in frames
    )
