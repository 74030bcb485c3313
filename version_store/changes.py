"""Changes a model's folder: one change at a time, each complete or not made.

A process that adds or removes a version holds the folder's lock, against other threads,
processes and pods. The lock is an flock: NFS passes it to its server, and it ends with
its holder, however that dies. Files of a killed holder have names that no server reads;
the next holder removes them.
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
"""Seconds that a change waits for another one; copying a model takes seconds."""

_INCOMING, _OUTGOING = ".incoming-", ".outgoing-"

# Errors of a rename to the name of a folder that is not empty, or of a file.
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


@contextmanager
def locked(base: str, timeout: float = LOCK_SECONDS) -> Iterator[None]:
    """Holds a model's folder, created if missing, and removes what killed changes left.

    Raises:
        TimeoutError: Another change held it for all that time.
        OSError: The folder cannot be written to.
    """
    os.makedirs(base, exist_ok=True)
    # Two pods may run as different users.
    lock = FileLock(os.path.join(base, LOCK_FILE), mode=0o666)
    try:
        with told(f"{base}: waiting until another push, rollback or prune has ended"):
            lock.acquire(timeout=timeout)
    except Timeout:
        raise TimeoutError(
            f"{base}: still locked by a push, rollback or prune after {timeout:g} s"
        ) from None
    try:
        for name in os.listdir(base):
            if name.startswith((_INCOMING, _OUTGOING)):
                discard(os.path.join(base, name))
        yield
    finally:
        lock.release()


def stage(base: str) -> str:
    """Returns a new folder beside the versions; the caller holds the lock.

    It is on the versions' file system, so that one rename can make it a version.
    """
    staged = os.path.join(base, f"{_INCOMING}{uuid.uuid4().hex}")
    os.mkdir(staged)
    return staged


def publish(base: str, staged: str, describe: Callable[[int], None]) -> int:
    """Makes a staged folder a version with one rename; the caller holds the lock.

    `describe` is called with the number before the rename, to write it down.

    Returns:
        The version: the time in seconds since 1970, or one more than the highest
        version, so that servers always take the newest. Two versions never get the
        same number, even if a file system's locks do not work: a number that is taken
        meanwhile is passed over.

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
    """Removes a version with one rename, then its files; the caller holds the lock."""
    outgoing = os.path.join(base, f"{_OUTGOING}{uuid.uuid4().hex}")
    os.rename(version_path(base, version), outgoing)
    discard(outgoing)


def discard(folder: str) -> None:
    """Removes a folder that is no version; the caller holds the lock.

    Of a version that was a link to another one, only the link is removed.
    """
    if os.path.islink(folder):
        os.unlink(folder)
        return
    # NFS keeps a file that is open somewhere; the next change removes the rest.
    shutil.rmtree(folder, ignore_errors=True)


def discard_incomplete(base: str) -> None:
    """Removes what killed changes left, when no change is running."""
    if os.path.isdir(base):
        with locked(base):
            pass
