"""The files of version 0.1 (commit c99ba7c) stay usable.

`tests/data/output-of-0.1.tar.gz` was written by that commit's code: its Trainer saved
two networks with four units for the digits, its manifests describe them, and its
`rollback` made a third version from the first, and recorded that.
"""

import json
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.champion.executor import Executor
from components.image_example_gen import digits
from contract.errors import BadInputError
from contract.task import plain_names
from lineage import cli as lineage
from tests.tasks import write_task
from version_store import cli as version_store
from version_store.inventory import Version, list_versions
from version_store.operations import prune, rollback
from version_store.verification import verify

DATA = Path(__file__).resolve().parents[1] / "data" / "output-of-0.1.tar.gz"
FIRST, SECOND, BACK = 1795662687, 1795662690, 1795662691

Run = Callable[..., Any]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The folder, with paths in its store as if it had been written here."""
    folder = tmp_path / "output"
    with tarfile.open(DATA) as packed:
        packed.extractall(folder, filter="data")
    store = sqlite3.connect(folder / "metadata.sqlite")
    for table, column in (("Artifact", "uri"), ("ArtifactProperty", "string_value")):
        change = f"update {table} set {column} = replace({column}, ?, ?)"
        store.execute(change, ("/output-of-version-0.1", str(folder)))
    store.commit()
    store.close()
    return folder


@pytest.fixture
def run(
    output: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command line on the folder; returns what it printed."""

    def run(program: Any, *arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["it", *arguments, "--output", str(output)])
        with pytest.raises(SystemExit) as caught:
            program.main()
        printed, errors = capfd.readouterr()
        assert caught.value.code == 0, errors
        return str(printed)

    return run


def versions(output: Path) -> list[Version]:
    return list_versions(str(output / "models"), "digits")


def test_versions_are_listed_and_are_as_they_were_pushed(
    output: Path, run: Run
) -> None:
    found = json.loads(run(version_store, "list", "--json"))
    assert [one["version"] for one in found] == [BACK, SECOND, FIRST]
    assert [one["served"] for one in found] == [True, False, False]
    assert found[0]["rolled_back"]["reason"] == "reads 7 as 1"
    assert None not in [one["test_accuracy"] for one in found]
    assert [verify(version) for version in versions(output)] == [[], [], []]
    assert run(version_store, "verify").count("as pushed") == 3


def test_gates_are_read_as_numbers(output: Path) -> None:
    second = versions(output)[1].manifest
    assert second is not None
    assert second.blessed
    held = {(g.metric, g.slice): (g.value, g.bound) for g in second.gates or ()}
    assert held["accuracy_change", ""] == (0.05, -0.005)
    assert held["accuracy", "7"] == (0.5, 0)
    assert held["findings", ""] == held["failed_checks", ""] == (0, 0)
    assert second.metrics is not None
    assert second.metrics.classes is not None
    assert second.metrics.classes["7"].accuracy == 0.5
    assert second.code == {"ImageExampleGen": "a" * 16, "TaskSchemaGen": "b" * 16}


def test_its_rollback_holds(output: Path) -> None:
    assert [version.state for version in versions(output)] == [
        "served",
        "rolled back from",
        "kept",
    ]


def test_going_back_and_pruning(output: Path) -> None:
    models = str(output / "models")
    done = rollback(models, "digits", SECOND, "it was the camera", None)
    assert verify(done.made) == []
    assert done.made.manifest is not None
    assert done.made.manifest.manifest_version == 3
    prune(models, "digits", 1, None, dry_run=False)
    assert [version.number for version in versions(output)] == [done.made.number]
    assert verify(versions(output)[0]) == []


def test_lineage_lists_shows_and_compares(run: Run) -> None:
    listed = json.loads(run(lineage, "list", "--json"))
    assert {one["version"] for one in listed} == {FIRST, SECOND, BACK}
    assert "rolled back to" in run(lineage, "list")
    shown = run(lineage, "show", str(SECOND))
    assert "Evaluator accuracy 7" in shown
    assert "test accuracy by class" in shown
    differs = json.loads(run(lineage, "diff", str(FIRST), str(SECOND), "--json"))
    assert differs["facts.training.epochs"] == {"a": 1, "b": 2}


class TestChampion:
    """It can be the champion of a new run, although it has no task or `describe`."""

    @pytest.fixture
    def find(self, output: Path, artifact: Callable[..., Any]) -> Callable[..., Any]:
        def find(task: Any) -> Any:
            examples = artifact(standard_artifacts.Examples)
            write_task(examples.uri, task)
            model = artifact(standard_artifacts.Model)
            statistics = artifact(standard_artifacts.ExampleStatistics)
            Executor().Do(
                {"examples": [examples]},
                {"model": [model], "statistics": [statistics]},
                {
                    "models": str(output / "models" / "digits"),
                    "version": "latest",
                    "replace_task": 0,
                },
            )
            return model

        return find

    def test_it_is_compared_with(self, find: Callable[..., Any]) -> None:
        model = find(digits.TASK)
        assert model.get_string_custom_property("champion_version") == str(BACK)
        assert model.get_string_custom_property("left_out") == ""
        assert model.get_float_custom_property("champion_accuracy") > 0

    def test_another_task_does_not_take_its_name(
        self, find: Callable[..., Any]
    ) -> None:
        with pytest.raises(BadInputError, match="10 classes, and not 12"):
            find(digits.TASK.named(classes=plain_names(12)))
