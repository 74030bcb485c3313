"""The commands in the README work."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAKE = shutil.which("make") or "make"


def make(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MAKE, "--dry-run", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_clone_has_line_feeds_on_every_system() -> None:
    """With CRLF, make and shells break, and the schema has another digest."""
    rules = (ROOT / ".gitattributes").read_text("utf-8").splitlines()
    assert "* text=auto eol=lf" in rules


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("run", ".venv/bin/python local_runner.py --data ~/mnist"),
        ("serve", ".venv/bin/python -m serving.launch --data ~/mnist"),
        ("bench", ".venv/bin/python -m benchmarks.pipeline --data ~/mnist"),
        ("bench-serving", ".venv/bin/python -m benchmarks.serving --data ~/mnist"),
        (
            "test",
            ".venv/bin/python -m pytest -n logical --maxprocesses 4 --dist loadfile "
            '-m "not whole" '
            "--data ~/mnist",
        ),
    ],
)
def test_target_sets_up_and_then_runs_its_command(target: str, command: str) -> None:
    first, *_, last = make(target, "ARGS=--data ~/mnist").stdout.splitlines()

    assert re.match(r"python3 -m bootstrap( +--dev)? *$", first)
    assert ("--dev" in first) == (target == "test")
    assert last == command


def test_test_target_checks_style_and_types_before_the_tests() -> None:
    _, *commands = make("test").stdout.splitlines()

    tools = [command.split()[2:4] for command in commands]
    assert tools == [
        ["ruff", "check"],
        ["ruff", "format"],
        ["mypy", "."],
        ["pytest", "-n"],
    ]


def test_choices_are_handed_on() -> None:
    by_argument = make(
        "run", "LOCK=compat", "PYTHON=/usr/local/python"
    ).stdout.splitlines()
    by_variable = make(
        "run", LOCK="compat", PYTHON="/usr/local/python"
    ).stdout.splitlines()

    assert by_argument == by_variable
    assert by_argument[0] == (
        "python3 -m bootstrap --lock compat --python /usr/local/python"
    )


def test_set_up_is_started_by_a_python_that_can_read_it(tmp_path: Path) -> None:
    old, newer = tmp_path / "python3", tmp_path / "python3.12"
    old.write_text("#!/bin/sh\nexit 1\n")
    newer.write_text("#!/bin/sh\nexit 0\n")
    old.chmod(0o755)
    newer.chmod(0o755)

    first, *_ = make("run", PATH=str(tmp_path)).stdout.splitlines()

    assert first.split()[:3] == ["python3.12", "-m", "bootstrap"]


def test_machine_without_python_is_told_so() -> None:
    failed = make("run", PATH="/nonexistent")

    assert failed.returncode == 2
    assert "Python 3.11 or newer is needed and is not here: install it" in failed.stderr


def test_help_is_the_default_and_lists_every_target() -> None:
    shown = subprocess.run([MAKE], cwd=ROOT, capture_output=True, text=True, check=True)

    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^\.PHONY: (\S+)$", text, re.M)
    listed = re.findall(r"^  make (\S+) +\S", shown.stdout, re.M)
    assert listed == targets
