"""The results file grows, and refuses results of another machine or data set."""

from pathlib import Path

import pytest

from benchmarks.pipeline.measurements import Results, load, load_or_begin
from contract.errors import BadInputError

MACHINE = {"cores": "2"}
SETTINGS = {"data": "abc", "epochs": 25}


def test_what_is_saved_comes_back(tmp_path: Path, results: Results) -> None:
    path = tmp_path / "new" / "results.json"
    results.save(path)
    assert load(path) == results
    assert [file.name for file in path.parent.iterdir()] == ["results.json"]


def test_a_new_file_is_begun_and_an_old_one_added_to(
    tmp_path: Path, results: Results
) -> None:
    path = tmp_path / "results.json"
    begun = load_or_begin(path, MACHINE, SETTINGS)
    assert (begun.rounds, begun.settings) == ([], SETTINGS)
    begun.rounds += results.rounds
    begun.save(path)
    assert len(load_or_begin(path, MACHINE, SETTINGS).rounds) == 2


@pytest.mark.parametrize(
    ("machine", "settings", "found"),
    [
        (MACHINE, {**SETTINGS, "epochs": 1}, "settings epochs: 25, and now it is 1:"),
        ({"cores": "8"}, SETTINGS, "machine cores: 2, and now it is 8:"),
    ],
)
def test_rounds_of_something_else_are_not_mixed(
    tmp_path: Path, machine: dict[str, str], settings: dict[str, object], found: str
) -> None:
    path = tmp_path / "results.json"
    Results(machine=MACHINE, settings=SETTINGS).save(path)
    with pytest.raises(BadInputError, match=found):
        load_or_begin(path, machine, settings)


def test_what_is_no_results_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with pytest.raises(BadInputError, match="expected a results file: No such file"):
        load(path)
    path.write_text('{"machine": {}, "settings": {}, "round": []}')
    with pytest.raises(BadInputError, match=r"round: Extra inputs are not permitted$"):
        load(path)
