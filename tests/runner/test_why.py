"""`why` works with paths that contain characters with a meaning in URIs."""

from pathlib import Path

import pytest

from runner import why
from tests.version_store.pushing import make_store, record_execution
from version_store.sqlite_file import highest_execution


@pytest.mark.parametrize("name", ["a#b", "a%25b", "a?mode=rwc", "my [v2]"])
def test_the_copy_of_the_store_is_of_the_one_that_was_named(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()
    database = tmp_path / name / "metadata.sqlite"
    number = record_execution(make_store(database))
    with why._copy_of(str(database)) as copy:
        assert highest_execution(copy) == number
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_where_there_is_no_store_there_is_no_copy(tmp_path: Path) -> None:
    with why._copy_of(str(tmp_path / "metadata.sqlite")) as copy:
        assert not Path(copy).exists()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    (tmp_path / "metadata.sqlite").touch()
    with why._copy_of(str(tmp_path / "metadata.sqlite")) as copy:
        assert not Path(copy).exists()
