"""A run's results are read from a real ML Metadata store and real files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.types import standard_artifacts

from runner.records import Outcome, Pushed, read_outcome

RUN = "scans-20261122-120000"

Put = Callable[..., Path]


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "metadata.sqlite")


@pytest.fixture
def put(database: str, tmp_path: Path) -> Put:
    """Returns a function that records a node's output as LocalDagRunner does.

    Its arguments are node id, output key, artifact type, run and custom properties; it
    returns the output's folder.
    """

    def context(store: Any, kind: str, name: str) -> int:
        type_id = store.put_context_type(metadata_store_pb2.ContextType(name=kind))
        known = store.get_context_by_type_and_name(kind, name)
        if known:
            return int(known.id)
        [number] = store.put_contexts(
            [metadata_store_pb2.Context(type_id=type_id, name=name)]
        )
        return int(number)

    def call(
        node: str, key: str, kind: type, run: str = RUN, **properties: str | int
    ) -> Path:
        folder = tmp_path / "artifacts" / run / node / key
        folder.mkdir(parents=True)
        artifact = kind()
        artifact.uri = str(folder)
        for name, value in properties.items():
            if isinstance(value, int):
                artifact.set_int_custom_property(name, value)
            else:
                artifact.set_string_custom_property(name, value)
        connection = metadata.sqlite_metadata_connection_config(database)
        with metadata.Metadata(connection) as handle:
            store = handle.store
            artifact.type_id = store.put_artifact_type(artifact.artifact_type)
            execution = metadata_store_pb2.Execution(
                type_id=store.put_execution_type(
                    metadata_store_pb2.ExecutionType(name=node)
                ),
                last_known_state=metadata_store_pb2.Execution.COMPLETE,
            )
            event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.OUTPUT)
            event.path.steps.add().key = key
            event.path.steps.add().index = 0
            store.put_execution(
                execution,
                [(artifact.mlmd_artifact, event)],
                [
                    metadata_store_pb2.Context(
                        id=context(store, kind_of_context, name),
                        type_id=store.get_context_type(kind_of_context).id,
                        name=name,
                    )
                    for kind_of_context, name in (
                        ("pipeline", "scans"),
                        ("pipeline_run", run),
                        ("node", f"scans.{node}"),
                    )
                ],
            )
        return folder

    return call


@pytest.fixture
def outcome(database: str) -> Callable[[], Outcome]:
    return lambda: read_outcome(database, RUN)


def put_verdict(put: Put, findings: int, overridden: bool, run: str = RUN) -> None:
    folder = put("DataGate", "verdict", standard_artifacts.ExampleAnomalies, run)
    content = {
        "findings": [{"split": "eval"}] * findings,
        "overridden": overridden,
        "compared_with_version": None,
    }
    (folder / "verdict.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("findings", "overridden", "passed"),
    [(0, False, True), (3, True, False)],
    ids=["nothing found", "found and overridden"],
)
def test_what_the_data_gate_found(
    put: Put,
    outcome: Callable[[], Outcome],
    findings: int,
    overridden: bool,
    passed: bool,
) -> None:
    put_verdict(put, findings, overridden)
    [demand] = outcome().demands
    assert (demand.gate, demand.value) == ("DataGate", findings)
    assert (demand.passed, demand.overruled) == (passed, overridden)
    # A condition that was overruled does not refuse.
    assert not demand.refused


@pytest.mark.parametrize(
    ("failures", "detail"),
    [
        ([], ""),
        (["loading: no such file", "and more"], "loading: no such file"),
    ],
    ids=["all right", "first failure"],
)
def test_what_the_serving_validator_found(
    put: Put, outcome: Callable[[], Outcome], failures: list[str], detail: str
) -> None:
    folder = put("ServingValidator", "blessing", standard_artifacts.InfraBlessing)
    report = {"checks": ["one", "two"], "failures": failures}
    (folder / "report.json").write_text(json.dumps(report))
    [demand] = outcome().demands
    assert (demand.gate, demand.value) == ("ServingValidator", len(failures))
    assert demand.detail == detail
    assert demand.refused == bool(failures)


def test_keras_own_test_accuracy(put: Put, outcome: Callable[[], Outcome]) -> None:
    folder = put("Trainer", "model_run", standard_artifacts.ModelRun)
    history = {"epochs": [], "test": {"loss": 0.1, "accuracy": 0.97}}
    (folder / "history.json").write_text(json.dumps(history))
    assert outcome().test_accuracy == 0.97


def test_the_version_that_is_served(put: Put, outcome: Callable[[], Outcome]) -> None:
    put(
        "Pusher",
        "pushed_model",
        standard_artifacts.PushedModel,
        pushed=1,
        pushed_version="17",
        pushed_destination="/models/scans/17",
        already_served=1,
    )
    assert outcome().pushed == Pushed(17, "/models/scans/17", already_served=True)


def test_a_pusher_that_did_not_push_served_nothing(
    put: Put, outcome: Callable[[], Outcome]
) -> None:
    put("Pusher", "pushed_model", standard_artifacts.PushedModel, pushed=0)
    assert outcome().pushed is None


def test_another_runs_results_are_not_this_ones(
    put: Put, outcome: Callable[[], Outcome]
) -> None:
    put_verdict(put, 0, overridden=False)
    put_verdict(put, 5, overridden=True, run="scans-20261122-130000")
    assert [demand.value for demand in outcome().demands] == [0]


def test_a_run_that_is_not_known_came_to_nothing(put: Put, database: str) -> None:
    put_verdict(put, 0, overridden=False)
    assert read_outcome(database, "another") == Outcome([], None, None)
