"""Makes `.venv` or updates it, unless it is up to date."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bootstrap.errors import NoFittingPythonError, SetupError
from bootstrap.exclusive import hold
from bootstrap.installer import TOOLS, Installer
from bootstrap.interpreters import Interpreter, find_interpreter, probe
from bootstrap.locks import Lock
from bootstrap.stamp import ENVIRONMENT, Stamp, hash_inputs, list_packages

STAMP = "set-up.json"

# uv reads the first ones of a path as parts of a requirement, and setuptools replaces
# the others (distutils.util.subst_vars).
_MISREAD = "#[];{}$"


def ensure_environment(
    root: Path,
    lock: Lock,
    reason: str,
    dev: bool,
    python: str | None,
    environ: Mapping[str, str],
) -> None:
    """Makes or updates the environment; does nothing if it is up to date.

    Args:
        root: The repository's folder.
        lock: The lock to install.
        reason: Why this lock was chosen, for the output.
        dev: Install the test tools as well.
        python: The Python executable to use; None to find a fitting one.
        environ: The process environment.

    Raises:
        SetupError: It cannot be made; the message says what to do.
    """
    stamp_path = root / ENVIRONMENT / STAMP
    if _is_right(stamp_path, root, lock, dev, python):
        return
    check_folder(root)
    with hold(root / TOOLS) as descriptor:
        if _is_right(stamp_path, root, lock, dev, python):
            return
        started = time.monotonic()
        old = Stamp.read(stamp_path)
        # Installed test tools stay: otherwise `make run` after a change of the lock
        # would remove them, and the next `make test` would install them again.
        dev = dev or bool(old and old.dev)
        preferred = old.python if old else None
        interpreter = _find_or_fetch(root, lock, python, environ, preferred, descriptor)
        print(
            f"Setting up {ENVIRONMENT}: lock {lock.name} ({reason}), {interpreter.name}"
            f"{', with the test tools' if dev else ''}",
            flush=True,
        )
        installer = Installer.prepare(root, interpreter, environ, descriptor)
        why = _why_anew(old, root, lock, interpreter)
        if old:
            stamp_path.unlink(missing_ok=True)
        if why:
            if os.path.lexists(root / ENVIRONMENT):
                print(f"Creating {ENVIRONMENT} again: {why}", flush=True)
            installer.make_environment()
        installer.install(lock, dev)
        Stamp(
            root=str(root),
            lock=lock.name,
            python=interpreter.path,
            requested=python,
            dev=dev,
            inputs=hash_inputs(root, lock, dev),
            packages=list_packages(root / ENVIRONMENT),
        ).write(stamp_path)
        print(f"Set-up took {time.monotonic() - started:.0f} s.", flush=True)


def check_folder(root: Path) -> None:
    """Checks that uv and setuptools can read the path of the repository's folder.

    Raises:
        SetupError: They would fail, and only after everything has been installed.
    """
    found = " ".join(letter for letter in _MISREAD if letter in str(root))
    if found:
        raise SetupError(
            f"{root}: expected a path without {found}, which uv or setuptools "
            "misreads: move or rename the folder"
        )


def _find_or_fetch(
    root: Path,
    lock: Lock,
    python: str | None,
    environ: Mapping[str, str],
    preferred: str | None,
    descriptor: int,
) -> Interpreter:
    """Finds a Python for the lock; if there is none, uv downloads one.

    The only Python of a system is often newer than those that TFX has wheels for.
    """
    try:
        return find_interpreter(lock, python, environ, preferred)
    except NoFittingPythonError as absence:
        running = probe(sys.executable)
        if running is None:
            raise
        starter = replace(running, headers=())
        installer = Installer.prepare(root, starter, environ, descriptor)
        version = f"3.{lock.pythons[0]}"
        print(f"No Python here fits lock {lock.name}; uv downloads Python {version}.")
        try:
            installer.run(f"fetching Python {version}", "python", "install", version)
        except SetupError as failure:
            raise SetupError(f"{failure}; {absence}") from failure
        return find_interpreter(lock, python, environ, preferred)


def _why_anew(
    old: Stamp | None, root: Path, lock: Lock, interpreter: Interpreter
) -> str:
    if old is None:
        return "another tool made it, or its set-up was not finished"
    if not _python(root).exists():
        return "its own Python is gone"
    return old.why_anew(root, lock, interpreter.path)


def _is_right(
    path: Path, root: Path, lock: Lock, dev: bool, python: str | None
) -> bool:
    stamp = Stamp.read(path)
    if stamp is None or not _python(root).exists():
        return False
    return stamp.serves(root, lock, dev, python)


def _python(root: Path) -> Path:
    return root / ENVIRONMENT / "bin" / "python"
