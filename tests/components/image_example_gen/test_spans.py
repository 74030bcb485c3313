"""The spans of a pattern, and the window of spans that are read together."""

import os
from pathlib import Path

import pytest

from components.image_example_gen.spans import (
    choose,
    find,
    is_pattern,
    links,
    names_text,
    root,
)
from contract.errors import BadInputError


def names(pattern: str, marker: str = "") -> list[str]:
    return [span.name for span in find(pattern, marker)]


def make(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).mkdir(parents=True)


def test_spans_come_by_their_number(tmp_path: Path) -> None:
    make(tmp_path, "10", "9", "notes")
    assert names(f"{tmp_path}/{{SPAN}}") == ["9", "10"]


def test_a_span_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "day-3.npz").touch()
    (tmp_path / "day-3.npz.part").touch()
    [span] = find(f"{tmp_path}/day-{{SPAN}}.npz")
    assert (span.number, span.path) == (3, str(tmp_path / "day-3.npz"))


def test_a_folder_is_named_as_tfx_names_its_files(tmp_path: Path) -> None:
    make(tmp_path, "3")
    assert names(f"{tmp_path}/{{SPAN}}/*") == ["3"]


def test_a_day_has_the_number_that_tfx_gives_it(tmp_path: Path) -> None:
    make(tmp_path, "2026/11/26", "2025/12/31")
    first, second = find(f"{tmp_path}/{{YYYY}}/{{MM}}/{{DD}}")
    assert [first.name, second.name] == ["2025-12-31", "2026-11-26"]
    # The same number as tfx.components.example_gen.utils.date_to_span_number.
    assert second.number == 20783


def test_days_may_be_written_together(tmp_path: Path) -> None:
    make(tmp_path, "20261126", "20261127")
    assert names(f"{tmp_path}/{{YYYY}}{{MM}}{{DD}}") == ["2026-11-26", "2026-11-27"]


def test_a_day_that_is_none_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "2026-02-30")
    with pytest.raises(BadInputError, match=r"2026-02-30: expected a day, found"):
        find(f"{tmp_path}/{{YYYY}}-{{MM}}-{{DD}}")


def test_the_newest_version_of_a_span_counts(tmp_path: Path) -> None:
    make(tmp_path, "1/v1", "2/v1", "2/v9", "2/v10")
    pattern = f"{tmp_path}/{{SPAN}}/v{{VERSION}}"
    assert [s.name for s in choose(pattern, 5, (), "")] == ["1/1", "2/10"]


def test_the_same_span_twice_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "1", "01")
    with pytest.raises(BadInputError, match=r"expected one path for span 1, found"):
        find(f"{tmp_path}/{{SPAN}}")


def test_a_width_tells_it_from_other_names(tmp_path: Path) -> None:
    make(tmp_path, "1", "01")
    assert names(f"{tmp_path}/{{SPAN:2}}") == ["1"]


@pytest.mark.parametrize("there", ["{YYYY}-{MM}", "{SPAN}{YYYY}{MM}{DD}", "{VERSION}"])
def test_a_pattern_that_names_no_span_is_refused(tmp_path: Path, there: str) -> None:
    with pytest.raises(BadInputError, match=r"expected \{SPAN\}, or \{YYYY\}"):
        find(f"{tmp_path}/{there}")


def test_the_window_is_of_the_newest_that_there_are(tmp_path: Path) -> None:
    make(tmp_path, "1", "5", "9")
    pattern = f"{tmp_path}/{{SPAN}}"
    assert names_text(choose(pattern, 2, (), "")) == "5, 9"
    assert names_text(choose(pattern, 9, (), "")) == "1, 5, 9"


def test_spans_may_be_named(tmp_path: Path) -> None:
    make(tmp_path, "1/1", "1/2", "2/1")
    pattern = f"{tmp_path}/{{SPAN}}/{{VERSION}}"
    assert names_text(choose(pattern, 1, ("2", "1/1"), "")) == "1/1, 2/1"
    assert names_text(choose(pattern, 1, ("1",), "")) == "1/2"


def test_a_named_span_that_is_not_there_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "1")
    with pytest.raises(BadInputError, match=r"data.spans: 4: expected .*, found 1"):
        choose(f"{tmp_path}/{{SPAN}}", 1, ("4",), "")


def test_without_a_span_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"expected a span, found none"):
        choose(f"{tmp_path}/{{SPAN}}", 1, (), "")


def test_a_span_without_its_marker_is_not_there_yet(tmp_path: Path) -> None:
    make(tmp_path, "1", "2")
    (tmp_path / "1" / "_SUCCESS").touch()
    assert names(f"{tmp_path}/{{SPAN}}", "_SUCCESS") == ["1"]


def test_the_marker_of_a_file_lies_beside_it(tmp_path: Path) -> None:
    for name in ("1.npz", "2.npz", "2.npz_SUCCESS"):
        (tmp_path / name).touch()
    assert names(f"{tmp_path}/{{SPAN}}.npz", "_SUCCESS") == ["2"]


def test_a_half_written_version_leaves_the_one_before(tmp_path: Path) -> None:
    make(tmp_path, "1/1", "1/2")
    (tmp_path / "1" / "1" / "_SUCCESS").touch()
    assert names(f"{tmp_path}/{{SPAN}}/{{VERSION}}", "_SUCCESS") == ["1/1"]


def test_links_are_found_by_the_pattern_that_names_them(tmp_path: Path) -> None:
    make(tmp_path, "in/2026-11-26.2", "links")
    spans = find(f"{tmp_path}/in/{{YYYY}}-{{MM}}-{{DD}}.{{VERSION}}")
    pattern, paths = links(spans)
    for name, path in paths.items():
        os.symlink(path, tmp_path / "links" / name)
    assert names(f"{tmp_path}/links/{pattern}") == ["2026-11-26/2"]


def test_a_plain_path_names_no_spans() -> None:
    assert not is_pattern("incoming/{span}")
    assert root("incoming/new/{SPAN}.npz") == "incoming/new"
