"""The page's commands run as printed."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from components.report.run import commands

HOME = Path(__file__).parents[3]


@pytest.fixture(params=["here", "elsewhere"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The current folder of the user: the project, or another one."""
    return HOME if request.param == "here" else tmp_path


@pytest.mark.parametrize("label", ["Serve", "Query"])
def test_they_run_from_where_a_person_stands(
    place: Path, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    command = commands("a-model", str(place / "my models" / "x"))[label]
    done = subprocess.run(
        f"{command} --help", shell=True, cwd=place, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_in_the_project_paths_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HOME)
    monkeypatch.setattr(sys, "executable", str(HOME / ".venv/bin/python"))
    assert commands("scans", str(HOME / "output/models")) == {
        "Serve": ".venv/bin/python -m serving.launch --models output/models "
        "--model scans",
        "Query": ".venv/bin/python -m serving.client predict PICTURE.png --model scans",
    }


def test_names_with_blanks_stay_one_word(tmp_path: Path) -> None:
    found = commands("scans", str(tmp_path / "my models"))
    assert "PICTURE.png" in shlex.split(found["Query"])
    assert any(word.endswith("my models") for word in shlex.split(found["Serve"]))


def test_where_nobody_can_reach_the_models_there_is_only_the_question() -> None:
    assert commands("scans", None) == {
        "Query": ".venv/bin/python -m serving.client predict PICTURE.png --model scans"
    }
