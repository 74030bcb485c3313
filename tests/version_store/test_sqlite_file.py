"""A metadata store is known as one, whole and with its last number, before its use."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from contract.errors import BadInputError
from tests.version_store.pushing import make_store, record_execution
from version_store.sqlite_file import highest_execution, reading


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "metadata.sqlite"
    assert record_execution(make_store(path)) == 1
    return str(path)


def test_it_is_read_and_not_written(database: str) -> None:
    with reading(database) as store:
        assert store.execute("select count(*) from Execution").fetchone() == (1,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            store.execute("delete from Execution")


def test_the_highest_number_stays_when_its_execution_is_removed(database: str) -> None:
    assert highest_execution(database) == 1
    with contextlib.closing(sqlite3.connect(database)) as store:
        store.execute("delete from Execution")
        store.commit()
    assert highest_execution(database) == 1


def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    (tmp_path / "new.sqlite").touch()
    assert highest_execution(str(tmp_path / "new.sqlite")) == 0


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:6000])


def _overwrite(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xa5" * (len(content) - 8192))


def _exchange(path: Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("create table t (x)")


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("harm", [_cut, _overwrite, _exchange, _loop])
def test_what_is_no_whole_store_is_refused(database: str, harm: object) -> None:
    assert callable(harm)
    harm(Path(database))
    with pytest.raises(BadInputError, match=f"^{database}: expected a metadata store"):
        highest_execution(database)
