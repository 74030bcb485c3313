"""The command line: one line for bad input; contenders take turns."""

import subprocess
import sys

import pytest

from benchmarks.pipeline.cli import in_turn
from benchmarks.pipeline.contenders import ALL
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
        ((), "Missing option '--data'"),
        (
            ("--data=.", "--only=notebok"),
            "'notebok': expected some of notebook, stock, pipeline,",
        ),
        (("--data=.", "--growth=1,x"), "'1,x': expected numbers of 1 to 28, as 1,4,16"),
        (
            ("--data=.", "--watch=job server"),
            "'job server': expected NAME=PID of a process",
        ),
        (("--data=nowhere",), "'nowhere' does not exist"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], line: str) -> None:
    result = bench(*arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert line in result.stderr


def test_every_round_begins_with_another_contender() -> None:
    names = list(ALL)
    orders = [in_turn(names, number) for number in range(4)]
    assert orders[0] == names
    assert len({order[0] for order in orders}) == 4
    for order in orders:
        assert sorted(order) == sorted(names)


def test_some_contenders_alone() -> None:
    assert in_turn(["notebook", "stock"], 1) == ["stock", "notebook"]
    assert in_turn([], 3) == []
