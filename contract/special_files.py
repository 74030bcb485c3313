"""Opens files; named pipes, sockets and devices, which may block, are refused."""

import errno
import os
import stat

from contract.errors import BadInputError

PIPE = "a named pipe"

_KINDS = {
    stat.S_IFIFO: PIPE,
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def special_file(path: str) -> str:
    """Returns what a path names if it is no file and no folder; else an empty text.

    A path that cannot be looked at gives an empty text too: its opening says why.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return ""
    return _KINDS.get(stat.S_IFMT(mode), "")


def file_only(path: str, flags: int) -> int:
    """Opens a file for `open`, of which it is the `opener`; refuses anything else.

    Raises:
        OSError: The path names a pipe, a socket or a device, or cannot be opened.
    """
    if special := special_file(path):
        why = f"it is {special}: write the content to a file, and name that"
        raise OSError(errno.EINVAL, why, path)
    return os.open(path, flags)


def read_text(path: str, place: str) -> str:
    """Returns the text of a file that the user names, without a byte order mark.

    Args:
        path: Path of the file.
        place: The file after the flag or setting that names it, for the error message.

    Raises:
        BadInputError: The file cannot be read, or is no text in UTF-8.
    """
    try:
        with open(path, encoding="utf-8-sig", opener=file_only) as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise BadInputError(f"{place}: cannot be read: {reason}") from error
