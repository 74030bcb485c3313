"""Opens the ML Metadata store: a sqlite file, or MySQL by a connection URL."""

import logging
import os
import posixpath
import select
import subprocess
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from ml_metadata import errors
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from contract.command import first_line
from contract.errors import BadInputError
from contract.waiting import PATIENCE_SECONDS
from serving.launch import code
from version_store.sqlite_file import reading

PASSWORD_VARIABLE = "METADATA_PASSWORD"
"""Environment variable for the password if the URL has none."""

Store: TypeAlias = Any
"""A `metadata_store.MetadataStore`."""

ROLLBACK = "Rollback"
"""Type of an execution that made an older version the served one."""

DECISION = "VersionDecision"
"""Type of an execution that promoted or withdrew a version."""

PUSHED_MODEL = "PushedModel"
"""Type of an artifact that represents a version."""

_SCHEME = "mysql"
_PORT = 3306
_RETRIES = 10
_SAID_SECONDS = 0.5
"""Seconds to wait for the relay's reason, which it prints before it hangs up."""


def open_store(location: str, *, read_only: bool = True) -> Store:
    """Connects to an existing store.

    Args:
        location: Path of a sqlite file, or
            `mysql://user:password@host:port/database`.
        read_only: Whether nothing will be written. A sqlite file is then opened
            read-only; for MySQL that depends on the user's rights.

    Raises:
        BadInputError: There is no store, or it does not answer.
        TimeoutError: Another process holds a sqlite file for too long.
    """
    # The client logs each error in addition to raising it.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    config = connection(location, read_only=read_only)
    if config.HasField("sqlite"):
        # The library would wait for a writer without a message, and make its tables in
        # any database.
        with reading(location):
            pass
    relay = _Relay(location, config.mysql) if config.HasField("mysql") else None
    try:
        store = metadata_store.MetadataStore(config)
        store.get_context_types()
    except (errors.StatusError, RuntimeError) as error:
        reason = relay.reason() if relay else ""
        # MLMD does not pass on MySQL's reason for a failed connection.
        if not reason and "mysql_real_connect" in str(error):
            reason = "no server there that lets this user in"
        if relay:
            relay.end()
        if "readonly database" in str(error):
            raise BadInputError(
                f"{location}: expected a metadata store, found: an incomplete one, "
                "which the next run completes, or another program's"
            ) from None
        raise BadInputError(
            f"{shown(location)}: expected a metadata store, found: "
            f"{reason or first_line(error)}"
        ) from None
    if relay:
        weakref.finalize(store, relay.end)
    return store


class _Relay:
    """The process of `version_store.relay`; it ends with this process at the latest.

    Its address replaces the server's in `config`.
    """

    def __init__(
        self, location: str, config: metadata_store_pb2.MySQLDatabaseConfig
    ) -> None:
        words = (config.host, str(config.port), shown(location), str(PATIENCE_SECONDS))
        self._process = subprocess.Popen(
            [*code.command("version_store.relay"), *words],
            env={**os.environ, **code.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        config.host, config.port = "127.0.0.1", int(self._line() or 0)

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def reason(self) -> str:
        """Returns why the relay hung up; empty if it did not."""
        assert self._process.stdout is not None
        came, _, _ = select.select([self._process.stdout], [], [], _SAID_SECONDS)
        return self._line() if came else ""

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def answering() -> Iterator[None]:
    """Turns a store's failure to answer in the block into one clear line.

    Raises:
        BadInputError: The store did not answer.
    """
    try:
        yield
    except errors.StatusError as error:
        raise BadInputError(f"metadata store: {first_line(error)}") from error


def connection(
    location: str, *, read_only: bool
) -> metadata_store_pb2.ConnectionConfig:
    """Returns the configuration of a connection to a store; see `open_store`."""
    config = metadata_store_pb2.ConnectionConfig()
    # A pipeline that runs at the same time holds the database for short moments.
    config.retry_options.max_num_retries = _RETRIES
    if "://" in location:
        _fill_mysql(config.mysql, location)
    else:
        config.sqlite.filename_uri = location
        config.sqlite.connection_mode = (
            metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
            if read_only
            else metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE
        )
    return config


def shown(location: str) -> str:
    """Returns a store's location without the password, for messages."""
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
    # A command that reads must not create a database.
    config.skip_db_creation = True


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
