"""Serves an older version again: as a new version, as servers take the highest."""

import errno
import getpass
import os
import shutil
import socket
from collections.abc import Mapping
from datetime import UTC, datetime

from contract.errors import BadInputError
from contract.task import TASK_FILE
from version_store import changes
from version_store.digests import (
    MANIFEST_FILE,
    MODEL_CARD_FILE,
    file_digests,
    model_digest,
)
from version_store.inventory import Version, find_version, identity
from version_store.manifest import RolledBack, write_manifest
from version_store.model_card import write_model_card
from version_store.serving_config import STABLE
from version_store.verification import EXTRA, verify

# Errors of a file system without hard links, or at its limit of them.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS)


def choose(found: list[Version], number: int | None) -> Version:
    """Returns the version to roll back to, after checking it.

    Args:
        found: The model's versions, highest first.
        number: The version; None for the one before the served version, except those
            that were rolled back from. If the served version was itself made by a
            rollback, the one before its source is taken, so that two rollbacks go
            back two steps and not forward again.

    Raises:
        BadInputError: The version does not exist, is served already, was never
            blessed, or differs from what was pushed.
    """
    served = served_one(found)
    if number is None:
        earlier = [
            version
            for version in found
            if version.model_of < served.model_of
            and not _same(version, served)
            and not version.held_back
        ]
        if not earlier:
            raise BadInputError(
                f"{served.model}: expected a version before {served.model_of}, which "
                "is served, found none"
            )
        target = max(earlier, key=lambda version: (version.model_of, version.number))
    else:
        target = find_version(found, number)
    if target.served:
        what = "is the one that is served"
        if STABLE in served.labels and target.number != served.number:
            what = "is on trial: `promote` makes it the stable version"
        raise BadInputError(f"version {target.number}: {what}")
    check(target)
    if _same(target, served):
        raise BadInputError(
            f"version {target.number}: its model is the one that is served, as "
            f"version {served.number}"
        )
    return target


def served_one(found: list[Version]) -> Version:
    """Returns the served version: the stable one, else the highest.

    Raises:
        BadInputError: None of them is served.
    """
    served = [version for version in found if version.served]
    for version in served:
        if STABLE in version.labels:
            return version
    for version in served:
        return version
    raise BadInputError(
        f"{found[0].model}: expected a version that is served, found none: the "
        "server's configuration names no existing version"
    )


def roll_back(base: str, target: Version, served: Version, reason: str | None) -> int:
    """Makes a new version from an older one; the caller holds the folder's lock.

    Its files are hard links if the file system has them: files of a version are never
    written to, and removing a version leaves the other's files.

    Returns:
        The number of the new version.

    Raises:
        BadInputError: The files changed while they were copied.
    """
    known = target.manifest
    assert known is not None, "`check` refuses such a version"
    staged = changes.stage(base)
    _replicate(target.path, staged, known.files)
    if model_digest(staged) != known.model_digest:
        changes.discard(staged)
        raise BadInputError(f"version {target.number}: changed while it was copied")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    back = RolledBack(
        of=target.model_of,
        instead_of=served.number,
        reason=reason or None,
        by=who(),
        at=now,
        instead_of_digest=served.manifest.model_digest if served.manifest else None,
        instead_of_recipe=served.manifest.recipe if served.manifest else None,
    )

    def describe(number: int) -> None:
        manifest = known.updated(
            model=target.model, version=number, pushed_at=now, rolled_back=back
        )
        write_model_card(staged, manifest)
        write_manifest(staged, manifest)

    return changes.publish(base, staged, describe)


def check(target: Version) -> None:
    """Checks that a version is as it was pushed, and was blessed.

    Raises:
        BadInputError: It differs, or was not blessed.
    """
    # Files that were not pushed with the version are not copied, so they do not count.
    problems = [problem for problem in verify(target) if problem.what != EXTRA]
    if target.manifest is None:
        raise BadInputError(
            f"version {target.number}: nothing shows that the gates blessed it: "
            f"{problems[0]}"
        )
    if problems:
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        raise BadInputError(
            f"version {target.number}: is not what was pushed: {problems[0]}{more}"
        )
    if not target.manifest.blessed:
        raise BadInputError(f"version {target.number}: was never blessed by all gates")


def _same(one: Version, other: Version) -> bool:
    """Tells whether two versions have the same model, perhaps trained twice.

    Renamed classes make another model, although the variables are the same.
    """
    if one.manifest is None or other.manifest is None:
        return False
    (digest, *trained), (others, *again) = map(identity, (one.manifest, other.manifest))
    task, that = (
        (m.files or {}).get(TASK_FILE) for m in (one.manifest, other.manifest)
    )
    return digest == others or (all(trained) and trained == again and task == that)


def _replicate(source: str, target: str, pushed: Mapping[str, str] | None) -> None:
    """Links or copies the pushed files, except those that are written anew.

    Args:
        source: The version's folder.
        target: An empty folder.
        pushed: Digests by path, from the manifest; None for all files of the folder,
            as in format 1.
    """
    for path in pushed or file_digests(source):
        if path not in (MANIFEST_FILE, MODEL_CARD_FILE):
            inside = os.path.join(target, path)
            os.makedirs(os.path.dirname(inside), exist_ok=True)
            _link(os.path.join(source, path), inside)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)


def who() -> str:
    """Returns user@host; in a container the user may have no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
