"""Where a person's own files of this project go, and whether a path can be used."""

import os
import tempfile

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


def check_path(path: str, option: str) -> None:
    """Refuses a path that TFX, Beam or ML Metadata would misread.

    Args:
        path: Where output is to go.
        option: By which it was named, for the message.

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
