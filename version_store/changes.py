"""Changing a model's folder: one at a time, each change whole or not at all.

Whoever adds or removes a version holds the folder's lock, in this process, in
another or in another pod: it is an flock, which NFS carries to its server, and
which ends with its holder however that dies. What a killed one left has a name
that no server reads, and goes when the next one takes the lock.
"""

import errno
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from contract.errors import BadInputError
from contract.version_number import LARGEST
from contract.waiting import told
from version_store.versions import latest_version, version_path

LOCK_FILE = ".lock"
LOCK_SECONDS = 120.0
"""How long a change waits for another one; copying a model takes seconds."""

_INCOMING, _OUTGOING = ".incoming-", ".outgoing-"

# What renaming a folder to the name of one that has something in it ends with.
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


@contextmanager
def locked(base: str, timeout: float = LOCK_SECONDS) -> Iterator[None]:
    """Holds a model's folder, made if need be, and clears what the killed left.

    Raises:
        TimeoutError: It was held all that time.
        OSError: The folder cannot be written to.
    """
    os.makedirs(base, exist_ok=True)
    # Two pods may run as two users.
    lock = FileLock(os.path.join(base, LOCK_FILE), mode=0o666)
    try:
        with told(f"{base}: waiting for a push, rollback or prune to let go of it"):
            lock.acquire(timeout=timeout)
    except Timeout:
        raise TimeoutError(
            f"{base}: a push, rollback or prune has held it for {timeout:g} s"
        ) from None
    try:
        _discard_incomplete(base)
        yield
    finally:
        lock.release()


def stage(base: str) -> str:
    """Returns a new folder beside the versions; while locked.

    It is on their file system, so that it can become one of them in one step.
    """
    staged = os.path.join(base, f"{_INCOMING}{uuid.uuid4().hex}")
    os.mkdir(staged)
    return staged


def publish(base: str, staged: str, describe: Callable[[int], None]) -> int:
    """Makes a staged folder a version, in one step; while locked.

    `describe` is called with the number before it is one, to write it down.

    Returns:
        The version: the time in seconds since 1970, or one more than the
        highest there is, so that the newest is always what is served. No two
        get the same one, even where a file system's locks do not hold: a
        number that is taken in the meantime is passed over.

    Raises:
        BadInputError: There is no higher number.
    """
    version = max(int(time.time()), (latest_version(base) or 0) + 1)
    while True:
        if version > LARGEST:
            raise BadInputError(
                f"{os.path.join(base, str(LARGEST))}: no version can have a higher "
                "number: rename this folder"
            )
        describe(version)
        try:
            os.rename(staged, os.path.join(base, str(version)))
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            version += 1
        else:
            return version


def remove(base: str, version: int) -> None:
    """Takes a version away, in one step; its files go after that; while locked."""
    outgoing = os.path.join(base, f"{_OUTGOING}{uuid.uuid4().hex}")
    os.rename(version_path(base, version), outgoing)
    discard(outgoing)


def discard(folder: str) -> None:
    """Removes a folder that is no version; while locked."""
    # NFS keeps a file that somebody has open; what stays goes the next time.
    shutil.rmtree(folder, ignore_errors=True)


def discard_incomplete(base: str) -> None:
    """Removes what killed changes left, once nobody is at it."""
    if os.path.isdir(base):
        with locked(base):
            pass


def _discard_incomplete(base: str) -> None:
    for name in os.listdir(base):
        if name.startswith((_INCOMING, _OUTGOING)):
            discard(os.path.join(base, name))
