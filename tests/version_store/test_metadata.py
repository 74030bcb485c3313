"""Locations of a metadata store: paths, connection URLs, and invalid ones."""

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2

from contract.errors import BadInputError
from tests.version_store.pushing import make_store, record_push
from version_store import metadata, sqlite_file
from version_store.metadata import connection, open_store, shown

SERVER = r"""
import socket, sys, time
behaviour = sys.argv[1]
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    if behaviour == "closed":
        server.close()
        time.sleep(60)
    taken = []
    while True:
        taken.append(server.accept()[0])
        if "greets" in behaviour:
            # Protocol::HandshakeV10 of MySQL's documentation.
            said = b"\x0a5.7.30\0\1\0\0\0abcdefgh\0\xff\xf7\x21\2\0\xff\x81\x15"
            said += bytes(10) + b"ijklmnopqrst\0mysql_native_password\0"
            taken[-1].sendall(len(said).to_bytes(3, "little") + b"\0" + said)
        if "hangs up" in behaviour:
            taken[-1].close()
"""

Sqlite = metadata_store_pb2.SqliteMetadataSourceConfig


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "metadata.sqlite"
    make_store(path)
    return str(path)


class TestUrl:
    def test_all_its_parts(self) -> None:
        config = connection("mysql://me:secret@db.example:3307/mlmd", read_only=True)
        assert config.mysql.host == "db.example"
        assert config.mysql.port == 3307
        assert config.mysql.database == "mlmd"
        assert (config.mysql.user, config.mysql.password) == ("me", "secret")
        assert config.mysql.skip_db_creation

    def test_without_a_port_it_is_mysqls(self) -> None:
        assert connection("mysql://me@db/mlmd", read_only=True).mysql.port == 3306

    def test_what_is_special_in_urls_is_quoted(self) -> None:
        url = "mysql://m%40e:a%2Fb%3A%40c@db/ml%20md"
        config = connection(url, read_only=True)
        assert (config.mysql.user, config.mysql.password) == ("m@e", "a/b:@c")
        assert config.mysql.database == "ml md"

    def test_an_address_of_version_6(self) -> None:
        config = connection("mysql://me@[::1]:3307/mlmd", read_only=True)
        assert (config.mysql.host, config.mysql.port) == ("::1", 3307)

    @pytest.mark.parametrize(
        ("url", "password"),
        [("mysql://me@db/mlmd", "of the environment"), ("mysql://me:it@db/mlmd", "it")],
    )
    def test_a_password_may_come_from_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, url: str, password: str
    ) -> None:
        monkeypatch.setenv("METADATA_PASSWORD", "of the environment")
        assert connection(url, read_only=True).mysql.password == password

    @pytest.mark.parametrize(
        "url",
        [
            "mysql://db/mlmd",
            "mysql://me@db",
            "mysql://me@db/",
            "mysql://me@/mlmd",
            "mysql://me@db:port/mlmd",
            "mysql://me@db:99999/mlmd",
            "mysql://me@db/mlmd/more",
            "mysql://me@db/mlmd?ssl=1",
            "postgres://me@db/mlmd",
        ],
    )
    def test_another_form_is_refused(self, url: str) -> None:
        with pytest.raises(BadInputError) as caught:
            connection(url, read_only=True)
        assert str(caught.value) == (
            f"{url.partition('?')[0]}: expected mysql://user:password@host:port/database"
        )

    def test_a_password_is_never_shown(self) -> None:
        assert shown("mysql://me:secret@db:3307/mlmd") == "mysql://me@db:3307/mlmd"
        with pytest.raises(BadInputError) as caught:
            connection("mysql://me:secret@db", read_only=True)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize(
        ("behaviour", "found"),
        [
            ("closed", "Connection refused"),
            ("silent", "no answer within 0.5 seconds"),
            ("hangs up", "it hangs up"),
            ("greets and is silent then", "no answer within 0.5 seconds"),
            ("greets and hangs up then", "no server there that lets this user in"),
        ],
    )
    def test_where_no_server_answers_one_line_says_why(
        self, monkeypatch: pytest.MonkeyPatch, behaviour: str, found: str
    ) -> None:
        monkeypatch.setattr(metadata, "PATIENCE_SECONDS", 0.5)
        # A separate process, as ML Metadata's library stops all threads of its own.
        with subprocess.Popen(
            [sys.executable, "-c", SERVER, behaviour],
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            with pytest.raises(BadInputError) as caught:
                open_store(f"mysql://me:secret@127.0.0.1:{port}/mlmd")
            server.kill()
        assert str(caught.value) == (
            f"mysql://me@127.0.0.1:{port}/mlmd: expected a metadata store, found: "
            f"{found}"
        )


class TestFile:
    def test_it_is_opened_so_that_nothing_can_be_written(self, database: str) -> None:
        store = open_store(database)
        assert list(store.get_contexts()) == []
        with pytest.raises(Exception, match="readonly"):
            store.put_context_type(metadata_store_pb2.ContextType(name="new"))

    def test_unless_something_is_to_be(self, database: str) -> None:
        store = open_store(database, read_only=False)
        store.put_context_type(metadata_store_pb2.ContextType(name="new"))
        assert [kind.name for kind in store.get_context_types()] == ["new"]

    def test_none_is_made_where_there_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "no.sqlite"
        for read_only in (True, False):
            with pytest.raises(BadInputError) as caught:
                open_store(str(path), read_only=read_only)
            assert str(caught.value) == (
                f"{path}: expected a metadata store, found: No such file or directory"
            )
        assert not path.exists()

    def test_one_that_somebody_holds_is_waited_for_and_not_for_ever(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite_file, "PATIENCE_SECONDS", 0.3)
        with contextlib.closing(sqlite3.connect(database)) as other:
            other.execute("begin exclusive")
            with pytest.raises(TimeoutError) as caught:
                open_store(database)
        assert str(caught.value) == (
            f"{database}: another process has held it for 0.3 seconds: end that one, "
            "or wait"
        )
        assert list(open_store(database).get_contexts()) == []

    def test_another_file_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("notes")
        with pytest.raises(BadInputError, match="found: file is not a database"):
            open_store(str(path))

    def test_a_database_of_something_else_is_refused(self, tmp_path: Path) -> None:
        path = str(tmp_path / "other.sqlite")
        with sqlite3.connect(path) as other:
            other.execute("create table t (x)")
        with pytest.raises(
            BadInputError, match="expected a metadata store, found another"
        ):
            open_store(path, read_only=False)
        with contextlib.closing(sqlite3.connect(path)) as other:
            found = other.execute("select name from sqlite_master").fetchall()
        assert found == [("t",)]


@pytest.mark.parametrize("name", ["a#b", "a%25b", "a?b", "my [v2]", "caf\u00e9"])
def test_a_path_may_have_what_means_something_in_a_uri(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()
    path = tmp_path / name / "metadata.sqlite"
    written = make_store(path)
    record_push(written, tmp_path / name / "models" / "scans" / "7")
    [artifact] = open_store(str(path)).get_artifacts_by_type("PushedModel")
    assert artifact.uri == f"{tmp_path / name}/models/scans/pushed_model"
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]
