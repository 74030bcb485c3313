"""Versions of a model: each whole, the newest always the highest."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.io import fileio

from components.pusher import versions

MakeModel = Callable[..., Path]

FILES = [
    "assets.extra/tf_serving_warmup_requests",
    "manifest.json",
    "saved_model.pb",
    "statistics/Split-eval/FeatureStats.pb",
    "statistics/Split-test/FeatureStats.pb",
    "statistics/Split-train/FeatureStats.pb",
    "variables/variables.data-00000-of-00001",
    "variables/variables.index",
]


def files(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )


def seen_by_a_server(base: Path) -> dict[str, list[str]]:
    """The folders that TensorFlow Serving takes for versions, and their files."""
    entries = base.iterdir() if base.is_dir() else ()
    return {entry.name: files(entry) for entry in entries if entry.name.isdigit()}


def write_version(base: Path, name: str) -> None:
    (base / name).mkdir(parents=True)
    (base / name / "saved_model.pb").write_text("graph")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "models" / "mnist"


@pytest.fixture
def push(base: Path, make_model: MakeModel, statistics: Path) -> Callable[..., int]:
    def push(**manifest: Any) -> int:
        return versions.push(str(base), str(make_model()), str(statistics), manifest)

    return push


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time."""

    def set_to(seconds: float) -> None:
        monkeypatch.setattr(versions.time, "time", lambda: seconds)

    set_to(1_700_000_000.9)
    return set_to


class TestPush:
    def test_a_version_is_the_time_in_seconds(
        self, push: Callable[..., int], clock: Any, base: Path
    ) -> None:
        assert push() == 1_700_000_000
        assert seen_by_a_server(base) == {"1700000000": FILES}

    def test_a_version_carries_model_statistics_and_manifest(
        self, push: Callable[..., int], clock: Any, base: Path
    ) -> None:
        version = base / str(push(run="a-run", model_digest="f00d"))
        assert (version / "variables/variables.index").read_text() == "index"
        assert (version / "statistics/Split-test/FeatureStats.pb").read_text() == (
            "of test"
        )
        assert json.loads((version / "manifest.json").read_text()) == {
            "version": 1_700_000_000,
            "run": "a-run",
            "model_digest": "f00d",
        }

    def test_the_model_that_is_pushed_stays_as_it_is(
        self, push: Callable[..., int], make_model: MakeModel
    ) -> None:
        before = files(make_model())
        push()
        assert files(make_model()) == before

    @pytest.mark.parametrize("later", [0, 0.05, -1, -86_400, -1_699_999_999])
    def test_the_newest_is_the_highest_though_the_clock_stand_still_or_go_back(
        self,
        push: Callable[..., int],
        clock: Callable[[float], None],
        base: Path,
        later: float,
    ) -> None:
        first = push()
        clock(1_700_000_000.9 + later)
        assert [push(), push()] == [first + 1, first + 2]
        assert versions.list_versions(str(base)) == [first, first + 1, first + 2]

    def test_after_the_clock_went_on_it_is_the_time_again(
        self, push: Callable[..., int], clock: Callable[[float], None]
    ) -> None:
        push()
        push()
        clock(1_800_000_000)
        assert push() == 1_800_000_000

    def test_killed_at_any_step_it_shows_a_server_nothing(
        self,
        push: Callable[..., int],
        base: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        class KilledError(BaseException):
            pass

        remaining = 0
        for name in ("makedirs", "copy", "open", "rename"):
            original = getattr(fileio, name)

            def step(*args: Any, original: Any = original, **options: Any) -> Any:
                nonlocal remaining
                if remaining == 0:
                    raise KilledError
                remaining -= 1
                return original(*args, **options)

            monkeypatch.setattr(fileio, name, step)

        for survived in itertools.count():
            remaining = survived
            try:
                version = push()
            except KilledError:
                assert seen_by_a_server(base) == {}
                assert versions.list_versions(str(base)) == []
            else:
                break
        assert survived > len(FILES)
        assert seen_by_a_server(base) == {str(version): FILES}


class TestDiscardIncomplete:
    def test_what_a_killed_push_left_goes_and_the_rest_stays(
        self,
        push: Callable[..., int],
        base: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        kept = push()
        (base / "notes.txt").write_text("mine")

        def killed(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(fileio, "rename", killed)
            with pytest.raises(KeyboardInterrupt):
                push()
        assert len(list(base.iterdir())) == 3
        versions.discard_incomplete(str(base))
        assert sorted(path.name for path in base.iterdir()) == [str(kept), "notes.txt"]

    def test_a_model_without_a_folder_has_nothing_to_discard(self, base: Path) -> None:
        versions.discard_incomplete(str(base))
        assert not base.exists()


class TestListVersions:
    def test_a_version_is_a_number_with_a_saved_model(self, base: Path) -> None:
        for name in ("9", "10", "1700000000", "latest", "-3", "1.5", "7a", ".incoming"):
            write_version(base, name)
        (base / "11").mkdir()
        (base / "12").write_text("a file")
        assert versions.list_versions(str(base)) == [9, 10, 1_700_000_000]
        assert versions.latest_version(str(base)) == 1_700_000_000

    def test_leading_zeros_are_a_number_and_stay_in_the_path(self, base: Path) -> None:
        write_version(base, "00000123")
        (base / "00000123" / "manifest.json").write_text('{"run": "theirs"}')
        assert versions.list_versions(str(base)) == [123]
        assert versions.version_path(str(base), 123) == str(base / "00000123")
        assert versions.read_manifest(str(base), 123) == {"run": "theirs"}

    def test_a_model_without_a_folder_has_no_versions(self, base: Path) -> None:
        assert versions.list_versions(str(base)) == []
        assert versions.latest_version(str(base)) is None


class TestManifest:
    def test_it_is_read_as_it_was_written(
        self, push: Callable[..., int], base: Path
    ) -> None:
        version = push(run="a-run")
        assert versions.read_manifest(str(base), version) == {
            "version": version,
            "run": "a-run",
        }

    def test_a_version_of_somebody_else_has_none(self, base: Path) -> None:
        write_version(base, "3")
        assert versions.read_manifest(str(base), 3) == {}


class TestModelDigest:
    def test_the_same_files_elsewhere_have_the_same_digest(
        self, make_model: MakeModel
    ) -> None:
        assert versions.model_digest(str(make_model("here"))) == (
            versions.model_digest(str(make_model("there")))
        )

    @pytest.mark.parametrize(
        "change",
        [
            lambda model: (model / "variables/variables.index").write_text("other"),
            lambda model: (model / "variables/variables.index").unlink(),
            lambda model: (model / "new").write_text(""),
            lambda model: (model / "saved_model.pb").rename(model / "saved.pb"),
            lambda model: (model / "variables").rename(model / "values"),
        ],
        ids=["content", "removed", "added", "renamed", "folder renamed"],
    )
    def test_every_change_of_a_file_changes_it(
        self, make_model: MakeModel, change: Callable[[Path], Any]
    ) -> None:
        model = make_model()
        before = versions.model_digest(str(model))
        change(model)
        assert versions.model_digest(str(model)) != before
