"""Records decisions about versions, and removed versions, in ML Metadata."""

import os
from collections.abc import Iterable

from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2

from contract.properties import (
    ALREADY_SERVED,
    PUSHED,
    PUSHED_DESTINATION,
    PUSHED_VERSION,
)
from version_store import versions
from version_store.decisions import PROMOTED, WITHDRAWN, Decision, read_decisions
from version_store.inventory import Version, list_versions
from version_store.metadata import DECISION, PUSHED_MODEL, ROLLBACK, Store

INPUT_KEY, OUTPUT_KEY = "rolled_back_to", "pushed_model"
DECIDED_KEY = "version"
_PIPELINE = "pipeline"
_LIVE = metadata_store_pb2.Artifact.LIVE
_DELETED = metadata_store_pb2.Artifact.DELETED


def pushed_models(
    store: Store, model: str, version: int
) -> list[metadata_store_pb2.Artifact]:
    """Returns the artifacts of a version, oldest first.

    There may be several: each run that found the version already served recorded it.
    """
    return [
        artifact
        for artifact in store.get_artifacts_by_type(PUSHED_MODEL)
        if _text(artifact, PUSHED_VERSION) == str(version)
        and os.path.basename(os.path.dirname(_destination(artifact))) == model
    ]


def record_rollback(store: Store, made: Version, source: Version) -> None:
    """Records that a version was made from an older one; a repeated call adds nothing.

    The reason, the user and the time are taken from the version's manifest.
    """
    back = made.manifest.rolled_back if made.manifest else None
    if back is None:
        raise ValueError(f"version {made.number} is not rolled back to")
    execution = metadata_store_pb2.Execution(
        type_id=_execution_type(store, ROLLBACK, ("of", "instead_of"), ()),
        name=_name(made),
        last_known_state=metadata_store_pb2.Execution.COMPLETE,
    )
    execution.properties["version"].int_value = made.number
    execution.properties["of"].int_value = back.of
    execution.properties["instead_of"].int_value = back.instead_of
    execution.properties["reason"].string_value = back.reason or ""
    execution.properties["by"].string_value = back.by
    execution.properties["at"].string_value = back.at
    known = pushed_models(store, source.model, source.number)
    pairs = [
        (known[-1] if known else _artifact(store, source), _event("INPUT", INPUT_KEY)),
        (_artifact(store, made), _event("OUTPUT", OUTPUT_KEY)),
    ]
    _put(store, execution, pairs, made.model)


def record_decision(store: Store, version: Version, decision: Decision) -> None:
    """Records a promotion or a withdrawal; a repeated call adds nothing."""
    execution = metadata_store_pb2.Execution(
        type_id=_execution_type(store, DECISION, (), ("what",)),
        name=_decision_name(version.model, decision),
        last_known_state=metadata_store_pb2.Execution.COMPLETE,
    )
    execution.properties["version"].int_value = decision.version
    for key in ("what", "reason", "by", "at"):
        execution.properties[key].string_value = getattr(decision, key)
    known = pushed_models(store, version.model, version.number)
    artifact = known[-1] if known else _artifact(store, version)
    _put(store, execution, [(artifact, _event("INPUT", DECIDED_KEY))], version.model)


def mark_deleted(store: Store, model: str, version: int) -> None:
    """Marks the artifacts of a version as deleted."""
    gone = [a for a in pushed_models(store, model, version) if a.state != _DELETED]
    for artifact in gone:
        artifact.state = _DELETED
    if gone:
        store.put_artifacts(gone)


