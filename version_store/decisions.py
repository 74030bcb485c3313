"""Records the users' decisions about models: served or not, by whom, when and why.

A rollback decides that the model served until then is not served any more; a withdrawal
decides it for a model on trial as the canary. The decision is about the model, by its
digest, and not about one version: else the next run of the same recipe would push it
again. It holds until a user allows the model, or rolls back to it.

The rename that makes a rolled-back version visible also makes the decision, as the
version's manifest says who decided, when and why. `DECISIONS_FILE` keeps the decision
when that version is pruned; decisions that it lacks, as after a kill between the two
steps, are read from the manifests. All other decisions are written to the file before
anything is done, so that after a kill the command can be repeated.
"""

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from contract.errors import BadInputError
from contract.special_files import file_only
from serving.launch import code
from version_store import changes, versions
from version_store.digests import weights_digest
from version_store.manifest import readable_manifest

DECISIONS_FILE = ".decisions.json"
"""File in a model's folder; servers read only folders that are named by a number."""

ROLLED_BACK_FROM, ROLLED_BACK_TO = "rolled back from", "rolled back to"
WITHDRAWN, PROMOTED, ALLOWED = "withdrawn", "promoted", "allowed"
"""The kinds of decision about a version."""

_LEAST_DIGITS = 8


@dataclass(frozen=True)
class Decision:
    """A decision that a model is served, not served, or may be served again.

    Attributes:
        digest: Digest of the model.
        allowed: Whether the model may be served.
        version: The version of the model at that time.
        recipe: Digest of the model's recipe; empty if it is unknown.
        weights: Digest of the model's variables; empty if it is unknown.
        reason: The reason given; empty if none was given.
        by: The user, as user@host.
        at: Time of the decision, UTC, ISO 8601.
        rollback: The version that the rollback made; None for another decision.
        what: The kind of decision; one of this module's constants.
    """

    digest: str
    allowed: bool
    version: int
    recipe: str
    reason: str
    by: str
    at: str
    rollback: int | None = None
    what: str = ROLLED_BACK_FROM
    weights: str = ""

    def __str__(self) -> str:
        why = self.reason or "no reason given"
        return (
            f"version {self.version} was {self.what} at {self.at} by {self.by} ({why})"
        )


def read_decisions(base: str) -> list[Decision]:
    """Returns all decisions about the models of a folder, oldest first.

    Raises:
        BadInputError: The records cannot be read.
    """
    recorded = _recorded(base)
    known = {decision.rollback for decision in recorded}
    missing = [
        decision
        for number in versions.list_versions(base)
        if number not in known
        for decision in _of_rollback(base, number)
    ]
    return [*recorded, *missing]


def keep(base: str, decisions: Sequence[Decision]) -> None:
    """Writes the decisions in one step; the caller holds the folder's lock."""
    if not decisions:
        return
    content = [asdict(decision) for decision in decisions]
    # If this process is killed, the next lock removes the staged folder.
    staged = changes.stage(base)
    path = os.path.join(staged, DECISIONS_FILE)
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2, ensure_ascii=False)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(path, os.path.join(base, DECISIONS_FILE))
    changes.discard(staged)


def decide(base: str, decision: Decision) -> None:
    """Records a decision, unless it is the last one about that model already.

    The caller holds the folder's lock.
    """
    known = read_decisions(base)
    last = [one for one in known if one.digest == decision.digest][-1:]
    if not last or (last[0].what, last[0].version) != (decision.what, decision.version):
        keep(base, [*known, decision])


def withdrawn(base: str) -> dict[str, Decision]:
    """Returns the decisions against serving a model, by the model's digest.

    Raises:
        BadInputError: The records cannot be read.
    """
    last = {decision.digest: decision for decision in read_decisions(base)}
    return {digest: one for digest, one in last.items() if not one.allowed}


