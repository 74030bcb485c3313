"""Commands in messages run as they are printed, from where the person stands."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from serving.launch import code

ELSEWHERE = "components/report/run.py"
"""Its report is read on another machine than the one that wrote it."""


@pytest.mark.parametrize("folder", [".", "my folder", "the project"])
def test_a_command_runs_from_any_folder(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my folder").mkdir()
    place = code.ROOT if folder == "the project" else tmp_path / folder
    monkeypatch.chdir(place)
    for words in (code.typed("lineage"), code.typed_script("local_runner.py")):
        done = subprocess.run(
            f"{words} --help", shell=True, cwd=place, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Usage: ")


def test_the_environments_python_is_short_in_the_project(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(code.ROOT)
    monkeypatch.setattr(sys, "executable", str(code.ROOT / ".venv/bin/python"))
    assert shlex.split(code.typed("lineage")) == [".venv/bin/python", "-m", "lineage"]
    assert code.typed_script("a.py") == ".venv/bin/python a.py"


def test_no_message_has_a_command_that_runs_in_one_folder_only() -> None:
    literal = re.compile(r"[\"' ]\.venv/bin/python (-m|\w+\.py)")
    names = ("components", "contract", "lineage", "pipeline", "runner", "serving")
    files = [
        file
        for name in (*names, "version_store")
        for file in (code.ROOT / name).rglob("*.py")
    ]
    found = [
        f"{file}: {line}"
        for file in files
        if file != code.ROOT / ELSEWHERE
        for line in file.read_text("utf-8").splitlines()
        if literal.search(line) and not line.lstrip().startswith("#")
    ]
    assert len(files) > 100
    assert found == []
