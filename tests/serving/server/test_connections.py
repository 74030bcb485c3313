"""Silent clients are dropped, and the log is limited."""

from __future__ import annotations

import logging
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from serving.server.log_bound import LogBound
from tests.serving.server.running import RunningServer, eventually, free_port
from tests.serving.server.saved_models import save_adder

ROOT = Path(__file__).parents[3]
GET = b"GET /v1/models/adder HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def impatient(library: Path) -> Iterator[RunningServer]:
    with RunningServer(
        model_name="adder",
        model_base_path=str(library / "adder"),
        rest_api_timeout_in_ms=600,
        max_rest_connections=10,
    ) as server:
        yield server


def connect(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.options.rest_api_port), 20)


def is_dropped(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


class TestSilence:
    @pytest.mark.parametrize(
        "said",
        [b"", b"GET /v1/mo", b"POST / HTTP/1.1\r\nContent-", GET],
        ids=["nothing", "half a line", "half a head", "nothing after an answer"],
    )
    def test_it_is_ended(self, impatient: RunningServer, said: bytes) -> None:
        with connect(impatient) as connection:
            connection.sendall(said)
            if said == GET:
                assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
            assert is_dropped(connection)

    def test_a_head_in_drops_is_ended(self, impatient: RunningServer) -> None:
        start = time.monotonic()
        with connect(impatient) as connection:
            try:
                while time.monotonic() - start < 20:
                    connection.sendall(b"G")
                    time.sleep(0.1)
            except OSError:
                return
        raise AssertionError("it was never ended")

    def test_a_body_that_never_comes(self, impatient: RunningServer) -> None:
        with connect(impatient) as connection:
            connection.sendall(
                b"POST /v1/models/adder:predict HTTP/1.1\r\nHost: x\r\n"
                b"Content-Length: 99\r\n\r\n{"
            )
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 504")


class TestBound:
    def test_a_new_client_replaces_the_one_idle_longest(
        self, impatient: RunningServer
    ) -> None:
        with ExitStack() as stack:
            idle = [stack.enter_context(connect(impatient)) for _ in range(30)]
            assert impatient.rest("/v1/models/adder")[0] == 200
            assert all(map(is_dropped, idle))

    def test_few_files_and_many_connections(self, tmp_path: Path) -> None:
        """The server of `ulimit -n 256` answers, and its log stays small."""
        save_adder(tmp_path / "1", 1.0, only=("serving_default",))
        port = free_port()
        log = tmp_path / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "serving.server", "--model_name=adder"),
                    *(f"--model_base_path={tmp_path}", f"--rest_api_port={port}"),
                    f"--port={free_port()}",
                ],
                cwd=ROOT,
                stdout=out,
                stderr=out,
                preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_NOFILE, (256, 256)
                ),
            )
        try:
            eventually(lambda: b"Exporting HTTP/REST API" in log.read_bytes(), 90)
            with ExitStack() as stack:
                for _ in range(400):
                    one = socket.create_connection(("127.0.0.1", port), 20)
                    stack.enter_context(one)
                with socket.create_connection(("127.0.0.1", port), 20) as asked:
                    asked.sendall(GET)
                    assert asked.recv(1 << 16).startswith(b"HTTP/1.1 200")
            for _ in range(120):
                with socket.create_connection(("127.0.0.1", port), 20) as bad:
                    bad.sendall(
                        b"POST /v1/models/adder:predict HTTP/1.1\r\nHost: x\r\n"
                        b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"
                    )
                    bad.recv(1 << 16)
            assert os.path.getsize(log) < 30_000
        finally:
            process.kill()
            process.wait()


class TestLog:
    @pytest.fixture
    def lines(self) -> Iterator[list[str]]:
        found: list[str] = []

        class Collector(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                found.append(self.format(record))

        handler = Collector()
        handler.addFilter(LogBound())
        logger = logging.getLogger("aiohttp.test_log_bound")
        logger.propagate = False
        logger.addHandler(handler)
        yield found
        logger.removeHandler(handler)

    def test_a_line_again_and_again_is_left_out(self, lines: list[str]) -> None:
        logger = logging.getLogger("aiohttp.test_log_bound")
        for number in range(500):
            logger.error("again %d", number)
        assert len(lines) < 60
        logger.error("another place")
        assert lines[-1] == "another place"

    def test_tracebacks_of_malformed_http_are_too(self, lines: list[str]) -> None:
        logger = logging.getLogger("aiohttp.test_log_bound")
        try:
            raise ValueError("bad")
        except ValueError:
            logger.exception("Error handling request")
        assert lines == ["Error handling request"]
