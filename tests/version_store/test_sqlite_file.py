"""A metadata store is known as one, whole and with its last number, before its use."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from contract.errors import BadInputError
from tests.version_store.pushing import make_store, record_execution
from version_store.sqlite_file import highest_execution, is_new, reading


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


KILLED_WHILE_IT_WRITES = """
import os, signal, sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("pragma cache_size = 2")  # so that pages are written before the end
store.execute("begin")
store.execute("update Execution set type_id = 7")
store.execute("create table t as select randomblob(100000)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_had_not_finished_is_undone(database: str) -> None:
    with reading(database) as store:
        before = store.execute("select type_id from Execution").fetchall()
    command = [sys.executable, "-c", KILLED_WHILE_IT_WRITES, database]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert os.path.getsize(f"{database}-journal")
    assert highest_execution(database) == 1
    with reading(database) as store:
        assert store.execute("select type_id from Execution").fetchall() == before


def test_nobody_writes_while_it_is_read(database: str) -> None:
    with (
        reading(database),
        contextlib.closing(sqlite3.connect(database, timeout=0)) as other,
    ):
        other.execute("delete from Execution")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.commit()


def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    (tmp_path / "new.sqlite").touch()
    assert highest_execution(str(tmp_path / "new.sqlite")) == 0


KILLED_WHILE_IT_MAKES_TABLES = """
import os, signal, sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("pragma cache_size = 2")  # so that pages are written before the end
store.execute("begin")
store.execute("create table Execution as select randomblob(100000)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_whose_tables_were_not_finished_is_a_new_store(tmp_path: Path) -> None:
    path = str(tmp_path / "new.sqlite")
    command = [sys.executable, "-c", KILLED_WHILE_IT_MAKES_TABLES, path]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert os.path.getsize(path)
    assert is_new(path)
    assert highest_execution(path) == 0


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
