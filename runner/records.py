"""Reads the results of a run from ML Metadata and the artifacts.

`execution_lib` is no public API of TFX; tests/runner/test_records.py fails without it.
"""

import os
from collections.abc import Mapping
from typing import Any

from tfx.orchestration import metadata
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.types.artifact import Artifact

from components.evaluator.results import read_evaluation
from components.pusher.demand import read_demands as of_pusher
from components.pusher.facts import Folders, read_demands
from components.replay.demand import read_replayed
from contract import nodes, properties
from contract.model_run import read_history
from runner.outcome import Outcome, Pushed


def read_outcome(database: str, run: str) -> Outcome:
    """Reads the results of a run by its entries in the metadata store."""
    known = named(read_outputs(database, run))
    folders, pushed = Folders.of(known), known.get("pushed_model")
    history, evaluation = folders.model_run, folders.evaluation
    return Outcome(
        [*read_demands(folders), *(of_pusher(pushed) if pushed else ())],
        read_history(history)["test"]["accuracy"] if history else None,
        _pushed(pushed),
        read_evaluation(evaluation).left_out if evaluation else "",
        read_replayed(folders.replay).left_out if folders.replay else "",
    )


def read_outputs(database: str, run: str) -> dict[tuple[str, str], Artifact]:
    """Returns the output artifacts of a run so far, by (node id, output key)."""
    found: dict[tuple[str, str], Artifact] = {}
    if not os.path.exists(database):
        return found
    connection = metadata.sqlite_metadata_connection_config(database)
    with metadata.Metadata(connection) as handle:
        store = handle.store
        context = store.get_context_by_type_and_name("pipeline_run", run)
        if context is None:
            return found
        for execution in store.get_executions_by_context(context.id):
            node = _node(store, execution.id)
            outputs = execution_lib.get_output_artifacts(handle, execution.id)
            found |= {(node, key): made[-1] for key, made in outputs.items()}
    return found


def named(outputs: Mapping[tuple[str, str], Artifact]) -> dict[str, Artifact]:
    """Returns the outputs in `nodes.READ_BY_PEOPLE`, by their names there."""
    return {
        name: outputs[source]
        for name, source in nodes.READ_BY_PEOPLE.items()
        if source in outputs
    }


def _node(store: Any, execution: int) -> str:
    """Returns the node id; TFX names the context `<pipeline>.<node id>`."""
    for context in store.get_contexts_by_execution(execution):
        if context.type == "node":
            name: str = context.name
            return name.rpartition(".")[2]
    raise LookupError(f"execution {execution} belongs to no node")


def _pushed(artifact: Artifact | None) -> Pushed | None:
    if artifact is None or not artifact.get_int_custom_property(properties.PUSHED):
        return None
    return Pushed(
        int(artifact.get_string_custom_property(properties.PUSHED_VERSION)),
        artifact.get_string_custom_property(properties.PUSHED_DESTINATION),
        bool(artifact.get_int_custom_property(properties.ALREADY_SERVED)),
        artifact.get_string_custom_property(properties.ARRIVED_AS),
    )
