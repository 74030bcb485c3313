"""Starts a command line if Python finds its own modules and the environment's.

This module imports only what Python's own start imports, which ends without a file of
the user in place of those. The user's files may have the names of all others.
"""

import os
import site
import sys
from collections.abc import Iterator
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder

_LIBRARIES = (
    *("PIL", "click", "grpc", "jinja2", "keras", "numpy", "pyarrow", "pydantic"),
    *("rich", "tensorflow", "tensorflow_transform", "tfx"),
)
"""Libraries that are imported from the environment and from nowhere else."""


def start(module: str) -> None:
    """Runs `main` of a module; if a module is hidden, one line tells."""
    _read_names_in_utf_8()
    for line in _hidden():
        sys.stderr.write(f"error: {line}\n")
        sys.exit(1)
    from contract import program

    program.run(module)


def _read_names_in_utf_8() -> None:
    """Starts this process again if names of files would be read in another encoding.

    That is so in a locale such as de_DE.ISO-8859-1, and with PYTHONUTF8=0 in that of C.
    ML Metadata and all files of a run keep names in UTF-8.
    """
    if sys.getfilesystemencoding() != "utf-8" and sys.executable:
        os.environ["PYTHONUTF8"] = "1"  # for children
        # Before the other options, as the first -X utf8 counts, and -E and -I ignore
        # the variable.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _hidden() -> Iterator[str]:
    """Yields a line about each module of Python or a library that the user hides.

    Python looks in the folders of PYTHONPATH first, and `python -m` in the working
    folder: a `random.py` or `numpy.py` there breaks what imports it, in any way.
    """
    pythons = os.path.dirname(os.__file__)
    own = [pythons, os.path.join(pythons, "lib-dynload")]
    for name in sorted(_named_in_front_of(pythons)):
        if not (BuiltinImporter.find_spec(name) or FrozenImporter.find_spec(name)):
            yield from _hiding(name, own, f"Python's own module {name}")
    installed = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        installed = [site.getusersitepackages(), *installed]
    for name in _LIBRARIES:
        yield from _hiding(name, installed, f"the library {name} in {installed[-1]}")


def _named_in_front_of(pythons: str) -> set[str]:
    """Returns names of Python's modules that folders before its own have files for."""
    found = set[str]()
    for folder in sys.path:
        if folder == pythons:
            break
        try:
            found.update(name.partition(".")[0] for name in os.listdir(folder or "."))
        except OSError:
            continue  # PYTHONPATH may name what is not there
    return found & sys.stdlib_module_names


def _hiding(name: str, folders: list[str], what: str) -> Iterator[str]:
    """Yields a line if the module is found elsewhere although it is in the folders."""
    found, meant = PathFinder.find_spec(name), PathFinder.find_spec(name, folders)
    if not (found and found.origin and meant and meant.origin):
        return
    if os.path.realpath(found.origin) != os.path.realpath(meant.origin):
        folder = os.path.dirname(found.origin)
        if found.submodule_search_locations:
            folder = os.path.dirname(folder)
        yield (
            f"{found.origin}: it hides {what}: rename it, or take {folder} out of "
            "PYTHONPATH, or start this in another folder"
        )
