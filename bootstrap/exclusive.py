"""Allows only one set-up of a folder at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[int]:
    """Makes other set-ups of this folder wait until the block ends.

    Yields:
        The descriptor that holds the file lock. The lock lasts until every process
        that has inherited the descriptor has ended.
    """
    import fcntl  # Windows has none, but the lock's choice has refused it already

    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is running here; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
