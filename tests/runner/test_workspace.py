"""The folder of all output; only one run at a time writes there."""

import contextlib
import os
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from components.image_example_gen.spans import find
from contract.errors import BadInputError
from runner.workspace import Workspace
from tests.version_store.pushing import make_store, record_execution


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(str(tmp_path / "output"))


def test_each_thing_has_its_place(workspace: Workspace) -> None:
    root = workspace.root
    assert workspace.metadata == f"{root}/metadata.sqlite"
    assert workspace.artifacts("scans") == f"{root}/artifacts/scans"
    assert workspace.models("scans") == f"{root}/models/scans"
    assert workspace.run("scans-1") == f"{root}/runs/scans-1"


def test_one_content_has_one_path_wherever_the_data_lies(
    workspace: Workspace, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()

    first = workspace.link_data("scans", str(here), "a" * 64)
    moved = workspace.link_data("scans", str(there), "a" * 64)

    assert first == moved == f"{workspace.root}/data/scans-{'a' * 16}"
    assert Path(moved).resolve() == there


def test_another_content_or_name_has_another_path(
    workspace: Workspace, tmp_path: Path
) -> None:
    paths = {
        workspace.link_data(name, str(tmp_path), fingerprint)
        for name in ("scans", "codes")
        for fingerprint in ("a" * 64, "b" * 64)
    }
    assert len(paths) == 4


def test_a_relative_path_to_data_is_linked_from_where_it_was_said(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    link = workspace.link_data("scans", "data", "a" * 64)
    assert Path(link).resolve() == tmp_path / "data"


def test_each_run_has_a_name_and_a_folder_of_its_own(workspace: Workspace) -> None:
    moment = datetime(2026, 11, 26, 3, 4, 5)
    names = [workspace.new_run("scans", moment) for _ in range(3)]
    assert names == [
        "scans-20261126-030405",
        "scans-20261126-030405-2",
        "scans-20261126-030405-3",
    ]
    assert all(Path(workspace.run(name)).is_dir() for name in names)


def test_a_second_run_in_the_same_folder_is_turned_away(workspace: Workspace) -> None:
    """Runs are distinguished by process, so the second one is a separate process."""
    attempt = (
        "from runner.workspace import Workspace\n"
        "from contract.errors import BadInputError\n"
        "try:\n"
        f"    with Workspace({workspace.root!r}).locked(): print('free')\n"
        "except BadInputError as error: print(error)\n"
    )

    def try_it() -> str:
        done = subprocess.run(
            [sys.executable, "-c", attempt], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    with workspace.locked():
        assert try_it() == (
            f"{workspace.root}: in use by another run: wait for it, or choose another "
            "folder with --output"
        )
    assert try_it() == "free"


def test_it_is_free_again_after_a_run_that_failed(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match="failed"), workspace.locked():
        raise ValueError("failed")
    with workspace.locked():
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    workspace = Workspace(str(tmp_path / "file" / "output"))
    with pytest.raises(BadInputError) as caught, workspace.locked():
        pass
    assert str(caught.value) == (
        f"{workspace.root}: cannot be written to: Not a directory"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x" * 200 + "/" + "y" * 250 + "/" + "z" * 100, "expected at most 480 bytes"),
        ("with [v2]", "expected a path without"),
        (r"back\slash", "expected a path without"),
        ("new\nline", "expected a path that can be printed"),
        ("byte\udcff", "expected a path in UTF-8"),
    ],
    ids=["long", "a pattern", "an escape", "a newline", "no text"],
)
def test_a_path_that_a_library_would_misread_is_refused_before_anything_starts(
    name: str, reason: str
) -> None:
    with pytest.raises(BadInputError, match=reason):
        Workspace(f"/nowhere/{name}").check()


@pytest.mark.parametrize("name", ["models", "artifacts", "runs"])
def test_what_is_no_folder_where_one_is_needed_is_told_before_anything_starts(
    workspace: Workspace, name: str
) -> None:
    """The disk that a link points to may not be mounted, and training takes long."""
    os.makedirs(workspace.root, exist_ok=True)
    os.symlink("/not/mounted", os.path.join(workspace.root, name))
    with pytest.raises(BadInputError, match=f"{name}: expected a folder, found "):
        workspace.check()


def test_spans_have_a_pattern_for_just_those_that_are_read(
    workspace: Workspace, tmp_path: Path
) -> None:
    for number in range(1, 5):
        (tmp_path / "in" / str(number)).mkdir(parents=True)
    pattern = f"{tmp_path}/in/{{SPAN}}"
    some = find(pattern)[1:3]
    for _ in range(2):
        link = workspace.link_data("scans", pattern, "a" * 64, some)
        assert link == workspace.data_link("scans", "a" * 64, some)
        assert [span.name for span in find(link)] == ["2", "3"]
        assert [Path(span.path).resolve() for span in find(link)] == [
            tmp_path / "in" / "2",
            tmp_path / "in" / "3",
        ]


class TestTheDatabaseBelongsToTheArtifacts:
    """Executions of another store would get the numbers of folders that are there."""

    @pytest.fixture
    def used(self, tmp_path: Path) -> Workspace:
        """A workspace whose store has given the number 1."""
        assert record_execution(make_store(tmp_path / "metadata.sqlite")) == 1
        (tmp_path / "artifacts" / "digits" / "Trainer" / "model" / "1").mkdir(
            parents=True
        )
        return Workspace(str(tmp_path))

    def test_its_own_one_is_taken(self, used: Workspace) -> None:
        used.check()

    @pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
    def test_a_lost_one_is_told(self, used: Workspace, content: bytes | None) -> None:
        os.remove(used.metadata)
        if content is not None:
            Path(used.metadata).write_bytes(content)
        with pytest.raises(BadInputError, match="bring the database back"):
            used.check()

    def test_an_older_copy_is_told(self, used: Workspace) -> None:
        os.makedirs(os.path.join(used.artifacts("digits"), "Pusher", "model", "15"))
        with pytest.raises(BadInputError) as caught:
            used.check()
        assert str(caught.value) == (
            f"{used.metadata}: expected the database of the runs whose artifacts are "
            f"in {used.all_artifacts}, found an older or another one: its last "
            "execution is 1, and theirs is 15: bring the database back, or move that "
            "folder away"
        )

    def test_one_of_something_else_is_told(self, used: Workspace) -> None:
        os.remove(used.metadata)
        with contextlib.closing(sqlite3.connect(used.metadata)) as other:
            other.execute("create table t (x)")
        with pytest.raises(BadInputError, match="found another database: bring"):
            used.check()


def test_what_a_killed_run_left_of_a_link_is_replaced(tmp_path: Path) -> None:
    """In a container each run may have the same number of process."""
    workspace = Workspace(str(tmp_path / "output"))
    (tmp_path / "spans" / "7").mkdir(parents=True)
    [span] = find(str(tmp_path / "spans" / "{SPAN}"))
    for spans in ((), (span,)):
        link = Path(workspace.data_link("letters", "0" * 64))
        link.parent.mkdir(parents=True, exist_ok=True)
        Path(f"{link}.tmp").symlink_to("/nowhere")
        workspace.link_data("letters", str(tmp_path / "spans"), "0" * 64, spans)
        Path(f"{link}.tmp").mkdir()
        if not spans:
            link.unlink()
        workspace.link_data("letters", str(tmp_path / "spans"), "0" * 64, spans)
        assert [path.name for path in link.parent.iterdir()] == [link.name]
        if not spans:
            link.unlink()
