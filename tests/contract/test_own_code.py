"""A user's code is found and run; its errors name its own file and line."""

import sys
from pathlib import Path

import pytest

from contract.errors import BadInputError
from contract.metric import make_metric, try_metric
from contract.own_code import imported, told

METRIC = """import numpy as np

from contract.metric import Metric
from scale import SCALE


class Mine(Metric):
    def of_confusion(self, confusion):
        return float(np.trace(confusion) * SCALE)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the user, with a metric in it."""
    (tmp_path / "mine.py").write_text(METRIC)
    (tmp_path / "scale.py").write_text("SCALE = 2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_class_of_a_file_finds_what_lies_beside_it(folder: Path) -> None:
    import numpy as np

    assert make_metric("mine.py:Mine", {}).of_confusion(np.eye(3)) == 6
    assert "scale" not in sys.modules


def test_an_error_names_the_persons_own_line_without_colours(folder: Path) -> None:
    (folder / "net.py").write_text(
        "import json\n\n\ndef build():\n    return json.loads('\\x1b[1m{')\n"
    )
    with (
        imported("training.model", "net.py:build") as build,
        pytest.raises(BadInputError) as caught,
        told("training.model", "net.py:build"),
    ):
        build()
    assert str(caught.value).startswith("training.model: net.py:build: JSONDecodeError")
    assert str(caught.value).endswith(" (net.py, line 5)")
    with (
        pytest.raises(BadInputError, match=r"ValueError: of a layer$"),
        told("training.model", "net.py:build"),
    ):
        raise ValueError("\x1b[1mof\x1b[0m a layer")


def test_what_a_file_fails_with_as_it_is_imported_is_told(folder: Path) -> None:
    (folder / "mine.py").write_text(METRIC.replace("SCALE\n", "NOTHING\n", 1))
    with pytest.raises(BadInputError, match=r"ImportError: .*\(mine.py, line 4\)$"):
        make_metric("mine.py:Mine", {})


OF_CONFUSION = """
    def of_confusion(self, confusion):
        return confusion[4, 9] / confusion[4].sum()
"""

OF_ROWS = """
    def per_row(self, labels, probabilities):
        return probabilities[:, 9:10]

    def of_sums(self, sums, rows):
        return sums[0] / rows
"""


@pytest.mark.parametrize("methods", [OF_CONFUSION, OF_ROWS])
def test_a_metric_that_does_not_fit_the_task_is_told_by_its_line(
    folder: Path, methods: str
) -> None:
    head = METRIC.partition("    def")[0]
    (folder / "mine.py").write_text(head + methods)
    try_metric("mine.py:Mine", {}, 10)
    where = r"^gates.metrics: mine.py:Mine: IndexError: .*\(mine.py, line \d+\)$"
    with pytest.raises(BadInputError, match=where):
        try_metric("mine.py:Mine", {}, 4)
