"""Reads runs, rollbacks and pushes from ML Metadata."""

import os
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from contract import nodes
from contract.properties import (
    ALREADY_SERVED,
    PUSHED,
    PUSHED_DESTINATION,
    PUSHED_VERSION,
    RUN,
)
from version_store.metadata import PUSHED_MODEL, ROLLBACK, Store

_PIPELINE, _PIPELINE_RUN, _NODE = "pipeline", "pipeline_run", "node"
_Event = metadata_store_pb2.Event
_Execution = metadata_store_pb2.Execution
_State = metadata_store_pb2.Artifact.State

Value = str | int | float


@dataclass(frozen=True)
class Artifact:
    """An artifact."""

    id: int
    uri: str
    live: bool
    properties: dict[str, Value]

    @property
    def folder(self) -> str | None:
        """Folder of the artifact; None if it is no longer on this machine."""
        return self.uri if os.path.isdir(self.uri) else None


@dataclass(frozen=True)
class Step:
    """A node's execution in a run: its state, and artifacts by key."""

    state: str
    parameters: dict[str, Value]
    inputs: dict[str, list[Artifact]] = field(default_factory=dict)
    outputs: dict[str, list[Artifact]] = field(default_factory=dict)

    def output(self, key: str) -> Artifact | None:
        """Returns the first output artifact of a key; None if there is none."""
        return next(iter(self.outputs.get(key, ())), None)


@dataclass(frozen=True)
class Run:
    """A run of the pipeline.

    Attributes:
        id: ML Metadata's and TFX's name of the run.
        name: The runner's name of the run; None if it is not recorded.
        model: Name of the pipeline, which is the name of the model.
        started: Time of its start, in milliseconds since 1970.
        steps: Steps by node id, in the order of their start.
    """

    id: str
    name: str | None
    model: str | None
    started: int
    steps: dict[str, Step]

    @property
    def began(self) -> str:
        """Time of the start in UTC, ISO 8601."""
        moment = datetime.fromtimestamp(self.started / 1000, UTC)
        return moment.isoformat(timespec="seconds")

    def output(self, node: str, key: str) -> Artifact | None:
        """Returns the output artifact of a node; None if the node did not make it."""
        step = self.steps.get(node)
        return step.output(key) if step else None


@dataclass(frozen=True)
class Rollback:
    """A recorded rollback.

    Attributes:
        model: Name of the model.
        version: Version that the rollback made.
        of: Earlier version whose model it has.
        instead_of: Version that was served until then.
        reason: The user's reason; empty if none was given.
        by: The user.
        at: Time in UTC, ISO 8601.
    """

    model: str
    version: int
    of: int
    instead_of: int
    reason: str
    by: str
    at: str


@dataclass(frozen=True)
class Push:
    """The metadata store's record of a version; `live`: recorded as existing."""

    model: str
    version: int
    path: str
    live: bool


def read_runs(store: Store) -> list[Run]:
    """Returns all runs, newest first."""
    node_of = _executions_of(store, _NODE)
    pipelines = _executions_of(store, _PIPELINE)
    runs = []
    for context in store.get_contexts_by_type(_PIPELINE_RUN):
        executions = sorted(
            store.get_executions_by_context(context.id), key=lambda e: e.id
        )
        steps = _steps(store, executions, node_of)
        first = executions[0].id if executions else None
        runs.append(
            Run(
                context.name,
                _name(context, steps),
                pipelines.get(first) if first is not None else None,
                context.create_time_since_epoch,
                steps,
            )
        )
    return sorted(runs, key=lambda run: -run.started)


def read_rollbacks(store: Store) -> list[Rollback]:
    """Returns all recorded rollbacks, newest first."""
    found = []
    for execution in store.get_executions_by_type(ROLLBACK):
        known = _values(execution.properties)
        found.append(
            Rollback(
                # The name of the execution is `<model>-<version>`.
                model=str(execution.name).rpartition("-")[0],
                version=int(known["version"]),
                of=int(known["of"]),
                instead_of=int(known["instead_of"]),
                reason=str(known.get("reason", "")),
                by=str(known.get("by", "")),
                at=str(known.get("at", "")),
            )
        )
    return sorted(found, key=lambda rollback: -rollback.version)


