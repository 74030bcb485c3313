"""Builds the command lines and variables that start this project's modules.

``python -m`` looks for modules in the working folder first, so a `numbers.py` of the
user would be imported in place of Python's. Child processes are started without that
folder (`-P`), and get our code on PYTHONPATH where it is not installed.
"""

import os
import shlex
import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path

import serving

ROOT = Path(serving.__file__).resolve().parents[1]
"""The folder that holds our packages."""


def is_installed() -> bool:
    """Tells whether the environment's Python finds our packages without PYTHONPATH.

    They lie in site-packages, or were installed in editable mode: then the installer
    has added a finder to `sys.meta_path` that knows their folder.
    """
    if str(ROOT) in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        return True
    # PathFinder would also find them through PYTHONPATH or the working folder.
    finders = [finder for finder in sys.meta_path if finder is not PathFinder]
    specs = (finder.find_spec(serving.__name__, None) for finder in finders)
    origins = [spec.origin for spec in specs if spec and spec.origin]
    return any(Path(origin).resolve().parents[1] == ROOT for origin in origins)


def command(module: str) -> tuple[str, ...]:
    """Returns the command line of a child process that runs one of our modules."""
    return (sys.executable, "-P", "-m", module)


def environment() -> dict[str, str]:
    """Returns the variables that such a child process needs besides our own."""
    if is_installed():
        return {}
    theirs = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), theirs)))}


def typed(module: str) -> str:
    """Returns the command line as the user types it in the working folder."""
    if Path.cwd() == ROOT:
        return f"{_from_here(Path(sys.executable))} -m {module}"
    path = "" if is_installed() else f"PYTHONPATH={shlex.quote(str(ROOT))} "
    return f"{path}{_from_here(Path(sys.executable))} -P -m {module}"


def typed_script(name: str) -> str:
    """Returns the command line of a script of the project, as `typed` does."""
    return f"{_from_here(Path(sys.executable))} {_from_here(ROOT / name)}"


def _from_here(path: Path) -> str:
    """Returns a path for the shell; a relative one if it is in the working folder."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if here in path.parents else path))
