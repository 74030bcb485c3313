"""The command line: tables, JSON, and one line for each error."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lineage.cli import main
from tests.version_store.pushing import push

REPOSITORY = Path(__file__).resolve().parents[2]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "output/models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def run(
    models: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        given = ["lineage", *arguments]
        if "--output" not in arguments:
            given += ["--output", str(models.parent)]
        monkeypatch.setattr("sys.argv", given)
        with pytest.raises(SystemExit) as caught:
            main()
        assert isinstance(caught.value.code, int)
        return (caught.value.code, *capfd.readouterr())

    return run


def test_list_in_a_pipe_is_a_row_a_line(run: Run, models: Path) -> None:
    version = push(models)
    code, printed, errors = run("list")
    header, row = printed.splitlines()
    assert (code, errors) == (0, "")
    assert header.split() == [
        *("when", "model", "run", "verdict", "version", "state", "accuracy")
    ]
    assert row.split()[2:] == [
        *("scans", "scans-of-weights", "pushed", str(version), "served", "0.9800")
    ]
    [entry] = json.loads(run("list", "--json")[1])
    assert (entry["kind"], entry["version"], entry["test_accuracy"]) == (
        "version",
        version,
        0.98,
    )


def test_show_says_what_is_unknown(run: Run, models: Path) -> None:
    version = push(models, commit="c0ffee", tree_clean=False)
    code, printed, errors = run("show", str(version))
    lines = [line.split() for line in printed.splitlines()]
    assert (code, errors) == (0, "")
    assert ["commit", "c0ffee"] in lines
    assert ["tree_clean", "no"] in lines
    assert ["data_fingerprint", "unknown"] in lines
    known = json.loads(run("show", str(version), "--json")[1])
    assert known["facts"]["commit"] == "c0ffee"
    assert known["facts"]["data_fingerprint"] is None


def test_diff_is_two_columns(run: Run, models: Path) -> None:
    first, second = push(models, "a", commit="c0"), push(models, "b", commit="c1")
    lines = [
        line.split() for line in run("diff", str(first), str(second))[1].split("\n")
    ]
    assert ["facts.commit", "c0", "c1"] in lines
    found = json.loads(run("diff", str(first), str(second), "--json")[1])
    assert found["facts.commit"] == {"a": "c0", "b": "c1"}
    same = run("diff", str(first), str(first))[1]
    assert same.startswith("nothing differs between scans version")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["show", "5"], "version 5: expected one on disk or on record, found "),
        (["show", "no"], "no: expected a version's number or a run on record"),
        (["diff", "5"], "Missing argument 'B'. (see --help)"),
        (["list", "--output", "no"], "no: expected metadata.sqlite, models or runs"),
        (["list", "--models", "no"], "no: expected a folder with models, found none"),
        (["list", "--metadata", "no"], "no: expected a metadata store, found: No such"),
        (["list", "--metadata", "mysql://db"], "mysql://db: expected mysql://user:"),
        (["lsit"], "No such command 'lsit'."),
    ],
)
def test_what_cannot_be_answered_is_one_line(
    run: Run, models: Path, arguments: list[str], expected: str
) -> None:
    push(models)
    code, printed, errors = run(*arguments)
    assert (code, printed, errors.count("\n")) == (2, "", 1)
    assert errors.startswith(f"error: {expected}")


def test_runs_that_were_refused_early_are_listed_without_a_store(
    run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "output/runs/scans-20261126-155726"
    folder.mkdir(parents=True)
    result = {"model": "scans", "started": 1.0, "exit_code": 2, "reasons": ["no"]}
    (folder / "result.json").write_text(json.dumps(result))
    code, printed, errors = run("list", "--output", str(tmp_path / "output"), "--json")
    assert (code, errors) == (0, "")
    [entry] = json.loads(printed)
    assert (entry["run"], entry["verdict"]) == (folder.name, "broken")


def test_neither_help_nor_a_list_nor_a_version_needs_tensorflow(models: Path) -> None:
    version = push(models)
    script = (
        "import sys\n"
        "from lineage import cli as lineage\n"
        "from version_store import cli as models\n"
        "for program, *arguments in (\n"
        "    (models, '--help'),\n"
        "    (lineage, 'list', '--output', sys.argv[1]),\n"
        "    (lineage, 'show', sys.argv[2], '--output', sys.argv[1]),\n"
        "    (models, 'list', '--output', sys.argv[1]),\n"
        "    (models, 'verify', '--output', sys.argv[1]),\n"
        "):\n"
        "    program.cli.main(arguments, standalone_mode=False)\n"
        "print('tensorflow' in sys.modules, 'tfx' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(models.parent), str(version)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False False"