def read_pushes(store: Store) -> list[Push]:
    """Returns all versions that a push or a rollback made, highest first."""
    found: dict[tuple[str, int], Push] = {}
    for artifact in store.get_artifacts_by_type(PUSHED_MODEL):
        push = _push(_artifact(artifact))
        if push is not None:
            found[push.model, push.version] = push
    return sorted(found.values(), key=lambda push: -push.version)


def pushed_by(run: Run) -> tuple[int, bool] | None:
    """Returns the resulting version of a run, and whether it existed before the run."""
    artifact = run.output(nodes.PUSHER, nodes.PUSHED_MODEL)
    push = _push(artifact) if artifact else None
    if artifact is None or push is None:
        return None
    return push.version, bool(artifact.properties.get(ALREADY_SERVED))


def _push(artifact: Artifact) -> Push | None:
    if not artifact.properties.get(PUSHED):
        return None
    path = str(artifact.properties[PUSHED_DESTINATION])
    version = int(artifact.properties[PUSHED_VERSION])
    model = os.path.basename(os.path.dirname(path))
    return Push(model, version, path, artifact.live)


def _executions_of(store: Store, kind: str) -> dict[int, str]:
    """Returns the name of each execution's context of this type, by execution id."""
    return {
        execution.id: context.name
        for context in store.get_contexts_by_type(kind)
        for execution in store.get_executions_by_context(context.id)
    }


def _steps(
    store: Store, executions: list[Any], node_of: dict[int, str]
) -> dict[str, Step]:
    events = defaultdict(list)
    numbers = [execution.id for execution in executions]
    for event in store.get_events_by_execution_ids(numbers) if numbers else ():
        if event.type in (_Event.INPUT, _Event.OUTPUT):
            events[event.execution_id].append(event)
    wanted = {event.artifact_id for of_one in events.values() for event in of_one}
    artifacts = {
        artifact.id: _artifact(artifact)
        for artifact in (store.get_artifacts_by_id(sorted(wanted)) if wanted else ())
    }
    steps = {}
    for execution in executions:
        # TFX names the context `<pipeline>.<node id>`.
        node = node_of.get(execution.id, "").rpartition(".")[2]
        node = nodes.FORMER_IDS.get(node, node)
        step = Step(
            _Execution.State.Name(execution.last_known_state).lower(),
            {**_values(execution.properties), **_values(execution.custom_properties)},
        )
        for event in events[execution.id]:
            by_key = step.inputs if event.type == _Event.INPUT else step.outputs
            key = event.path.steps[0].key
            by_key.setdefault(key, []).append(artifacts[event.artifact_id])
        steps[node] = step
    return steps


def _artifact(artifact: Any) -> Artifact:
    return Artifact(
        artifact.id,
        artifact.uri,
        artifact.state not in (_State.Value("DELETED"), _State.Value("ABANDONED")),
        _values(artifact.custom_properties),
    )


def _name(context: Any, steps: dict[str, Step]) -> str | None:
    """Returns the runner's name of a run, from its context or the Pusher."""
    of_run = _values(context.custom_properties).get(RUN)
    of_pusher = (
        steps[nodes.PUSHER].parameters.get(RUN) if nodes.PUSHER in steps else None
    )
    name = of_run or of_pusher or _own_name(context.name)
    return str(name) if name else None


def _values(properties: Any) -> dict[str, Value]:
    found = {}
    for key, value in properties.items():
        kind = value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value"):
            found[key] = getattr(value, kind)
    return found


def _own_name(run_id: str) -> str | None:
    """Returns a run's id if it is also the runner's name of the run.

    In version 0.1 TFX made the id, and it was a time.
    """
    try:
        datetime.fromisoformat(run_id)
    except ValueError:
        return run_id
    return None
