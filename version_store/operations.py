"""What the commands do: the folder's lock, the change, the record of it."""

import os
from dataclasses import dataclass

from contract.errors import BadInputError
from version_store import changes, ledger
from version_store.inventory import Version, find_version, list_versions
from version_store.metadata import Store, answering
from version_store.rollback import choose, roll_back

LOCK_SECONDS = 60.0


@dataclass(frozen=True)
class Done:
    """A rollback that was done.

    Attributes:
        made: The new version.
        source: The version whose files it has.
        served_before: What was served until then.
        recorded: Whether ML Metadata knows; False where there is no store.
        problem: Why the store did not take it; the next change tries again.
    """

    made: Version
    source: Version
    served_before: Version
    recorded: bool
    problem: str = ""


def rollback(
    models: str, model: str, number: int | None, reason: str | None, store: Store | None
) -> Done:
    """Makes an older version the one that is served.

    Args:
        models: The folder with the versions of every model name.
        model: Name of the model.
        number: The version; None for the one before what is served.
        reason: For the record.
        store: Where to record it; None for nowhere.

    Raises:
        BadInputError: It cannot be; see `choose`.
        OSError: The folder cannot be written to, or is held by another change.
    """
    base = os.path.join(models, model)
    with changes.locked(base, LOCK_SECONDS):
        if store is not None:
            with answering():
                ledger.reconcile(store, models, model)
        found = _versions(models, model)
        target = choose(found, number)
        manifest = roll_back(base, target, found[0], reason)
        made = find_version(list_versions(models, model), manifest.version)
        problem = ""
        if store is not None:
            try:
                with answering():
                    ledger.record_rollback(store, made, target)
            except BadInputError as error:
                problem = str(error)
    recorded = store is not None and not problem
    return Done(made, target, found[0], recorded, problem)


def prune(
    models: str, model: str, keep: int, store: Store | None, *, dry_run: bool
) -> list[Version]:
    """Removes all but the newest versions; never the one that is served.

    Args:
        models: The folder with the versions of every model name.
        model: Name of the model.
        keep: How many stay, the one that is served among them; at least 1.
        store: Where to mark what is gone; None for nowhere.
        dry_run: Whether to change nothing.

    Returns:
        What was removed, or would be.

    Raises:
        OSError: The folder cannot be written to, or is held by another change.
    """
    if dry_run:
        return _surplus(_versions(models, model), keep)
    base = os.path.join(models, model)
    with changes.locked(base, LOCK_SECONDS):
        surplus = _surplus(_versions(models, model), keep)
        for version in surplus:
            changes.remove(base, version.number)
        if store is not None:
            with answering():
                for version in surplus:
                    ledger.mark_deleted(store, model, version.number)
                ledger.reconcile(store, models, model)
    return surplus


def _surplus(found: list[Version], keep: int) -> list[Version]:
    return [version for version in found[keep:] if not version.served]


def _versions(models: str, model: str) -> list[Version]:
    found = list_versions(models, model)
    if not found:
        raise BadInputError(f"{models}: expected a version of {model}, found none")
    return found