def reconcile(store: Store, models: str, model: str) -> None:
    """Records changes that were not recorded: by a killed command, or by `rm`.

    The caller holds the lock of the model's folder.
    """
    base = os.path.realpath(os.path.join(models, model))
    there = {version.number: version for version in list_versions(models, model)}
    for number in _live_versions(store, base) - there.keys():
        mark_deleted(store, model, number)
    recorded = {e.name for e in store.get_executions_by_type(ROLLBACK)}
    for version in there.values():
        back = version.manifest.rolled_back if version.manifest else None
        if back is not None and _name(version) not in recorded:
            source = there.get(back.of) or _gone(base, model, back.of)
            record_rollback(store, version, source)
    recorded = {e.name for e in store.get_executions_by_type(DECISION)}
    for decision in read_decisions(base):
        is_new = _decision_name(model, decision) not in recorded
        if is_new and decision.what in (PROMOTED, WITHDRAWN):
            about = there.get(decision.version) or _gone(base, model, decision.version)
            record_decision(store, about, decision)


def _gone(base: str, model: str, number: int) -> Version:
    return Version(model, number, versions.version_path(base, number), False, None)


def _put(
    store: Store,
    execution: metadata_store_pb2.Execution,
    pairs: list[tuple[metadata_store_pb2.Artifact, metadata_store_pb2.Event]],
    model: str,
) -> None:
    try:
        store.put_execution(
            execution,
            pairs,
            [_context(store, model)],
            reuse_context_if_already_exist=True,
        )
    except errors.AlreadyExistsError:
        # The name exists: another process has recorded the same.
        return


def _live_versions(store: Store, base: str) -> set[int]:
    """Returns the versions of a folder that are live in the store."""
    return {
        int(_text(artifact, PUSHED_VERSION))
        for artifact in store.get_artifacts_by_type(PUSHED_MODEL)
        if artifact.state == _LIVE
        and _text(artifact, PUSHED_VERSION).isdecimal()
        and os.path.realpath(os.path.dirname(_destination(artifact))) == base
    }


def _name(version: Version) -> str:
    return f"{version.model}-{version.number}"


def _decision_name(model: str, decision: Decision) -> str:
    return f"{model}-{decision.version}-{decision.what}-{decision.at}"


def _text(artifact: metadata_store_pb2.Artifact, key: str) -> str:
    value: str = artifact.custom_properties[key].string_value
    return value


def _destination(artifact: metadata_store_pb2.Artifact) -> str:
    return _text(artifact, PUSHED_DESTINATION)


def _artifact(store: Store, version: Version) -> metadata_store_pb2.Artifact:
    """Returns an artifact with the properties that the Pusher sets."""
    artifact = metadata_store_pb2.Artifact(
        type_id=_artifact_type(store), uri=os.path.abspath(version.path), state=_LIVE
    )
    if not os.path.isdir(version.path):
        artifact.state = _DELETED
    properties = artifact.custom_properties
    properties[PUSHED].int_value = 1
    properties[PUSHED_VERSION].string_value = str(version.number)
    properties[PUSHED_DESTINATION].string_value = artifact.uri
    properties[ALREADY_SERVED].int_value = 0
    return artifact


def _artifact_type(store: Store) -> int:
    try:
        return int(store.get_artifact_type(PUSHED_MODEL).id)
    except errors.NotFoundError:
        # The type as TFX declares it (tfx/types/standard_artifacts.py).
        kind = metadata_store_pb2.ArtifactType(
            name=PUSHED_MODEL, base_type=metadata_store_pb2.ArtifactType.MODEL
        )
        return int(store.put_artifact_type(kind))


def _execution_type(
    store: Store, name: str, integers: Iterable[str], texts: Iterable[str]
) -> int:
    """Returns the type of an execution for a decision, with further properties."""
    kind = metadata_store_pb2.ExecutionType(name=name)
    for key in ("version", *integers):
        kind.properties[key] = metadata_store_pb2.INT
    for key in ("reason", "by", "at", *texts):
        kind.properties[key] = metadata_store_pb2.STRING
    return int(store.put_execution_type(kind))


def _context(store: Store, model: str) -> metadata_store_pb2.Context:
    """Returns the pipeline's context; TFX names it after the pipeline's model."""
    kind = metadata_store_pb2.ContextType(name=_PIPELINE)
    return metadata_store_pb2.Context(type_id=store.put_context_type(kind), name=model)


def _event(kind: str, key: str) -> metadata_store_pb2.Event:
    event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.Type.Value(kind))
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event
