"""How this project's modules are started: from any folder, and from none but ours.

``python -m`` looks for modules in the folder where the person stands before it looks
anywhere else, so her `numbers.py` would be imported in place of Python's. Children are
started without that folder (`-P`), with our code on the path where it is not installed.
"""

import os
import shlex
import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path

import serving

ROOT = Path(serving.__file__).resolve().parents[1]
"""The folder that our packages lie in."""


def is_installed() -> bool:
    """Tells whether the environment's Python finds our packages by itself.

    They lie among its packages, or were installed there to be edited: then a finder
    of the installer's, beside Python's own, knows where they are.
    """
    if str(ROOT) in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        return True
    # Python's own looks where PYTHONPATH and the person's folder say.
    finders = [finder for finder in sys.meta_path if finder is not PathFinder]
    specs = (finder.find_spec(serving.__name__, None) for finder in finders)
    origins = [spec.origin for spec in specs if spec and spec.origin]
    return any(Path(origin).resolve().parents[1] == ROOT for origin in origins)


def command(module: str) -> tuple[str, ...]:
    """Returns the command line of a child that runs a module of ours."""
    return (sys.executable, "-P", "-m", module)


def environment() -> dict[str, str]:
    """Returns the variables that such a child needs beside ours."""
    if is_installed():
        return {}
    theirs = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), theirs)))}


def typed(module: str) -> str:
    """Returns the command line as a person would type it where she stands."""
    here = Path.cwd()
    python = Path(sys.executable)
    if python.is_relative_to(here):
        python = python.relative_to(here)
    if here == ROOT:
        return f"{shlex.quote(str(python))} -m {module}"
    path = "" if is_installed() else f"PYTHONPATH={shlex.quote(str(ROOT))} "
    return f"{path}{shlex.quote(str(python))} -P -m {module}"
