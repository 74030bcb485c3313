"""Keeping ML Metadata true about versions: rolled back to, and gone."""

import os

from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2

from contract.properties import (
    ALREADY_SERVED,
    PUSHED,
    PUSHED_DESTINATION,
    PUSHED_VERSION,
)
from version_store import versions
from version_store.inventory import Version, list_versions
from version_store.metadata import PUSHED_MODEL, ROLLBACK, Store

INPUT_KEY, OUTPUT_KEY = "rolled_back_to", "pushed_model"
_PIPELINE = "pipeline"
_LIVE = metadata_store_pb2.Artifact.LIVE
_DELETED = metadata_store_pb2.Artifact.DELETED


def pushed_models(
    store: Store, model: str, version: int
) -> list[metadata_store_pb2.Artifact]:
    """Returns the artifacts that stand for a version, oldest first.

    More than one: each run that found it served already recorded it, too.
    """
    return [
        artifact
        for artifact in store.get_artifacts_by_type(PUSHED_MODEL)
        if _text(artifact, PUSHED_VERSION) == str(version)
        and os.path.basename(os.path.dirname(_destination(artifact))) == model
    ]


def record_rollback(store: Store, made: Version, source: Version) -> None:
    """Records that a version was made from an older one; once, however often called.

    Args:
        store: Where.
        made: The version that came of it; its manifest has the circumstances.
        source: The version whose files it has.
    """
    back = made.manifest.rolled_back if made.manifest else None
    if back is None:
        raise ValueError(f"version {made.number} is not rolled back to")
    execution = metadata_store_pb2.Execution(
        type_id=_execution_type(store),
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
    try:
        store.put_execution(
            execution,
            pairs,
            [_context(store, made.model)],
            reuse_context_if_already_exist=True,
        )
    except errors.AlreadyExistsError:
        # Its name is taken: another one was quicker to record it.
        return


def mark_deleted(store: Store, model: str, version: int) -> None:
    """Marks the artifacts of a version as deleted."""
    gone = [a for a in pushed_models(store, model, version) if a.state != _DELETED]
    for artifact in gone:
        artifact.state = _DELETED
    if gone:
        store.put_artifacts(gone)


def reconcile(store: Store, models: str, model: str) -> None:
    """Records what a killed rollback or prune, or a person's `rm`, left out.

    To be called while the model's folder is locked.
    """
    base = os.path.realpath(os.path.join(models, model))
    there = {version.number: version for version in list_versions(models, model)}
    for number in _live_versions(store, base) - there.keys():
        mark_deleted(store, model, number)
    recorded = {e.name for e in store.get_executions_by_type(ROLLBACK)}
    for version in there.values():
        back = version.manifest.rolled_back if version.manifest else None
        if back is not None and _name(version) not in recorded:
            source = there.get(back.of) or Version(
                model, back.of, versions.version_path(base, back.of), False, None
            )
            record_rollback(store, version, source)


def _live_versions(store: Store, base: str) -> set[int]:
    """Returns the versions in a folder that the store takes to be there."""
    return {
        int(_text(artifact, PUSHED_VERSION))
        for artifact in store.get_artifacts_by_type(PUSHED_MODEL)
        if artifact.state == _LIVE
        and _text(artifact, PUSHED_VERSION).isdecimal()
        and os.path.realpath(os.path.dirname(_destination(artifact))) == base
    }


def _name(version: Version) -> str:
    return f"{version.model}-{version.number}"


def _text(artifact: metadata_store_pb2.Artifact, key: str) -> str:
    value: str = artifact.custom_properties[key].string_value
    return value


def _destination(artifact: metadata_store_pb2.Artifact) -> str:
    return _text(artifact, PUSHED_DESTINATION)


def _artifact(store: Store, version: Version) -> metadata_store_pb2.Artifact:
    """Returns an artifact as the Pusher leaves it."""
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
        # As TFX declares it (tfx/types/standard_artifacts.py).
        kind = metadata_store_pb2.ArtifactType(
            name=PUSHED_MODEL, base_type=metadata_store_pb2.ArtifactType.MODEL
        )
        return int(store.put_artifact_type(kind))


def _execution_type(store: Store) -> int:
    integer, text = metadata_store_pb2.INT, metadata_store_pb2.STRING
    kind = metadata_store_pb2.ExecutionType(
        name=ROLLBACK,
        properties={
            "version": integer,
            "of": integer,
            "instead_of": integer,
            "reason": text,
            "by": text,
            "at": text,
        },
    )
    return int(store.put_execution_type(kind))


def _context(store: Store, model: str) -> metadata_store_pb2.Context:
    """Returns the pipeline's context; TFX names it after the model."""
    kind = metadata_store_pb2.ContextType(name=_PIPELINE)
    return metadata_store_pb2.Context(type_id=store.put_context_type(kind), name=model)


def _event(kind: str, key: str) -> metadata_store_pb2.Event:
    event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.Type.Value(kind))
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event
