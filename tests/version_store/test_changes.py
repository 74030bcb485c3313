"""Changes of a model's folder are atomic and serialised, also after a kill."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from contract.errors import BadInputError
from version_store import changes, versions

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = ("saved_model.pb", "variables/variables.index", "manifest.json")

PUSH_FIVE_TIMES = """
import pathlib, sys
from version_store import changes
base = sys.argv[1]
for _ in range(5):
    with changes.locked(base):
        staged = changes.stage(base)
        pathlib.Path(staged, "saved_model.pb").write_text("graph")
        describe = lambda version: pathlib.Path(staged, "manifest.json").write_text("")
        print(changes.publish(base, staged, describe))
"""

Push = Callable[[], int]


def push_to(base: str) -> int:
    """Adds a version in the Pusher's steps: stages, fills, describes and shows it."""
    with changes.locked(base):
        staged = changes.stage(base)
        for name in FILES[:-1]:
            path = os.path.join(staged, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            Path(path).write_text(name)

        def describe(version: int) -> None:
            Path(staged, FILES[-1]).write_text(str(version))

        return changes.publish(base, staged, describe)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "models" / "mnist"


@pytest.fixture
def push(base: Path) -> Push:
    return lambda: push_to(str(base))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time."""

    def set_to(seconds: float) -> None:
        monkeypatch.setattr(changes.time, "time", lambda: seconds)

    set_to(1_700_000_000.9)
    return set_to


def seen_by_a_server(base: Path) -> dict[str, list[str]]:
    """Returns the folders that a server takes for versions, with their files."""
    entries = base.iterdir() if base.is_dir() else ()
    return {
        entry.name: sorted(
            str(path.relative_to(entry)) for path in entry.rglob("*") if path.is_file()
        )
        for entry in entries
        if entry.name.isdigit()
    }


class TestPublish:
    def test_a_version_is_the_time_in_seconds(
        self, push: Push, clock: Any, base: Path
    ) -> None:
        assert push() == 1_700_000_000
        assert seen_by_a_server(base) == {"1700000000": sorted(FILES)}

    def test_it_was_told_its_number(self, push: Push, base: Path) -> None:
        version = push()
        assert (base / str(version) / "manifest.json").read_text() == str(version)

    @pytest.mark.parametrize("later", [0, 0.05, -1, -86_400, -1_699_999_999])
    def test_the_newest_is_the_highest_though_the_clock_stand_still_or_go_back(
        self, push: Push, clock: Callable[[float], None], base: Path, later: float
    ) -> None:
        first = push()
        clock(1_700_000_000.9 + later)
        assert [push(), push()] == [first + 1, first + 2]
        assert versions.list_versions(str(base)) == [first, first + 1, first + 2]

    def test_after_the_clock_went_on_it_is_the_time_again(
        self, push: Push, clock: Callable[[float], None]
    ) -> None:
        push()
        push()
        clock(1_800_000_000)
        assert push() == 1_800_000_000

    def test_a_number_that_was_taken_meanwhile_is_passed_over(
        self, push: Push, clock: Any, base: Path
    ) -> None:
        """Another pod may do that, on a file system whose locks do not work."""
        described = []

        def taken(version: int) -> None:
            described.append(version)
            if version == 1_700_000_000:
                (base / str(version)).mkdir()
                (base / str(version) / "theirs").write_text("theirs")

        with changes.locked(str(base)):
            staged = changes.stage(str(base))
            Path(staged, "saved_model.pb").write_text("ours")
            version = changes.publish(str(base), staged, taken)

        assert described == [1_700_000_000, 1_700_000_001]
        assert version == 1_700_000_001
        assert (base / "1700000000" / "theirs").read_text() == "theirs"
        assert (base / "1700000001" / "saved_model.pb").read_text() == "ours"

    def test_there_is_none_after_the_largest(self, push: Push, base: Path) -> None:
        (base / str(2**63 - 1)).mkdir(parents=True)
        (base / str(2**63 - 1) / "saved_model.pb").write_text("graph")
        with pytest.raises(BadInputError, match="no version can have a higher number"):
            push()
        assert versions.list_versions(str(base)) == [2**63 - 1]

    def test_killed_at_any_step_it_shows_a_server_nothing(
        self, push: Push, base: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class KilledError(BaseException):
            pass

        remaining = 0
        for module, name in (
            (os, "makedirs"),
            (os, "mkdir"),
            (os, "rename"),
            (Path, "write_text"),
        ):
            original = getattr(module, name)

            def step(*args: Any, original: Any = original, **options: Any) -> Any:
                nonlocal remaining
                if remaining == 0:
                    raise KilledError
                remaining -= 1
                return original(*args, **options)

            monkeypatch.setattr(module, name, step)

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
        assert seen_by_a_server(base) == {str(version): sorted(FILES)}

    def test_what_else_goes_wrong_is_not_taken_for_a_number_that_is_taken(
        self, base: Path
    ) -> None:
        with changes.locked(str(base)), pytest.raises(FileNotFoundError):
            changes.publish(str(base), str(base / "nothing"), lambda _: None)


class TestRemove:
    def test_it_is_gone_and_the_rest_stays(self, push: Push, base: Path) -> None:
        first, second = push(), push()
        with changes.locked(str(base)):
            changes.remove(str(base), first)
        assert list(seen_by_a_server(base)) == [str(second)]
        assert sorted(p.name for p in base.iterdir()) == [".lock", str(second)]

    def test_killed_halfway_a_server_sees_all_of_it_or_nothing(
        self, push: Push, base: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        version = push()

        def killed(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(shutil, "rmtree", killed)
            with changes.locked(str(base)), pytest.raises(KeyboardInterrupt):
                changes.remove(str(base), version)
        assert seen_by_a_server(base) == {}

        changes.discard_incomplete(str(base))
        assert [path.name for path in base.iterdir()] == [".lock"]


class TestDiscardIncomplete:
    def test_what_a_killed_push_left_goes_and_the_rest_stays(
        self, push: Push, base: Path
    ) -> None:
        kept = push()
        (base / "notes.txt").write_text("mine")
        Path(changes.stage(str(base)), "half").write_text("half")

        changes.discard_incomplete(str(base))

        assert sorted(path.name for path in base.iterdir()) == [
            ".lock",
            str(kept),
            "notes.txt",
        ]

    def test_a_model_without_a_folder_has_nothing_to_discard(self, base: Path) -> None:
        changes.discard_incomplete(str(base))
        assert not base.exists()


class TestLocked:
    def test_who_waits_too_long_is_told_for_what(self, base: Path) -> None:
        base.mkdir(parents=True)
        with (
            FileLock(base / ".lock"),
            pytest.raises(TimeoutError) as caught,
            changes.locked(str(base), timeout=0.05),
        ):
            pass
        assert str(caught.value) == (
            f"{base}: still locked by a push, rollback or prune after 0.05 s"
        )

    def test_another_user_may_hold_it_next(self, push: Push, base: Path) -> None:
        push()
        assert (base / ".lock").stat().st_mode & 0o777 == 0o666

    def test_processes_that_push_at_once_get_a_number_each(self, base: Path) -> None:
        pushing = [
            subprocess.Popen(
                [sys.executable, "-c", PUSH_FIVE_TIMES, str(base)],
                stdout=subprocess.PIPE,
                text=True,
                cwd=REPOSITORY,
            )
            for _ in range(3)
        ]
        said = [process.communicate(timeout=60)[0].split() for process in pushing]
        numbers = sorted(int(number) for one in said for number in one)
        assert len(set(numbers)) == 15
        assert versions.list_versions(str(base)) == numbers
        assert set(map(tuple, seen_by_a_server(base).values())) == {
            ("manifest.json", "saved_model.pb")
        }

    def test_a_holder_that_is_killed_holds_nothing_any_more(
        self, push: Push, base: Path
    ) -> None:
        script = (
            "import sys, time\n"
            "from version_store import changes\n"
            "with changes.locked(sys.argv[1]):\n"
            "    changes.stage(sys.argv[1])\n"
            "    print('held', flush=True)\n"
            "    time.sleep(600)\n"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", script, str(base)],
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGKILL)
        holder.communicate()

        version = push()

        assert sorted(p.name for p in base.iterdir()) == [".lock", str(version)]
