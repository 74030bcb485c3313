"""Finds the Python for the environment."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from bootstrap.errors import NoFittingPythonError, SetupError
from bootstrap.locks import Lock

# Each candidate runs this in a process of its own. It prints the base executable, as
# `python3` may be that of a virtual environment, even of ours.
_PROBE = """
import importlib.util as find, json, struct, sys, sysconfig
word = lambda name: (sysconfig.get_config_var(name) or "").split()[:1]
print(json.dumps({
    "path": getattr(sys, "_base_executable", None) or sys.executable,
    "version": sys.version_info[:3],
    "usual": sys.implementation.name == "cpython" and struct.calcsize("P") == 8
        and not sysconfig.get_config_var("Py_GIL_DISABLED"),
    "headers": [sysconfig.get_path("include"), sysconfig.get_path("platinclude")],
    "compilers": [word("CC"), word("CXX")],
    "installers": [m for m in ("pip", "ensurepip") if find.find_spec(m)],
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine.

    Attributes:
        path: The executable, outside any virtual environment.
        version: Major, minor and micro.
        usual: Whether it is CPython with 64 bits and the GIL, as the wheels need.
        headers: The folders of `Python.h` and `pyconfig.h`; empty if nothing has to be
            built for this Python.
        compilers: The C and the C++ compiler it was built with, "" if unknown.
        installers: Which of the modules "pip" and "ensurepip" it has.
    """

    path: str
    version: tuple[int, ...]
    usual: bool
    headers: tuple[str, ...]
    compilers: tuple[str, str]
    installers: tuple[str, ...]

    @property
    def name(self) -> str:
        """The version and the path, for messages."""
        return f"Python {'.'.join(map(str, self.version))} ({self.path})"


def probe(path: str) -> Interpreter | None:
    """Returns the properties of an executable; None if it is no working Python.

    For example, pyenv has a shim for every version that any project uses, which fails
    unless that version is switched on.
    """
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _PROBE],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        facts = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    cc, cxx = ("".join(words) for words in facts["compilers"])
    return Interpreter(
        # An upgrade of the system may make `/usr/bin/python3` another version.
        path=os.path.realpath(facts["path"]),
        version=tuple(facts["version"]),
        usual=facts["usual"],
        headers=tuple(dict.fromkeys(facts["headers"])),
        compilers=(cc, cxx),
        installers=tuple(facts["installers"]),
    )


def find_interpreter(
    lock: Lock,
    requested: str | None,
    environ: Mapping[str, str],
    preferred: str | None = None,
) -> Interpreter:
    """Finds a Python that the lock covers.

    Args:
        lock: The lock to install.
        requested: The only executable to use; None to use the running one if it fits,
            and otherwise to search this machine.
        environ: The process environment.
        preferred: An executable to try before the running one.

    Raises:
        NoFittingPythonError: No Python fits.
        SetupError: The requested executable is no Python, or has a wrong version.
    """
    if requested is not None:
        found = probe(requested)
        if found is None:
            raise SetupError(f"PYTHON={requested} is no working Python")
        if not (found.usual and lock.covers(found.version)):
            raise SetupError(
                f"PYTHON={requested} is {found.name}; lock {lock.name} needs "
                f"{_wanted(lock)}"
            )
        return found
    running = probe(sys.executable)
    paths = _candidates(lock, environ)
    first = [probe(preferred)] if preferred else []
    for candidate in chain(first, [running], map(probe, paths)):
        if candidate and candidate.usual and lock.covers(candidate.version):
            return candidate
    newest = lock.pythons[0]
    raise NoFittingPythonError(
        f"lock {lock.name} needs {_wanted(lock)}, and this machine has none "
        f"({running.name if running else sys.executable} does not fit); install one "
        f"(`apt-get install python3.{newest}-dev python3.{newest}-venv`, `dnf install "
        f"python3.{newest}-devel` or `pyenv install 3.{newest}`) and run this again"
    )


def _candidates(lock: Lock, environ: Mapping[str, str]) -> Iterator[str]:
    """Yields executables that may be a fitting Python, the preferred ones first."""
    home = os.path.expanduser("~")
    pyenv = environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv")
    data = environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    managed = environ.get("UV_PYTHON_INSTALL_DIR") or os.path.join(data, "uv", "python")
    for minor in lock.pythons:
        name = f"python3.{minor}"
        on_path = shutil.which(name, path=environ.get("PATH"))
        if on_path:
            yield on_path
        for pattern in (
            os.path.join("/usr/bin", name),
            os.path.join("/usr/local/bin", name),
            os.path.join("/opt/homebrew/bin", name),
            os.path.join(pyenv, "versions", f"3.{minor}.*", "bin", name),
            os.path.join(managed, f"cpython-3.{minor}.*", "bin", name),
        ):
            yield from sorted(glob.glob(pattern), reverse=True)


def _wanted(lock: Lock) -> str:
    *others, last = [f"3.{minor}" for minor in sorted(lock.pythons)]
    return f"Python {', '.join(others)} or {last}" if others else f"Python {last}"
