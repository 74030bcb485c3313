"""The command line: bad input in one line, results shown again."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.pipeline.cli import in_turn
from benchmarks.pipeline.contenders import ALL
from benchmarks.pipeline.measurements import Results
from benchmarks.pipeline.process import ROOT


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.pipeline", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "expected --data, the folder with MNIST's files"),
        (("--only=notebok",), "'notebok': expected some of notebook, stock, pipeline,"),
        (("--only=rerun",), "rerun: expected pipeline, which it reuses, as well"),
        (("--growth=1,x",), "'1,x': expected numbers of 1 to 49, as 1,4,16"),
        (("--render=nowhere.json",), "nowhere.json: expected a results file: No such"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], line: str) -> None:
    result = bench(*arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert line in result.stderr


def test_a_results_file_is_shown_again(tmp_path: Path, results: Results) -> None:
    path = tmp_path / "results.json"
    results.save(path)
    shown = bench(f"--render={path}")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "whole run, of the notebook's" in shown.stdout
    assert bench(f"--render={path}", "--strict").returncode == 1


def test_every_round_begins_with_another_contender() -> None:
    names = list(ALL)
    orders = [in_turn(names, number) for number in range(6)]
    assert orders[0] == names
    assert len({order[0] for order in orders}) == 6
    for order in orders:
        assert sorted(order) == sorted(names)
        assert order.index("rerun") == order.index("pipeline") + 1


def test_some_contenders_alone() -> None:
    assert in_turn(["notebook", "limit"], 1) == ["limit", "notebook"]
    assert in_turn([], 3) == []
