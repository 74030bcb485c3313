"""Carries out the commands: takes the folder's lock, makes and records the change.

Parameters have the same meaning in each:

- `models`: the folder with the versions of every model name;
- `model`: name of the model;
- `number`: a version; None for a default: rollback takes the version before the
  served one, canary the one whose push was interrupted, promote the canary;
- `reason`: the reason to record;
- `store`: the ML Metadata store to record in; None for none;
- `config`: the server's configuration, if it is not the one beside the models;
- `servers`: the servers that are asked whether they have the version.

Each raises `OSError` if the folder cannot be written to, or is held by another change.
"""

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from contract.errors import BadInputError
from version_store import changes, decisions, ledger, rollout
from version_store.decisions import Decision
from version_store.digests import weights_digest
from version_store.inventory import (
    Version,
    find_model,
    find_version,
    list_models,
    list_versions,
)
from version_store.metadata import Store, answering
from version_store.rollback import check, choose, roll_back, served_one, who
from version_store.servers import NotConfirmedError, Servers
from version_store.serving_config import CANARY, STABLE, serving

LOCK_SECONDS = 60.0


@dataclass(frozen=True)
class Done:
    """The result of a rollback.

    Attributes:
        made: The new version.
        source: The version whose files it has.
        served_before: The version that was served until then.
        recorded: Whether ML Metadata has the record; False without a store.
        problem: Why the store did not record it; the next change tries again.
        waits: Why it is not labelled stable yet; empty if it is, or needs no label.
    """

    made: Version
    source: Version
    served_before: Version
    recorded: bool
    problem: str = ""
    waits: str = ""


@dataclass(frozen=True)
class Trial:
    """The stable version and the canary after a change.

    Attributes:
        model: Name of the model.
        stable: The version that is labelled stable.
        canary: The version on trial; None if there is none now.
        pinned: The version that had to be labelled stable first; None if one was
            labelled already.
        problem: Why the store did not record the decision; the next change tries
            again.
        waits: Why the servers have not confirmed the change yet; mostly empty.
    """

    model: str
    stable: int
    canary: int | None
    pinned: int | None = None
    problem: str = ""
    waits: str = ""


def rollback(
    models: str,
    model: str,
    number: int | None,
    reason: str | None,
    store: Store | None,
    config: str | None = None,
    servers: Servers | None = None,
) -> Done:
    """Makes an older version the served one.

    If versions are labelled, it becomes the stable one once the servers have it.

    Raises:
        BadInputError: The version cannot be served again; see `choose`.
    """
    base = os.path.join(models, model)
    with changes.locked(base, LOCK_SECONDS):
        if store is not None:
            with answering():
                ledger.reconcile(store, models, model)
        found = _versions(models, model, config)
        target, served = choose(found, number), served_one(found)
        new = roll_back(base, target, served, reason)
        made = find_version(list_versions(models, model, config), new)
        decisions.keep(base, decisions.read_decisions(base))
        problem = ""
        if store is not None:
            try:
                with answering():
                    ledger.record_rollback(store, made, target)
            except BadInputError as error:
                problem = str(error)
    waits = ""
    if config is None and serving(base).pinned:
        try:
            rollout.bring_up(base, made.number, STABLE, servers or Servers())
        except NotConfirmedError as error:
            waits = str(error)
        made = find_version(list_versions(models, model), made.number)
    recorded = store is not None and not problem
    return Done(made, target, served, recorded, problem, waits)


def canary(models: str, model: str, number: int | None, servers: Servers) -> Trial:
    """Loads a version beside the stable one, and labels it canary.

    Raises:
        NotConfirmedError: The servers have not loaded it: it gets no label, and the
            command can be repeated.
        BadInputError: The version is stable already, held back, not blessed, or
            differs from what was pushed.
    """
    base = os.path.join(models, model)
    found = _versions(models, model, None)
    version = _candidate(found, number)
    pinned = rollout.pin(base, servers)
    rollout.bring_up(base, version.number, CANARY, servers)
    return _trial(base, pinned)


def promote(
    models: str,
    model: str,
    number: int | None,
    reason: str,
    store: Store | None,
    servers: Servers,
) -> Trial:
    """Makes the canary, or another version, the stable one.

    Raises:
        NotConfirmedError: The servers have not loaded it, and nothing is decided.
        BadInputError: There is no canary, or it may not be served; see `canary`.
    """
    base = os.path.join(models, model)
    version = _candidate(_versions(models, model, None), number)
    pinned = rollout.pin(base, servers)
    with rollout.loaded(base, version.number, servers):
        decisions.decide(base, _decision(version, decisions.PROMOTED, reason))
        rollout.put(base, STABLE, version.number)
        problem = _record(store, models, model)
    waits = ""
    try:
        servers.await_version(model, version.number, STABLE)
    except NotConfirmedError as error:
        waits = str(error)
    return _trial(base, pinned, problem, waits)


