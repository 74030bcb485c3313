"""After a kill, unfinished work is removed, and finished work is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from runner.recovery import recover

Execution = metadata_store_pb2.Execution


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "metadata.sqlite")


Put = Callable[[int], int]


@pytest.fixture
def put(database: str) -> Put:
    """Returns a function that puts an execution into ML Metadata and returns its id."""

    def call(state: int) -> int:
        connection = metadata.sqlite_metadata_connection_config(database)
        with metadata.Metadata(connection) as handle:
            kind = handle.store.put_execution_type(
                metadata_store_pb2.ExecutionType(name="Trainer")
            )
            [number] = handle.store.put_executions(
                [Execution(type_id=kind, last_known_state=state)]
            )
        return int(number)

    return call


def states(database: str) -> dict[int, int]:
    connection = metadata.sqlite_metadata_connection_config(database)
    with metadata.Metadata(connection) as handle:
        return {e.id: e.last_known_state for e in handle.store.get_executions()}


def outputs(artifacts: Path, execution: int) -> list[Path]:
    """Writes an execution's outputs in TFX's layout, under one model's name."""
    node = artifacts / "scans" / "Trainer"
    folders = [
        node / key / str(execution)
        for key in ("model", "model_run", ".system/executor_execution")
    ]
    for folder in folders:
        (folder / "part").mkdir(parents=True)
        (folder / "part" / "file").write_text("half")
    return folders


def test_an_interrupted_execution_is_cancelled_and_its_outputs_removed(
    tmp_path: Path, database: str, put: Put
) -> None:
    finished, interrupted = put(Execution.COMPLETE), put(Execution.RUNNING)
    kept = outputs(tmp_path / "artifacts", finished)
    removed = outputs(tmp_path / "artifacts", interrupted)

    count = recover(database, str(tmp_path / "artifacts"), str(tmp_path / "models"))

    assert count == 1
    assert states(database) == {
        finished: Execution.COMPLETE,
        interrupted: Execution.CANCELED,
    }
    assert all((folder / "part" / "file").exists() for folder in kept)
    assert not any(folder.exists() for folder in removed)


@pytest.mark.parametrize(
    "state",
    [Execution.COMPLETE, Execution.CACHED, Execution.FAILED, Execution.CANCELED],
)
def test_an_execution_that_has_ended_is_left_alone(
    tmp_path: Path, database: str, put: Put, state: int
) -> None:
    number = put(state)
    kept = outputs(tmp_path / "artifacts", number)

    assert recover(database, str(tmp_path / "artifacts"), str(tmp_path / "no")) == 0

    assert states(database) == {number: state}
    assert all(folder.exists() for folder in kept)


def test_a_second_time_there_is_nothing_left_to_do(
    tmp_path: Path, database: str, put: Put
) -> None:
    put(Execution.RUNNING)
    arguments = (database, str(tmp_path / "artifacts"), str(tmp_path / "models"))
    assert [recover(*arguments), recover(*arguments)] == [1, 0]


def test_a_half_pushed_version_is_removed_and_whole_ones_stay(
    tmp_path: Path, database: str
) -> None:
    versions = tmp_path / "models" / "scans"
    for name in ("10", ".incoming-abc"):
        (versions / name).mkdir(parents=True)
        (versions / name / "saved_model.pb").touch()

    recover(database, str(tmp_path / "artifacts"), str(tmp_path / "models"))

    left = sorted(folder.name for folder in versions.iterdir())
    assert left == [".lock", "10"]


def test_before_the_first_run_there_is_nothing_and_nothing_is_made(
    tmp_path: Path, database: str
) -> None:
    assert recover(database, str(tmp_path / "artifacts"), str(tmp_path / "no")) == 0
    assert list(tmp_path.iterdir()) == []
