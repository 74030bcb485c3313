"""The set-up as a process: it repeats, keeps and survives."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from bootstrap.locks import Host, choose_lock
from tests.bootstrap.conftest import Miniature, pretend_python

LOCK = choose_lock(Host.detect())[0].name
MADE = ["venv", "pip sync", "pip install"]
UPDATED = ["pip sync", "pip install"]


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class TestNothingToDo:
    def test_second_set_up_is_silent_and_calls_nothing(
        self, miniature: Miniature
    ) -> None:
        first = miniature.set_up()
        assert (first.returncode, first.stderr, miniature.calls()) == (0, "", MADE)

        second = miniature.set_up()

        assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
        assert miniature.calls() == []

    def test_environment_with_test_tools_serves_a_run(
        self, miniature: Miniature
    ) -> None:
        miniature.set_up("--dev")
        miniature.calls()

        miniature.set_up()

        assert miniature.calls() == []


class TestWhatIsShown:
    def test_choice_of_the_lock_comes_with_its_reason(
        self, miniature: Miniature
    ) -> None:
        first = miniature.set_up().stdout.splitlines()[0]

        reason = choose_lock(Host.detect())[1]
        assert first.startswith(f"Setting up .venv: lock {LOCK} ({reason}), Python 3.")

    def test_an_environment_of_somebody_else_is_replaced_with_the_reason(
        self, miniature: Miniature
    ) -> None:
        (miniature.root / ".venv").mkdir()
        assert (
            "Creating .venv again: another tool made it, or its set-up was not finished"
            in miniature.set_up().stdout.splitlines()
        )

    def test_one_that_lost_a_package_is_made_anew(self, miniature: Miniature) -> None:
        miniature.set_up()
        lost = miniature.root / ".venv/lib/python3.11/site-packages/click"
        assert lost.is_dir()
        shutil.rmtree(lost)
        said = miniature.set_up().stdout.splitlines()
        assert "Creating .venv again: click is gone from it" in said
        assert lost.is_dir()

    def test_one_that_lost_its_python_is_made_anew(self, miniature: Miniature) -> None:
        miniature.set_up()
        (miniature.root / ".venv" / "bin" / "python").unlink()
        shown = miniature.set_up().stdout
        assert "Creating .venv again: its own Python is gone" in shown.splitlines()
        assert miniature.set_up().stdout == ""

    @pytest.mark.parametrize("what", ["a file", "a broken link"])
    def test_what_is_no_folder_is_replaced(
        self, miniature: Miniature, what: str
    ) -> None:
        place = miniature.root / ".venv"
        place.touch() if what == "a file" else place.symlink_to("/nowhere")
        done = miniature.set_up()
        assert (done.returncode, done.stderr) == (0, "")
        assert miniature.stamp.exists()

    @pytest.mark.parametrize("name", ["clone #2", "a[b]", "x;y", "{x}", "$HOME"])
    def test_a_folder_that_uv_misreads_is_told_before_anything_is_installed(
        self, miniature: Miniature, name: str
    ) -> None:
        root = miniature.root.rename(miniature.root.with_name(name))
        done = replace(miniature, root=root).set_up()
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"set-up: {root}: expected a path without ")
        assert done.stderr.count("\n") == 1
        assert not (root / ".venv").exists()

    def test_what_cannot_be_written_is_one_line(self, miniature: Miniature) -> None:
        (miniature.root / ".uv" / "lock").mkdir()
        done = miniature.set_up()
        assert (done.returncode, done.stderr) == (
            1,
            f"set-up: {miniature.root}/.uv/lock: Is a directory\n",
        )

    def test_a_first_environment_needs_no_reason(self, miniature: Miniature) -> None:
        assert "anew" not in miniature.set_up().stdout

    def test_success_does_not_list_the_packages(self, miniature: Miniature) -> None:
        assert "tensorflow" not in miniature.set_up().stdout


class TestChange:
    @pytest.mark.parametrize(
        "changed", [f"requirements/{LOCK}.txt", "setup.py", "bootstrap/locks.py"]
    )
    def test_of_an_input_updates_in_place(
        self, miniature: Miniature, changed: str
    ) -> None:
        miniature.set_up()
        miniature.calls()
        with open(miniature.root / changed, "a", encoding="utf-8") as file:
            file.write("# changed\n")

        miniature.set_up()

        assert miniature.calls() == UPDATED

    def test_of_the_test_tools_does_not_concern_a_run(
        self, miniature: Miniature
    ) -> None:
        miniature.set_up("--dev")
        miniature.calls()
        tools = miniature.root / "requirements" / f"{LOCK}-dev.txt"
        tools.write_text("# other tools\n")

        miniature.set_up()
        assert miniature.calls() == []

        miniature.set_up("--dev")
        assert miniature.calls() == UPDATED

    def test_test_tools_are_added_to_an_environment_for_runs(
        self, miniature: Miniature
    ) -> None:
        miniature.set_up()
        miniature.calls()

        assert miniature.set_up("--dev").returncode == 0

        assert miniature.calls() == UPDATED

    def test_of_the_folder_makes_it_anew(self, miniature: Miniature) -> None:
        miniature.set_up()
        miniature.calls()
        before = miniature.root
        miniature.root = before.rename(before.with_name("elsewhere"))

        shown = miniature.set_up().stdout

        assert (
            f"Creating .venv again: it was made in {before}, where its scripts point to"
            in shown
        )

        assert miniature.calls() == MADE

    def test_to_the_same_python_by_name_makes_nothing_anew(
        self, miniature: Miniature
    ) -> None:
        miniature.set_up()
        miniature.calls()

        miniature.set_up("--python", sys.executable)
        assert miniature.calls() == UPDATED

        miniature.set_up("--python", sys.executable)
        assert miniature.calls() == []


class TestFailure:
    def test_shows_the_installers_words_then_one_line(
        self, miniature: Miniature
    ) -> None:
        miniature.tell("broken")

        failed = miniature.set_up()

        *shown, last = failed.stderr.splitlines()
        assert failed.returncode == 1
        assert shown == ["Resolved 2 packages", "error: no such wheel"]
        assert (
            last
            == f"set-up: installing {LOCK}.txt, byte-compiled failed, as shown above"
        )

    def test_is_not_trusted_by_the_next_set_up(self, miniature: Miniature) -> None:
        miniature.set_up()
        (miniature.root / "setup.py").write_text("# changed\n")
        miniature.tell("broken")
        miniature.set_up()
        assert not miniature.stamp.exists()
        miniature.forget("broken")
        miniature.calls()

        assert miniature.set_up().returncode == 0

        assert miniature.calls() == MADE

    def test_missing_compiler_is_one_line_before_anything_is_fetched(
        self, miniature: Miniature
    ) -> None:
        failed = miniature.set_up(CXX="no-such-compiler")

        (line,) = failed.stderr.splitlines()
        assert failed.returncode == 1
        assert "this machine lacks a C++ compiler; install it with " in line
        assert miniature.calls() == []


class TestInterruption:
    @pytest.fixture
    def interrupted(self, miniature: Miniature) -> subprocess.Popen[str]:
        """A set-up in the middle of installing."""
        miniature.tell("slow")
        process = miniature.start()
        wait_until((miniature.notes / "pid").exists)
        miniature.forget("slow")
        miniature.calls()
        return process

    @pytest.mark.parametrize(
        ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
    )
    def test_leaves_nothing_that_the_next_set_up_trusts(
        self,
        miniature: Miniature,
        interrupted: subprocess.Popen[str],
        number: signal.Signals,
        status: int,
    ) -> None:
        interrupted.send_signal(number)
        interrupted.communicate(timeout=30)

        assert interrupted.returncode == status
        assert not miniature.stamp.exists()
        assert miniature.set_up().returncode == 0
        assert miniature.calls() == MADE

    def test_by_sigkill_makes_the_next_wait_for_the_orphaned_installer(
        self, miniature: Miniature, interrupted: subprocess.Popen[str]
    ) -> None:
        interrupted.kill()
        interrupted.wait(timeout=30)
        orphan = int((miniature.notes / "pid").read_text())
        second = miniature.start()
        assert second.stdout is not None
        assert "waiting" in second.stdout.readline()
        assert is_alive(orphan)
        assert miniature.calls() == []

        os.kill(orphan, signal.SIGKILL)

        second.communicate(timeout=60)
        assert second.returncode == 0
        assert miniature.calls() == MADE

    def test_two_at_once_install_once(
        self, miniature: Miniature, interrupted: subprocess.Popen[str]
    ) -> None:
        second = miniature.start()
        assert second.stdout is not None
        assert "waiting" in second.stdout.readline()

        os.kill(int((miniature.notes / "pid").read_text()), signal.SIGKILL)

        assert interrupted.wait(timeout=60) == 0
        assert second.wait(timeout=60) == 0
        assert miniature.calls() == ["pip install"]


class TestNoFittingPython:
    @pytest.fixture
    def too_new(self, miniature: Miniature) -> Miniature:
        """A machine whose Pythons all have versions that the lock does not cover."""
        locks = miniature.root / "bootstrap" / "locks.py"
        text, count = re.subn(r"\((13, 12, )?11,?\)", "(99,)", locks.read_text())
        assert count == 2
        locks.write_text(text)
        return miniature

    def test_is_fetched_by_uv(self, too_new: Miniature) -> None:
        python = too_new.fetchable / "bin" / "python3.99"
        pretend_python(python, (3, 99, 1), headers=[])

        done = too_new.set_up()

        assert (done.returncode, done.stderr) == (0, "")
        assert too_new.calls() == ["python install 3.99", *MADE]
        assert too_new.set_up().stdout == ""

    def test_that_cannot_be_fetched_is_one_line_on_what_to_install(
        self, too_new: Miniature
    ) -> None:
        too_new.tell("broken")

        failed = too_new.set_up()

        *shown, last = failed.stderr.splitlines()
        assert shown == ["error: no such Python"]
        assert last.startswith("set-up: fetching Python 3.99 failed, as shown above; ")
        assert "needs Python 3.99, and this machine has none" in last
        assert not (too_new.root / ".venv").exists()