def against(
    decisions: Sequence[Decision], digest: str, weights: str, recipe: str
) -> Decision | None:
    """Returns the decision that keeps a trained model from being pushed, if any.

    A model that was trained again has another digest, although it is the same: the
    files of a SavedModel are not reproducible. So one of the same recipe with equal
    variables is held back, too, unless its own digest was allowed. On Kubeflow this
    is what stops a nightly run, whose recipe may not know the data's content.

    Args:
        decisions: The decisions about the models of a folder, oldest first.
        digest: See `digests.model_digest`.
        weights: See `digests.weights_digest`; empty if unknown.
        recipe: Digest of what makes the model; empty if unknown.
    """
    last = {decision.digest: decision for decision in decisions}
    if digest in last:
        return None if last[digest].allowed else last[digest]
    if not weights or not recipe:
        return None
    for decision in last.values():
        same = (decision.recipe, decision.weights) == (recipe, weights)
        if same and not decision.allowed:
            return decision
    return None


def barred(base: str, recipe: str) -> str | None:
    """Returns the reason why a recipe's model would not be pushed; None if it would.

    Raises:
        BadInputError: The records cannot be read.
    """
    for decision in withdrawn(base).values():
        if recipe and decision.recipe == recipe:
            return f"{decision}: {how_to_allow(base, decision)}"
    return None


def how_to_allow(base: str, decision: Decision) -> str:
    """Returns the command that allows the model again, for a message."""
    models, name = os.path.split(os.path.abspath(base))
    return (
        f"{code.typed('version_store')} allow {decision.version} --models "
        f"{shlex.quote(models)} --model {shlex.quote(name)} --reason TEXT lets it be "
        "pushed again"
    )


def find_withdrawn(base: str, asked: str) -> Decision:
    """Returns the decision against a model; see `look_for_withdrawn`.

    Raises:
        BadInputError: There is no decision against such a model.
    """
    decision = look_for_withdrawn(base, asked)
    if decision is not None:
        return decision
    held = [f"{one.version} ({d[:12]})" for d, one in withdrawn(base).items()]
    raise BadInputError(
        f"{asked}: expected a version or digest that was rolled back from or "
        f"withdrawn, found {', '.join(held) or 'none'}"
    )


def look_for_withdrawn(base: str, asked: str) -> Decision | None:
    """Returns the decision against a model, by a version's number or a digest.

    The first eight digits of a digest are enough.

    Raises:
        BadInputError: The records cannot be read.
    """
    found = withdrawn(base)
    by_digest = [
        one
        for digest, one in found.items()
        if len(asked) >= _LEAST_DIGITS and digest.startswith(asked.lower())
    ]
    by_number = [one for one in found.values() if asked == str(one.version)]
    if asked.isdecimal():
        numbered = readable_manifest(versions.version_path(base, int(asked)))
        if numbered is not None and numbered.model_digest in found:
            by_number.append(found[numbered.model_digest])
    return next(iter((*by_number, *by_digest)), None)


def _recorded(base: str) -> list[Decision]:
    path = os.path.join(base, DECISIONS_FILE)
    try:
        with open(path, encoding="utf-8", opener=file_only) as stream:
            return [Decision(**one) for one in json.load(stream)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise BadInputError(
            f"{path}: expected what was decided about versions, found: {error}"
        ) from error


def _of_rollback(base: str, number: int) -> Iterator[Decision]:
    """Yields the decisions of a rollback, if the version was made by one."""
    # A rollback's manifest is sealed when it is made. A damaged one tells no decision.
    manifest = readable_manifest(versions.version_path(base, number))
    back = manifest.rolled_back if manifest else None
    if manifest is None or back is None:
        return
    common: dict[str, Any] = {
        "reason": back.reason or "",
        "by": back.by,
        "at": back.at,
        "rollback": number,
    }
    instead = readable_manifest(versions.version_path(base, back.instead_of))
    # Version 0.1 did not record the digest, but the version may still exist.
    digest = back.instead_of_digest or (instead.model_digest if instead else None)
    recipe = back.instead_of_recipe or (instead.recipe if instead else None)
    if digest:
        yield Decision(
            *(digest, False, back.instead_of, recipe or ""),
            **common,
            weights=weights_digest((instead and instead.files) or {}),
        )
    if manifest.model_digest:
        yield Decision(
            *(manifest.model_digest, True, back.of, manifest.recipe or ""),
            **common,
            what=ROLLED_BACK_TO,
        )
