"""A run's temporary files are in one folder, which is removed after it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from runner.folders import cache_folder, temporary_files


@pytest.fixture(autouse=True)
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files by the user's settings."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def leave_one() -> None:
    """Leaves a temporary file, as TensorFlow does until the end of Python."""
    descriptor, _ = tempfile.mkstemp()
    os.close(descriptor)


def test_what_libraries_leave_is_gone_after_a_run(given: Path) -> None:
    with temporary_files("/data/output"):
        leave_one()
        subprocess.run(
            [sys.executable, "-c", "import tempfile; tempfile.mkdtemp()"], check=True
        )
        [folder] = given.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(list(folder.iterdir())) == 2
    assert list(given.iterdir()) == []
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(given)


def test_matplotlib_without_a_home_leaves_nothing_and_says_nothing(
    given: Path,
) -> None:
    program = (
        "from runner.folders import temporary_files\n"
        "with temporary_files('/data/output'): import matplotlib.font_manager"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HOME": "/dev/null/home"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Error" not in done.stderr
    assert list(given.iterdir()) == []


class TestCacheFolder:
    @pytest.fixture(autouse=True)
    def without_a_setting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def test_is_in_the_home(self, given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(given))
        assert cache_folder() == str(given / ".cache" / "mnist-tfx-pipeline")

    @pytest.mark.parametrize("home", ["/dev/null/home", "relative"])
    def test_is_among_the_temporary_files_where_the_home_takes_nothing(
        self, given: Path, monkeypatch: pytest.MonkeyPatch, home: str
    ) -> None:
        monkeypatch.setenv("HOME", home)
        assert Path(cache_folder()).is_relative_to(given)

    def test_of_a_setting_is_taken_as_it_is(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
        assert cache_folder() == "/dev/null/mnist-tfx-pipeline"


def test_what_a_killed_run_left_goes_with_the_next_one_there(given: Path) -> None:
    killed = (
        "import os, tempfile; from runner.folders import temporary_files\n"
        "with temporary_files('/data/output'): tempfile.mkdtemp(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == 9
    [left] = given.iterdir()
    with temporary_files("/data/other"):
        assert list(left.iterdir())
    with temporary_files("/data/output"):
        assert list(left.iterdir()) == []
    assert list(given.iterdir()) == []
