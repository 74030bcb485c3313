"""This machine is never reached through a proxy; a proxy in use is named."""

import http.server
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from serving.client import Client, Connection, ServingError
from serving.client.proxies import is_loopback, proxy_of
from tests.serving.client.fake_server import FakeServer


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("no_grpc_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("localhost:8500", True),
        ("LOCALHOST:8500", True),
        ("dns:///localhost:8500", True),
        ("ipv4:127.0.0.1:8500", True),
        ("127.1.2.3:8500", True),
        ("[::1]:8500", True),
        ("unix:/tmp/socket", True),
        ("models.example:8500", False),
        ("10.0.0.1:8500", False),
        ("[fe80::1]:8500", False),
        ("localhost.example:8500", False),
    ],
)
def test_what_this_machine_is_called(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_of("models.example:8500") is None
    monkeypatch.setenv("http_proxy", "http://me:secret@proxy.example:3128")
    assert proxy_of("models.example:8500") == "proxy.example:3128 (http_proxy)"
    assert proxy_of("localhost:8500") is None


@pytest.mark.parametrize(
    "excepted", ["models.example", "a.b, .example", "10.0.0.0/8,models.example"]
)
def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch, excepted: str) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", excepted)
    assert proxy_of("models.example:8500") is None
    assert proxy_of("models.other:8500") == "proxy.example:3128 (https_proxy)"


def test_a_network_in_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "10.0.0.0/8")
    assert proxy_of("10.1.2.3:8500") is None
    assert proxy_of("11.1.2.3:8500") is not None


def test_a_server_here_answers_in_spite_of_a_proxy(
    fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with Client(Connection(fake.address, retries=0)) as client:
        (answer,) = client.predict_images(np.zeros((1, 28, 28), np.uint8))
    assert answer.version == 3


def test_a_failure_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    connection = Connection("models.invalid:8500", retries=0)
    with (
        Client(connection) as client,
        pytest.raises(ServingError, match=r"through the proxy 127\.0\.0\.1:1 .http_p"),
    ):
        client.status()


@pytest.fixture
def http_port() -> Iterator[int]:
    """A server that speaks HTTP, such as TensorFlow Serving on its REST port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def test_the_port_of_rest_is_told_from_that_of_grpc(http_port: int) -> None:
    connection = Connection(f"localhost:{http_port}", retries=0)
    with (
        Client(connection) as client,
        pytest.raises(ServingError, match=r"the port of REST \(8501 .*gRPC \(8500"),
    ):
        client.status()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://localhost:8501", r"try localhost:8500 \(8501 is the port of REST"),
        ("HTTPS://me@models.example/v1/models/x", "try models.example:8500"),
        (" ", "got nothing"),
        ("localhost:99999", "a port is 1 to 65535, got localhost:99999"),
        ("[::1]:0", "a port is 1 to 65535"),
    ],
)
def test_a_url_is_no_address(address: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Connection(address)


def test_a_host_alone_is_asked_on_grpcs_port() -> None:
    assert Connection("models.example").address == "models.example:8500"
    assert Connection("[::1]").address == "[::1]:8500"
    assert Connection("unix:/a").address == "unix:/a"
