"""Reads ML Metadata's sqlite file without its library, which says little and is slow.

The library creates its tables in any database that it is given, and waits for a locked
one without a message and without reacting to Ctrl-C.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.errors import BadInputError
from contract.special_files import file_only
from contract.waiting import PATIENCE_SECONDS, told

_TABLE = "Execution"
_POLL_SECONDS = 0.2


@contextmanager
def reading(path: str) -> Iterator[sqlite3.Connection]:
    """Opens a metadata store to read it; waits while another process writes to it.

    No other process can write until the block ends. A transaction of a killed process
    is undone, for which sqlite must be allowed to write (sqlite.org/lockingv3.html,
    "hot journals"); where it is not allowed to, it opens the file read-only by itself.

    Raises:
        BadInputError: There is no such file, or it is no metadata store, or damaged.
        TimeoutError: Another process holds it for too long.
    """
    with _opened(path) as (database, tables):
        if _TABLE not in tables:
            raise BadInputError(
                f"{path}: expected a metadata store, found another database"
            )
        yield database


@contextmanager
def _opened(path: str) -> Iterator[tuple[sqlite3.Connection, set[str]]]:
    """Opens a database as `reading` does; yields it and the names of its tables."""
    _check(path)
    # `as_uri` quotes letters of the path that have a meaning in a URI.
    uri = f"{Path(path).absolute().as_uri()}?mode=rw"
    with contextlib.ExitStack() as opened:
        with _damage_told(path):
            database = sqlite3.connect(uri, timeout=_POLL_SECONDS, uri=True)
            opened.enter_context(contextlib.closing(database))
            database.execute("pragma query_only = on")
            database.execute("begin")
            tables = _tables(path, database)
        yield database, tables


def is_new(path: str) -> bool:
    """Tells whether an existing database has no tables, as ML Metadata makes them.

    It is an empty file, or a process was killed while it made them.

    Raises:
        BadInputError: It is no database; see also `reading`.
    """
    if os.path.isfile(path) and not os.path.getsize(path):
        return True
    with _opened(path) as (_, tables):
        return not tables


def highest_execution(path: str) -> int:
    """Returns the highest number that a metadata store gave to an execution.

    It is 0 for a new store; see `is_new`.

    Raises:
        BadInputError: It is no metadata store, or it is damaged; see also `reading`.
    """
    if is_new(path):
        return 0
    with reading(path) as database, _damage_told(path):
        [(first,), *_] = database.execute("pragma quick_check(1)").fetchall()
        if first != "ok":
            raise BadInputError(f"{path}: expected a metadata store, found: {first}")
        # sqlite keeps the highest number of each table there, of removed rows as well
        # (https://www.sqlite.org/autoinc.html).
        found = database.execute(
            "select seq from sqlite_sequence where name = ?", (_TABLE,)
        ).fetchone()
        return int(found[0]) if found else 0


@contextmanager
def _damage_told(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise BadInputError(
            f"{path}: expected a metadata store, found: {error}"
        ) from error


def _check(path: str) -> None:
    try:
        with open(path, "rb", opener=file_only):
            pass
    except OSError as error:
        raise BadInputError(
            f"{path}: expected a metadata store, found: {error.strerror}"
        ) from error


def _tables(path: str, database: sqlite3.Connection) -> set[str]:
    """Returns the names of the tables, once no other process holds the file.

    A run holds it for moments.

    Raises:
        TimeoutError: The file is held for too long.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    with told(f"waiting for {path}, which another process writes to"):
        while True:
            try:
                found = database.execute("select name from sqlite_master").fetchall()
                return {name for (name,) in found}
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                if time.monotonic() >= until:
                    raise TimeoutError(
                        f"{path}: another process has held it for "
                        f"{PATIENCE_SECONDS:g} seconds: end that one, or wait"
                    ) from None
