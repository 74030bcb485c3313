"""What the commands do: the folder's lock, the change, the record of it."""

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from contract.errors import BadInputError
from version_store import changes, decisions, ledger
from version_store.decisions import Decision
from version_store.inventory import Version, find_version, list_versions
from version_store.metadata import Store, answering
from version_store.rollback import choose, roll_back, served_one, who

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
    models: str,
    model: str,
    number: int | None,
    reason: str | None,
    store: Store | None,
    config: str | None = None,
) -> Done:
    """Makes an older version the one that is served.

    Args:
        models: The folder with the versions of every model name.
        model: Name of the model.
        number: The version; None for the one before what is served.
        reason: For the record.
        store: Where to record it; None for nowhere.
        config: The server's configuration, where it is not the default.

    Raises:
        BadInputError: It cannot be; see `choose`.
        OSError: The folder cannot be written to, or is held by another change.
    """
    base = os.path.join(models, model)
    with changes.locked(base, LOCK_SECONDS):
        if store is not None:
            with answering():
                ledger.reconcile(store, models, model)
        found = _versions(models, model, config)
        target, served = choose(found, number), served_one(found)
        manifest = roll_back(base, target, served, reason)
        made = find_version(list_versions(models, model, config), manifest.version)
        decisions.keep(base, decisions.read_decisions(base))
        problem = ""
        if store is not None:
            try:
                with answering():
                    ledger.record_rollback(store, made, target)
            except BadInputError as error:
                problem = str(error)
    recorded = store is not None and not problem
    return Done(made, target, served, recorded, problem)


def prune(
    models: str,
    model: str,
    keep: int,
    store: Store | None,
    *,
    dry_run: bool,
    config: str | None = None,
) -> list[Version]:
    """Removes all but the newest versions; never one that is served.

    Args:
        models: The folder with the versions of every model name.
        model: Name of the model.
        keep: How many stay, those that are served among them; at least 1.
        store: Where to mark what is gone; None for nowhere.
        dry_run: Whether to change nothing.
        config: The server's configuration, where it is not the default.

    Returns:
        What was removed, or would be.

    Raises:
        BadInputError: The configuration names no version that is there.
        OSError: The folder cannot be written to, or is held by another change.
    """
    if dry_run:
        return _surplus(_versions(models, model, config), keep)
    base = os.path.join(models, model)
    with changes.locked(base, LOCK_SECONDS):
        surplus = _surplus(_versions(models, model, config), keep)
        # Before the versions go that may be all that tells of a decision.
        decisions.keep(base, decisions.read_decisions(base))
        for version in surplus:
            changes.remove(base, version.number)
        if store is not None:
            with answering():
                for version in surplus:
                    ledger.mark_deleted(store, model, version.number)
                ledger.reconcile(store, models, model)
    return surplus


def allow(models: str, model: str, asked: str, reason: str) -> Decision:
    """Lets a model be pushed again that was rolled back from.

    Args:
        models: The folder with the versions of every model name.
        model: Name of the model.
        asked: Number of a version of it, or the model's digest.
        reason: For the record.

    Returns:
        What was decided before.

    Raises:
        BadInputError: No such model is held back.
        OSError: The folder cannot be written to, or is held by another change.
    """
    base = os.path.join(models, model)
    with changes.locked(base, LOCK_SECONDS):
        before = decisions.find_withdrawn(base, asked)
        now = replace(
            before,
            allowed=True,
            reason=reason,
            by=who(),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            rollback=None,
        )
        decisions.keep(base, [*decisions.read_decisions(base), now])
    return before


def _surplus(found: list[Version], keep: int) -> list[Version]:
    """Returns what goes, so that as many stay, of which some are pinned."""
    # Where none is served, a configuration for other models was named.
    served_one(found)
    free = [version for version in found if not version.served]
    return free[max(0, keep - (len(found) - len(free))) :]


def _versions(models: str, model: str, config: str | None) -> list[Version]:
    found = list_versions(models, model, config)
    if not found:
        raise BadInputError(f"{models}: expected a version of {model}, found none")
    return found
