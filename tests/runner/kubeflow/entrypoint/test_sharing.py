"""Workers in other pods get the inputs, and their outputs are collected."""

import json
from pathlib import Path
from typing import Any

import pytest

from contract.errors import BadInputError
from runner.kubeflow.entrypoint.sharing import on_volume


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


@pytest.fixture
def node_input(tmp_path: Path) -> dict[str, Any]:
    """Returns an input that the launcher downloaded, and the output's location."""
    examples = tmp_path / "examples"
    (examples / "Split-train").mkdir(parents=True)
    (examples / "Split-train" / "data").write_text("rows")
    return {
        "inputs": {"artifacts": {"examples": {"artifacts": [{"uri": str(examples)}]}}},
        "outputs": {
            "artifacts": {
                "statistics": {"artifacts": [{"uri": str(tmp_path / "statistics")}]}
            },
            "outputFile": str(tmp_path / "output.json"),
        },
    }


def uri(side: dict[str, Any], key: str) -> Path:
    [artifact] = side["artifacts"][key]["artifacts"]
    return Path(artifact["uri"])


def work(shared: dict[str, Any]) -> None:
    """Does a node's work: reads and writes, and reports where."""
    rows = (uri(shared["inputs"], "examples") / "Split-train" / "data").read_text()
    statistics = uri(shared["outputs"], "statistics")
    statistics.mkdir(parents=True)
    (statistics / "stats").write_text(f"{rows}: 1")
    written = {"artifacts": {"statistics": {"artifacts": [{"uri": str(statistics)}]}}}
    Path(shared["outputs"]["outputFile"]).write_text(json.dumps(written))


def test_the_work_is_on_the_volume_and_its_result_where_the_launcher_looks(
    node_input: dict[str, Any], volume: Path, tmp_path: Path
) -> None:
    with on_volume(node_input, str(volume)) as (shared, task):
        work(shared)
        for path in (
            uri(shared["inputs"], "examples"),
            uri(shared["outputs"], "statistics"),
            Path(shared["outputs"]["outputFile"]),
        ):
            assert path.is_relative_to(task)
        assert Path(task).parent == volume
    assert (tmp_path / "statistics" / "stats").read_text() == "rows: 1"
    written = json.loads((tmp_path / "output.json").read_text())
    assert uri(written, "statistics") == tmp_path / "statistics"
    assert not list(volume.iterdir())


def test_a_failed_try_leaves_nothing(
    node_input: dict[str, Any], volume: Path, tmp_path: Path
) -> None:
    def fail() -> None:
        with on_volume(node_input, str(volume)) as (shared, _):
            work(shared)
            raise OSError("lost")

    with pytest.raises(OSError, match="lost"):
        fail()
    assert not list(volume.iterdir())
    assert not (tmp_path / "statistics").exists()


def test_tries_of_a_task_are_known_by_one_folder_and_work_in_their_own(
    node_input: dict[str, Any], volume: Path
) -> None:
    with on_volume(node_input, str(volume)) as (first, task):
        pass_on(first)
    with on_volume(node_input, str(volume)) as (second, again):
        pass_on(second)
    assert task == again
    assert first["outputs"] != second["outputs"]
    [other] = node_input["outputs"]["artifacts"]["statistics"]["artifacts"]
    other["uri"] += "-of-another-run"
    with on_volume(node_input, str(volume)) as (shared, of_another_run):
        pass_on(shared)
    assert of_another_run != task


def pass_on(shared: dict[str, Any]) -> None:
    Path(shared["outputs"]["outputFile"]).write_text("{}")


def test_a_volume_that_cannot_be_written_is_bad_input(
    node_input: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "examples" / "Split-train" / "data"
    with (
        pytest.raises(BadInputError, match="expected a volume that this node's user"),
        on_volume(node_input, str(file)),
    ):
        pass
