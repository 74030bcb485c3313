"""The examples of docs/your-own-data.md work as printed."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from components.task_schema_gen.schema import parse_judgement
from pipeline.config import load_config
from pipeline.schema.__main__ import main as schema
from runner.cli import cli

PAGE = Path(__file__).resolve().parents[2] / "docs" / "your-own-data.md"
_ALL = re.MULTILINE | re.DOTALL
_SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", _ALL)
_BLOCK = re.compile(r"^```(python)?\n(.*?)^```", _ALL)

SECTIONS = dict(_SECTION.findall(PAGE.read_text("utf-8")))


def run(title: str) -> list[str]:
    """Makes a section's data and runs its last block; returns the output.

    If the block is a run, only its flags are checked, and nothing is trained.
    """
    blocks = _BLOCK.findall(SECTIONS[title])
    for language, content in blocks:
        if language:
            exec(compile(content, title, "exec"), {})
    printed = []
    for line in blocks[-1][1].splitlines():
        program, *arguments = shlex.split(line.removeprefix(".venv/bin/python "))
        if program == "-m":
            assert arguments.pop(0) == "pipeline.schema"
            result = CliRunner().invoke(schema, arguments, catch_exceptions=False)
        else:
            assert program == "local_runner.py"
            if arguments[0] != "check":
                arguments.insert(0, "check")
            result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        printed.append(result.output)
    return printed


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_another_form_of_files() -> None:
    looked_at, to_run = run("Another form of files")
    assert "8x8 grey, 10 classes of digits: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in looked_at
    assert "model: scans: nothing is served under that name" in looked_at
    assert to_run == looked_at


def test_letters() -> None:
    printed, to_run = run("Letters")
    assert "would stop a run" not in to_run
    assert "28x28 grey, 26 classes of letters: A, B, C" in printed
    assert re.search(r"^Z +96 +24 +30$", printed, re.MULTILINE)


def test_colour() -> None:
    (printed,) = run("Colour")
    assert "12x16 colour, 4 classes of shapes: disc, box, bar, frame" in printed
    assert Path("output/check-shapes.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_of_pictures() -> None:
    (printed,) = run("A folder of pictures")
    assert "32x32 colour, 2 classes of images: beach, forest" in printed
    assert re.search(r"^forest +13 +3 +4$", printed, re.MULTILINE)


def test_a_schema_of_your_own() -> None:
    run("Another form of files")
    run("A schema of your own")
    parse_judgement(Path("scans.pbtxt").read_text("utf-8"), "scans.pbtxt")


def test_a_metric_with_a_bound() -> None:
    [toml] = re.findall(r"^```toml\n(.*?)^```", SECTIONS["A metric with a bound"], _ALL)
    Path("run.toml").write_text(toml)
    bounds = {bound.name: bound for bound in load_config("run.toml").gates.bounds()}
    assert bounds["macro_f1"].bound == 0.85
