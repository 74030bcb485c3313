"""Where a person's own files of this project go, and whether a path can be used."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import BadInputError

_NAME = "mnist-tfx-pipeline"
_PATTERN_LETTERS = "*?[]"
_MOST_BYTES = 480
"""sqlite opens no path longer than 512 (os_unix.c, MAX_PATHNAME), journal included."""


def cache_folder() -> str:
    """Returns the folder for fetched data, by the XDG base directory specification.

    A user without a home, as a pod with any uid has none, gets one among the
    temporary files.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not os.path.isabs(base):
        base = os.path.join(tempfile.gettempdir(), f"{_NAME}-{os.getuid()}")
    return os.path.join(base, _NAME)


@contextmanager
def temporary_files(owner: str) -> Iterator[None]:
    """Gives the block, and what it starts, a folder for temporary files of its own.

    TensorFlow and Beam leave some where they are not ended in their own way. What a
    killed process left goes when the same owner begins again.

    Args:
        owner: Path of the folder whose run this is, which nobody else runs in.
    """
    digest = hashlib.sha256(os.fsencode(os.path.realpath(owner))).hexdigest()[:8]
    before, variable = tempfile.gettempdir(), os.environ.get("TMPDIR")
    folder = os.path.join(before, f"{_NAME}-{os.getuid()}-{digest}")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder, 0o700)
    tempfile.tempdir = os.environ["TMPDIR"] = folder
    try:
        yield
    finally:
        tempfile.tempdir = before
        os.environ.pop("TMPDIR")
        if variable is not None:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)


def check_path(path: str, option: str) -> None:
    """Refuses a path that TFX, Beam or ML Metadata would misread.

    Raises:
        BadInputError: It has letters of a file pattern, is not text, or too long.
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
