"""A killed command loses at most one batch of its table and can continue it."""

import contextlib
import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from serving.client.errors import InputError
from serving.client.results import ClassAnswer
from serving.client.sources import Picture, Unreadable
from serving.client.table import COLUMNS, Table
from tests.serving.tasks import SHAPES

HEADER = ",".join(COLUMNS) + "\n"
PIXELS = np.zeros((12, 16, 3), np.uint8)


def answered(name: str, label: int = 3) -> tuple[Picture, ClassAnswer]:
    shares = [0.05] * 4
    shares[label] = 0.85
    answer = ClassAnswer(tuple(shares), "shapes", 7, SHAPES)
    return Picture(name, None, PIXELS), answer


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_rows_tell_class_probability_and_version(tmp_path: Path) -> None:
    with Table(tmp_path / "out.csv") as table:
        table.add([answered("a,b.png"), (Unreadable("c.npy", 4, "broken"), None)])
    first, second = rows(tmp_path / "out.csv")
    assert first == {
        "source": "a,b.png",
        "index": "",
        "class": "\N{GREEK SMALL LETTER PHI} wave",
        "class_id": "3",
        "probability": "0.85",
        "model": "shapes",
        "version": "7",
        "error": "",
    }
    assert (second["source"], second["index"], second["error"]) == (
        "c.npy",
        "4",
        "broken",
    )
    assert second["class"] == ""


def test_a_batch_is_on_the_disk_before_the_next(tmp_path: Path) -> None:
    with Table(tmp_path / "out.csv") as table:
        table.add([answered("a.png")])
        assert len(rows(tmp_path / "out.csv")) == 1


def test_what_is_there_is_known_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with Table(path) as table:
        table.add([answered("a.png"), (Unreadable("b.png", None, "broken"), None)])
    with Table(path) as again:
        assert again.has(Picture("a.png", None, PIXELS))
        assert again.has(Unreadable("b.png", None, ""))
        assert not again.has(Picture("a.png", 0, PIXELS))
        assert (again.errors, again.versions) == (1, {"shapes version 7"})
        again.add([answered("c.png", 0)])
    assert [row["source"] for row in rows(path)] == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("left", range(1, 36, 7))
def test_a_torn_row_is_cut_off(tmp_path: Path, left: int) -> None:
    path = tmp_path / "out.csv"
    with Table(path) as table:
        table.add([answered("a.png"), answered("b.png")])
    whole = path.read_bytes()
    path.write_bytes(whole[:-left])
    with Table(path) as again:
        assert again.has(Picture("a.png", None, PIXELS))
        assert not again.has(Picture("b.png", None, PIXELS))
        again.add([answered("b.png")])
    assert path.read_bytes() == whole


def test_a_torn_header_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text(HEADER[:9])
    with Table(path):
        pass
    assert path.read_text() == HEADER


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "hello", "\n", "\0\1\n"])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "out.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"out\.csv: expected"), Table(path):
        pass
    assert path.read_text() == content


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    table = Table(tmp_path / "gone" / "out.csv")
    with pytest.raises(InputError, match=r"out\.csv: No such file"), table:
        pass


def test_a_full_disk_is_one_line() -> None:
    table = Table(Path("/dev/full"))
    with pytest.raises(InputError, match="/dev/full: "), table:
        pass


class TestParquet:
    """Parquet is written at the end, from rows in a CSV file beside it."""

    def test_types_are_kept_and_empty_cells_are_null(self, tmp_path: Path) -> None:
        path = tmp_path / "out.parquet"
        with Table(path, parquet=True) as table:
            table.add([answered("a.png"), (Unreadable("b.npy", 2, "broken"), None)])
        found = pq.read_table(path)
        types = {field.name: str(field.type) for field in found.schema}
        assert types == COLUMNS
        assert found.column("class_id").to_pylist() == [3, None]
        assert found.column("index").to_pylist() == [None, 2]
        assert found.column("error").to_pylist() == [None, "broken"]
        assert sorted(tmp_path.iterdir()) == [path]

    def test_an_interrupted_one_is_gone_on_with(self, tmp_path: Path) -> None:
        path = tmp_path / "out.parquet"
        table = Table(path, parquet=True)
        with contextlib.suppress(KeyboardInterrupt), table:
            table.add([answered("a.png")])
            raise KeyboardInterrupt
        assert not path.exists()
        with Table(path, parquet=True) as again:
            assert again.has(Picture("a.png", None, PIXELS))
            again.add([answered("b.png")])
        assert pq.read_table(path).column("source").to_pylist() == ["a.png", "b.png"]

    def test_a_finished_one_is_gone_on_with(self, tmp_path: Path) -> None:
        path = tmp_path / "out.parquet"
        for name in ("a.png", "NA"):
            with Table(path, parquet=True) as table:
                table.add([answered(name)])
        assert pq.read_table(path).column("source").to_pylist() == ["a.png", "NA"]

    def test_a_file_of_something_else_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "out.parquet"
        path.write_bytes(b"something else")
        with (
            pytest.raises(InputError, match="expected Parquet"),
            Table(path, parquet=True),
        ):
            pass
        assert path.read_bytes() == b"something else"

    def test_without_rows_it_has_its_columns(self, tmp_path: Path) -> None:
        path = tmp_path / "out.parquet"
        with Table(path, parquet=True):
            pass
        assert pq.read_table(path).column_names == list(COLUMNS)
