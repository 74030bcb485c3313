"""What a run came to, read from ML Metadata and the artifacts."""

from dataclasses import dataclass
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from components.data_gate import demand as data_gate_verdict
from components.data_gate import executor as data_gate
from components.evaluator.results import read_gates
from components.pusher import executor as pusher
from components.serving_validator import demand as serving_validator_verdict
from components.serving_validator import executor as serving_validator
from contract import properties
from contract.demands import GateResult
from pipeline.config import Gates
from pipeline.training.trainer import read_history


@dataclass(frozen=True)
class Pushed:
    """A version that is being served.

    Attributes:
        version: Its number.
        path: Its folder.
        already_served: Whether it was there before this run.
    """

    version: int
    path: str
    already_served: bool


@dataclass(frozen=True)
class Outcome:
    """What is known of a run's results; what it did not get to is None or empty.

    Attributes:
        gates: Every demand of every gate that gave a verdict.
        test_accuracy: Keras' own, on the test split.
        pushed: The version that is served as this run's result.
    """

    gates: list[GateResult]
    test_accuracy: float | None
    pushed: Pushed | None


def read_outcome(database: str, run: str, gates: Gates) -> Outcome:
    """Reads what a run left in the metadata store.

    Args:
        database: Path of the sqlite file.
        run: The pipeline run's id.
        gates: The bounds that the run was held to.
    """
    outputs = read_outputs(database, run)
    results: list[GateResult] = []
    if verdict := outputs.get(("DataGate", data_gate.VERDICT_KEY)):
        results.append(data_gate_verdict.read_gate(verdict.uri))
    if evaluation := outputs.get(("Evaluator", "evaluation")):
        results += read_gates(evaluation.uri, gates)
    if blessing := outputs.get(("ServingValidator", serving_validator.BLESSING_KEY)):
        results.append(serving_validator_verdict.read_gate(blessing.uri))

    history = outputs.get(("Trainer", "model_run"))
    return Outcome(
        results,
        read_history(history.uri)["test"]["accuracy"] if history else None,
        _pushed(outputs.get(("Pusher", pusher.PUSHED_MODEL_KEY))),
    )


def read_outputs(database: str, run: str) -> dict[tuple[str, str], Artifact]:
    """Returns a run's output artifacts by (node id, output key)."""
    found = {}
    connection = metadata.sqlite_metadata_connection_config(database)
    with metadata.Metadata(connection) as handle:
        store = handle.store
        context = store.get_context_by_type_and_name("pipeline_run", run)
        if context is None:
            return {}
        for execution in store.get_executions_by_context(context.id):
            node = _node(store, execution.id)
            for event in store.get_events_by_execution_ids([execution.id]):
                if event.type != metadata_store_pb2.Event.OUTPUT:
                    continue
                [artifact] = store.get_artifacts_by_id([event.artifact_id])
                [kind] = store.get_artifact_types_by_id([artifact.type_id])
                found[node, event.path.steps[0].key] = (
                    artifact_utils.deserialize_artifact(kind, artifact)
                )
    return found


def _node(store: Any, execution: int) -> str:
    """Returns the node id; TFX names the context `<pipeline>.<node id>`."""
    for context in store.get_contexts_by_execution(execution):
        if context.type == "node":
            name: str = context.name
            return name.rpartition(".")[2]
    raise LookupError(f"execution {execution} belongs to no node")


def _pushed(artifact: Artifact | None) -> Pushed | None:
    if artifact is None or not artifact.get_int_custom_property(
        properties.PUSHED
    ):
        return None
    return Pushed(
        int(artifact.get_string_custom_property(properties.PUSHED_VERSION)),
        artifact.get_string_custom_property("pushed_destination"),
        bool(artifact.get_int_custom_property(properties.ALREADY_SERVED)),
    )
