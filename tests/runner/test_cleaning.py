"""Old outputs are removed, on a store that real nodes have filled."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline

from components.image_example_gen import digits
from components.image_example_gen.component import ImageExampleGen
from components.task_schema_gen.component import TaskSchemaGen
from lineage.records import read_runs
from pipeline.schema import judgement
from runner.cleaning import clean
from runner.workspace import Workspace
from version_store.metadata import open_store


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Four runs of two nodes, with a first setting, a second, and the first again."""
    root = tmp_path_factory.mktemp("cleaning")
    digits.write(str(root / "digits"))
    workspace = Workspace(str(root / "output"))
    for shard_rows in (700, 800, 800, 700):
        fingerprint = ("a" if shard_rows == 700 else "b") * 16
        link = workspace.link_data("digits", str(root / "digits"), fingerprint)
        example_gen = ImageExampleGen(source=link, shard_rows=shard_rows)
        schema_gen = TaskSchemaGen(
            examples=example_gen.outputs["examples"], judgement=judgement()
        )
        LocalDagRunner().run(
            Pipeline(
                "digits",
                workspace.artifacts("digits"),
                components=[example_gen, schema_gen],
                enable_cache=True,
                metadata_connection_config=metadata.sqlite_metadata_connection_config(
                    workspace.metadata
                ),
            )
        )
    shutil.copytree(workspace.root, root / "saved", symlinks=True)
    return workspace


@pytest.fixture
def workspace(filled: Workspace) -> Workspace:
    """A copy of it under the same path, which the store has."""
    shutil.rmtree(filled.root)
    shutil.copytree(Path(filled.root).parent / "saved", filled.root, symlinks=True)
    return filled


def examples(workspace: Workspace) -> list[str]:
    folder = Path(workspace.artifacts("digits"), "ImageExampleGen/examples")
    return sorted(entry.name for entry in folder.iterdir())


def test_a_dry_run_changes_nothing(workspace: Workspace) -> None:
    before = examples(workspace)
    found = clean(workspace, 1, dry_run=True)
    assert len(before) == 2
    assert examples(workspace) == before
    assert found.size > 0
    assert any("ImageExampleGen/examples" in folder for folder in found.artifacts)


def test_with_all_runs_kept_nothing_goes(workspace: Workspace) -> None:
    found = clean(workspace, 4, dry_run=True)
    assert (found.artifacts, found.runs) == ([], [])


def test_what_a_kept_run_reused_stays_however_old(workspace: Workspace) -> None:
    """The newest run made nothing: it reused the first one's outputs."""
    store: Any = open_store(workspace.metadata)
    newest = read_runs(store)[0]
    reused = newest.output("ImageExampleGen", "examples")
    assert newest.steps["ImageExampleGen"].state == "cached"
    assert reused is not None

    found = clean(workspace, 1, dry_run=False)

    assert examples(workspace) == [Path(reused.uri).name]
    assert len(found.kept_runs) == 1
    assert Path(reused.uri, "task.json").is_file()
    # The store records what was removed, so that no later run reuses it.
    gone = [
        artifact
        for artifact in open_store(workspace.metadata).get_artifacts()
        if artifact.state == 4
    ]
    assert len(gone) == 2
    assert len(read_runs(store)) == 4
    assert clean(workspace, 1, dry_run=True).artifacts == []


def test_a_moved_output_folder_is_cleaned_as_well(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The store still has the paths of before the move."""
    moved = Workspace(str(tmp_path / "moved"))
    shutil.copytree(workspace.root, moved.root, symlinks=True)
    before = examples(workspace)
    assert examples(moved) == before

    found = clean(moved, 1, dry_run=False)

    assert [Path(path).name for path in found.links] == [
        f"digits-{letter * 16}" for letter in "ab"
    ]
    assert examples(moved) == before[:1]
    assert examples(workspace) == before
    assert clean(moved, 1, dry_run=True).artifacts == []


def test_what_a_person_put_beside_stays(workspace: Workspace) -> None:
    runs = Path(workspace.runs)
    for name in ("digits-20250101-000000", "the-good-one", "notes"):
        (runs / name).mkdir(parents=True)
    (runs / "linked-20250101-000000").symlink_to(runs / "notes")

    found = clean(workspace, 1, dry_run=False)

    assert [Path(path).name for path in found.runs] == ["digits-20250101-000000"]
    assert sorted(path.name for path in runs.iterdir()) == [
        "linked-20250101-000000",
        "notes",
        "the-good-one",
    ]


def test_links_to_data_that_no_kept_run_has_read_go_and_nothing_else(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Each data set that was read leaves a link; a person's own data may be beside."""
    data = Path(workspace.all_data)
    spans, own = data / "a-0123456789abcdef", data / "b-0123456789abcdef"
    for folder in (spans, own):
        folder.mkdir()
        (folder / "7").symlink_to(tmp_path)
    (own / "notes.txt").write_text("mine")
    (data / "letters").symlink_to(tmp_path)

    would = clean(workspace, 1, dry_run=True).links
    assert clean(workspace, 1, dry_run=False).links == would

    used, unused = f"digits-{'a' * 16}", f"digits-{'b' * 16}"
    assert [Path(path).name for path in would] == [spans.name, unused]
    left = sorted(path.name for path in data.iterdir())
    assert left == [own.name, used, "letters"]
    assert (own / "notes.txt").read_text() == "mine"
    assert (data / used / "train-images-idx3-ubyte").exists()


def test_an_empty_folder_has_nothing_to_remove(tmp_path: Path) -> None:
    assert clean(Workspace(str(tmp_path)), 1, dry_run=False).artifacts == []


def test_the_newest_looks_at_the_traffic_of_each_model_stay(tmp_path: Path) -> None:
    """This holds also where nothing was ever trained."""
    workspace = Workspace(str(tmp_path))
    looks = Path(workspace.monitoring.runs)
    for name in ("a-20261125-100000", "a-20261126-100000", "a-b-20261124-100000"):
        (looks / name).mkdir(parents=True)
        (looks / name / "result.json").write_text("{}")
    found = clean(workspace, 1, dry_run=True)
    assert [Path(path).name for path in found.runs] == ["a-20261125-100000"]
    assert found.size == 2
    clean(workspace, 1, dry_run=False)
    assert sorted(path.name for path in looks.iterdir()) == [
        "a-20261126-100000",
        "a-b-20261124-100000",
    ]
