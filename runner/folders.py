"""Gives the cache folder and a folder for temporary files, and checks paths."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import BadInputError

_NAME = "mnist-tfx-pipeline"
_PATTERN_LETTERS = "*?[]\\"
_MOST_BYTES = 480
"""Most bytes of a path. SQLite opens no path longer than 512 bytes (os_unix.c,
MAX_PATHNAME), and the name of its journal is longer than the database's."""


def cache_folder() -> str:
    """Returns the folder for fetched data, by the XDG base directory specification.

    A user without a writable home, as in a pod with any uid or a read-only root, gets
    a folder among the temporary files.
    """
    named = os.environ.get("XDG_CACHE_HOME")
    base = named or os.path.expanduser("~/.cache")
    exists = os.path.exists(os.path.join(base, _NAME))
    if not os.path.isabs(base) or not (named or exists or _is_writable(base)):
        base = os.path.join(tempfile.gettempdir(), f"{_NAME}-{os.getuid()}")
    return os.path.join(base, _NAME)


def _is_writable(folder: str) -> bool:
    """Tells whether a folder can be written to, or made."""
    folder = os.path.abspath(folder)
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


@contextmanager
def temporary_files(owner: str) -> Iterator[None]:
    """Gives the block and its child processes their own folder for temporary files.

    TensorFlow and Beam leave temporary files behind when they do not end normally.
    The files of a killed process are removed when the same owner starts again.

    Args:
        owner: Path of the run's output folder; only one process at a time uses it.
    """
    digest = hashlib.sha256(os.fsencode(os.path.realpath(owner))).hexdigest()[:8]
    before = tempfile.gettempdir()
    folder = os.path.join(before, f"{_NAME}-{os.getuid()}-{digest}")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder, 0o700)
    ours = {"TMPDIR": folder}
    matplotlib = [os.path.expanduser(f"~/{name}") for name in (".config", ".cache")]
    if not all(map(_is_writable, matplotlib)) and "MPLCONFIGDIR" not in os.environ:
        # Otherwise matplotlib makes a temporary folder, and when Python ends, it
        # tries to remove a folder that is gone.
        ours["MPLCONFIGDIR"] = os.path.join(folder, "matplotlib")
    theirs = {name: os.environ.get(name) for name in ours}
    tempfile.tempdir = folder
    os.environ.update(ours)
    try:
        yield
    finally:
        tempfile.tempdir = before
        for name, value in theirs.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)


def check_path(path: str, option: str) -> None:
    """Refuses a path that TFX, Beam or ML Metadata would misread.

    Raises:
        BadInputError: The path has letters of a file pattern, is no printable UTF-8
            text, or is too long.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode(errors="replace").decode()
        raise BadInputError(
            f"{option}: {shown}: expected a path in UTF-8, which ML Metadata keeps"
        ) from None
    found = [letter for letter in _PATTERN_LETTERS if letter in path]
    if found:
        raise BadInputError(
            f"{option}: {path}: expected a path without {' '.join(found)}, which TFX "
            "takes for a file pattern: choose another folder with --output"
        )
    if (length := len(path.encode())) > _MOST_BYTES:
        raise BadInputError(
            f"{option}: {path[:40]}...: expected at most {_MOST_BYTES} bytes, as ML "
            f"Metadata's database is opened by no longer path, found {length}"
        )
    if not path.isprintable():
        raise BadInputError(f"{option}: {path!r}: expected a path that can be printed")