def withdraw(models: str, model: str, reason: str, store: Store | None) -> Trial:
    """Ends the trial of the canary; its model is not pushed again.

    Raises:
        BadInputError: There is no canary.
    """
    base = os.path.join(models, model)
    with changes.locked(base, LOCK_SECONDS):
        found = _versions(models, model, None)
        number = serving(base).canary
        if number is None:
            raise BadInputError(f"{model}: expected a canary on trial, found none")
        version = find_version(found, number)
        decisions.decide(base, _decision(version, decisions.WITHDRAWN, reason))
        rollout.withdraw(base)
        problem = _record(store, models, model)
    return _trial(base, None, problem)


def _candidate(found: list[Version], number: int | None) -> Version:
    """Returns the version for a trial or a promotion; see `canary`."""
    now = serving(os.path.dirname(found[0].path))
    number = now.canary if number is None else number
    if number is None:
        raise BadInputError(
            f"{found[0].model}: expected a canary on trial, found none: name a version"
        )
    version = find_version(found, number)
    if number == now.stable:
        raise BadInputError(f"version {number}: is the stable one")
    if version.held_back:
        how = decisions.how_to_allow(os.path.dirname(version.path), version.held_back)
        raise BadInputError(f"{version.held_back}: {how}")
    check(version)
    return version


def _decision(version: Version, what: str, reason: str) -> Decision:
    manifest = version.manifest
    if manifest is None or manifest.model_digest is None:
        raise BadInputError(
            f"version {version.number}: has no manifest with the model's digest, "
            "which is needed to record a decision"
        )
    return Decision(
        digest=manifest.model_digest,
        allowed=what != decisions.WITHDRAWN,
        version=version.number,
        recipe=manifest.recipe or "",
        reason=reason,
        by=who(),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        what=what,
        weights=weights_digest(manifest.files or {}),
    )


def _record(store: Store | None, models: str, model: str) -> str:
    """Records the decisions; returns why the store did not record them, or nothing."""
    if store is not None:
        try:
            with answering():
                ledger.reconcile(store, models, model)
        except BadInputError as error:
            return str(error)
    return ""


def _trial(base: str, pinned: int | None, problem: str = "", waits: str = "") -> Trial:
    now = serving(base)
    assert now.stable is not None
    model = os.path.basename(base)
    return Trial(model, now.stable, now.canary, pinned, problem, waits)


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

    Returns:
        The versions that were removed; with `dry_run`, those that would be.

    Raises:
        BadInputError: The configuration names no existing version.
    """
    if dry_run:
        return _surplus(_versions(models, model, config), keep)
    base = os.path.join(models, model)
    with changes.locked(base, LOCK_SECONDS):
        surplus = _surplus(_versions(models, model, config), keep)
        # Before removal, as a removed version may be the only record of a decision.
        decisions.keep(base, decisions.read_decisions(base))
        for version in surplus:
            changes.remove(base, version.number)
        if store is not None:
            with answering():
                for version in surplus:
                    ledger.mark_deleted(store, model, version.number)
                ledger.reconcile(store, models, model)
    return surplus


def find_held_back(models: str, name: str | None, asked: str) -> str:
    """Returns the model name under which a model was rolled back from or withdrawn.

    Without a name it is the one that has a decision against `asked`, which is as for
    `allow`, or the only one.

    Raises:
        BadInputError: There is no such model, or more than one.
    """
    if name is None:
        fitting = [
            one
            for one in list_models(models)
            if decisions.look_for_withdrawn(os.path.join(models, one), asked)
        ]
        if len(fitting) == 1:
            return fitting[0]
    return find_model(models, name)


def allow(models: str, model: str, asked: str, reason: str) -> Decision:
    """Allows a model to be pushed again after a rollback or a withdrawal.

    `asked` is the number of one of its versions, or the model's digest.

    Returns:
        The decision that held until now.

    Raises:
        BadInputError: There is no decision against such a model.
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
            what=decisions.ALLOWED,
        )
        decisions.keep(base, [*decisions.read_decisions(base), now])
    return before


def _surplus(found: list[Version], keep: int) -> list[Version]:
    """Returns the versions to remove so that `keep` stay, served ones included."""
    # If none is served, the configuration given is that of other models.
    served_one(found)
    free = [version for version in found if not version.served]
    surplus = free[max(0, keep - (len(found) - len(free))) :]
    # A version may be a link to another one, whose files it then needs.
    needed = {os.path.realpath(one.path) for one in found if one not in surplus}
    return [
        one
        for one in surplus
        if os.path.islink(one.path) or os.path.realpath(one.path) not in needed
    ]


def _versions(models: str, model: str, config: str | None) -> list[Version]:
    found = list_versions(models, model, config)
    if not found:
        raise BadInputError(f"{models}: expected a version of {model}, found none")
    return found
