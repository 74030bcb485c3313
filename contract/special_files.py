"""Tells named pipes, sockets and devices from files: to open one may wait for ever."""

import os
import stat

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
