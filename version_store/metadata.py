"""The ML Metadata store: a sqlite file, or MySQL by a connection URL."""

import logging
import os
import posixpath
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from ml_metadata import errors
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from contract.command import first_line
from contract.errors import BadInputError
from contract.waiting import PATIENCE_SECONDS, awaited, told

PASSWORD_VARIABLE = "METADATA_PASSWORD"
"""Environment variable for the password that a URL leaves out."""

Store: TypeAlias = Any
"""A `metadata_store.MetadataStore`."""

ROLLBACK = "Rollback"
"""The type of an execution that made an older version the served one."""

DECISION = "VersionDecision"
"""The type of an execution that promoted or withdrew a version."""

PUSHED_MODEL = "PushedModel"
"""The type of an artifact that stands for a version."""

_SCHEME = "mysql"
_PORT = 3306
_RETRIES = 10
_SQLITE_MAGIC = b"SQLite format 3\0"


def open_store(location: str, *, read_only: bool = True) -> Store:
    """Connects to a store that exists.

    Args:
        location: Path of a sqlite file, or
            `mysql://user:password@host:port/database`.
        read_only: Whether nothing is to be written. A sqlite file is then opened
            so that nothing can be; for MySQL that is up to the user's rights.

    Raises:
        BadInputError: There is none, or it does not answer.
    """
    if location.startswith(f"{_SCHEME}:"):
        _check_server(location)
    # The client logs each error as well as raising it.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    config = connection(location, read_only=read_only)
    try:
        store = metadata_store.MetadataStore(config)
        store.get_context_types()
    except (errors.StatusError, RuntimeError) as error:
        # MLMD keeps MySQL's reason to itself where the connection failed.
        found = (
            "no server there that lets this user in"
            if "mysql_real_connect" in str(error)
            else first_line(error)
        )
        raise BadInputError(
            f"{shown(location)}: expected a metadata store, found: {found}"
        ) from None
    return store


@contextmanager
def answering() -> Iterator[None]:
    """Makes one clear line of a store's failure to answer in the block.

    Raises:
        BadInputError: It did not.
    """
    try:
        yield
    except errors.StatusError as error:
        raise BadInputError(f"metadata store: {first_line(error)}") from error


def connection(
    location: str, *, read_only: bool
) -> metadata_store_pb2.ConnectionConfig:
    """Returns how to connect to a store; see `open_store`."""
    config = metadata_store_pb2.ConnectionConfig()
    # A pipeline that runs next door writes for moments.
    config.retry_options.max_num_retries = _RETRIES
    if "://" in location:
        _fill_mysql(config.mysql, location)
    else:
        _check_sqlite(location)
        config.sqlite.filename_uri = location
        config.sqlite.connection_mode = (
            metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
            if read_only
            else metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE
        )
    return config


def shown(location: str) -> str:
    """Returns a store's location for people: without a password."""
    if "://" not in location:
        return location
    parts = urlsplit(location)
    user = f"{parts.username}@" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{user}{host}{parts.path}"


def _fill_mysql(config: metadata_store_pb2.MySQLDatabaseConfig, url: str) -> None:
    parts = _split(url)
    config.host = parts.hostname or ""
    config.port = parts.port or _PORT
    config.database = unquote(parts.path[1:])
    config.user = unquote(parts.username or "")
    password = unquote(parts.password or "") or os.environ.get(PASSWORD_VARIABLE, "")
    if password:
        config.password = password
    # Reading must not make a database.
    config.skip_db_creation = True


def _check_server(url: str) -> None:
    """Sees that a MySQL server greets, as the first word is its own.

    ML Metadata's library would wait for it for ever, deaf to Ctrl-C.

    Raises:
        BadInputError: It does not.
    """
    parts = _split(url)
    address = (parts.hostname, parts.port or _PORT)

    def greeted(heard: Callable[[], None]) -> bytes:
        with socket.create_connection(address, PATIENCE_SECONDS) as connection:
            return connection.recv(1)

    try:
        with told(f"waiting for {shown(url)}"):
            found = "" if awaited(greeted) else "it hangs up"
    except OSError as error:
        found = error.strerror or str(error)
    if found:
        raise BadInputError(f"{shown(url)}: expected a metadata store, found: {found}")


def _split(url: str) -> SplitResult:
    expected = f"{shown(url)}: expected {_SCHEME}://user:password@host:port/database"
    try:
        parts = urlsplit(url)
        complete = parts.hostname and parts.username and parts.path[1:]
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        raise BadInputError(expected) from None
    further = parts.query or parts.fragment or posixpath.sep in parts.path[1:]
    if parts.scheme != _SCHEME or not complete or not port_is_one or further:
        raise BadInputError(expected)
    return parts


def _check_sqlite(path: str) -> None:
    try:
        with open(path, "rb") as stream:
            start = stream.read(len(_SQLITE_MAGIC))
    except OSError as error:
        raise BadInputError(
            f"{path}: expected a metadata store, found: {error.strerror}"
        ) from error
    if start != _SQLITE_MAGIC:
        raise BadInputError(f"{path}: expected a sqlite file, found another one")
