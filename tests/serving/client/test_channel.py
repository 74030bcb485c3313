"""Connections: repeated tries, deadlines, unreachable servers, TLS."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from serving.client import (
    Client,
    Connection,
    InputError,
    ServingError,
    Tls,
)
from tests.serving.client.fake_server import FakeServer, serve
from tests.serving.client.pki import Pki

UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "the queue is full")


def test_unavailable_is_tried_again(ask: Callable, fake: FakeServer) -> None:
    fake.failures.extend([UNAVAILABLE, UNAVAILABLE])
    assert ask(fake.address, "mnist", lambda c: c.metadata()).version == 3
    assert fake.attempts == 3


def test_tries_are_bounded(ask: Callable, fake: FakeServer) -> None:
    fake.failures.extend([UNAVAILABLE] * 9)
    connection = Connection(fake.address, retries=2)
    with pytest.raises(ServingError, match="UNAVAILABLE: the queue is full"):
        ask(connection, "mnist", lambda c: c.metadata())
    assert fake.attempts == 3


def test_tries_end_with_the_deadline(ask: Callable, fake: FakeServer) -> None:
    fake.failures.extend([UNAVAILABLE] * 9)
    with pytest.raises(ServingError) as caught:
        ask(Connection(fake.address, timeout=0.5), "mnist", lambda c: c.metadata())
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert fake.attempts < 5  # all five attempts would take 3 s


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.FAILED_PRECONDITION,
    ],
)
def test_no_other_error_is_tried_again(
    ask: Callable, fake: FakeServer, code: grpc.StatusCode
) -> None:
    fake.failures.append((code, "no\nluck"))
    with pytest.raises(ServingError) as caught:
        ask(fake.address, "mnist", lambda c: c.metadata())
    assert caught.value.code is code
    assert caught.value.details == "no\nluck"
    assert str(caught.value) == f"{fake.address}: {code.name}: no luck"
    assert fake.attempts == 1


def test_a_slow_server_meets_the_deadline(ask: Callable, fake: FakeServer) -> None:
    fake.hold = threading.Event()
    try:
        with pytest.raises(ServingError) as caught:
            ask(Connection(fake.address, timeout=0.3), "mnist", lambda c: c.metadata())
    finally:
        fake.hold.set()
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_no_server_is_unavailable(ask: Callable) -> None:
    connection = Connection("localhost:1", retries=0)
    with pytest.raises(ServingError, match="Connection refused") as caught:
        ask(connection, "mnist", lambda c: c.status())
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_a_short_deadline_does_not_hide_that_nothing_listens(ask: Callable) -> None:
    # gRPC retries until the deadline, and then reports DEADLINE_EXCEEDED.
    with pytest.raises(ServingError, match="refused - is a server running") as caught:
        ask(Connection("localhost:1", timeout=0.5), "mnist", lambda c: c.status())
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_the_silent_address_of_a_name_is_not_hidden_by_the_refusing_one() -> None:
    refused = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE,
        grpc.aio.Metadata(),
        grpc.aio.Metadata(),
        "last error: ipv6:[::1]: Connection refused (111)",
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        failure = Connection(f"localhost:{silent.getsockname()[1]}").failure(refused)
    assert "at another address of that name speaks no gRPC" in str(failure)


@pytest.mark.parametrize(
    "settings", [{"timeout": 0}, {"timeout": float("nan")}, {"retries": 5}]
)
def test_a_connection_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Connection("localhost:1", **settings)


class TestTls:
    """TLS, mutual TLS, and the errors of both."""

    @pytest.fixture(scope="class")
    def pki(self, tmp_path_factory: pytest.TempPathFactory) -> Pki:
        return Pki.make(tmp_path_factory.mktemp("pki"))

    @pytest.fixture
    def secure(self, pki: Pki) -> Iterator[FakeServer]:
        """A server for "digits.test" that wants a client certificate."""
        fake = FakeServer()
        credentials = grpc.ssl_server_credentials(
            [(pki.server_key.read_bytes(), pki.server_cert.read_bytes())],
            pki.ca.read_bytes(),
            require_client_auth=True,
        )
        server = serve(fake, credentials)
        yield fake
        server.stop(None)

    def test_both_sides_show_a_certificate(
        self, ask: Callable, secure: FakeServer, pki: Pki
    ) -> None:
        tls = Tls(pki.ca, pki.client_cert, pki.client_key, "digits.test")
        connection = Connection(secure.address, tls)
        assert ask(connection, "mnist", lambda c: c.metadata()).version == 3

    def test_the_wrong_name_is_refused(
        self, ask: Callable, secure: FakeServer, pki: Pki
    ) -> None:
        tls = Tls(pki.ca, pki.client_cert, pki.client_key, "other.test")
        connection = Connection(secure.address, tls, retries=0)
        with pytest.raises(ServingError, match="UNAVAILABLE"):
            ask(connection, "mnist", lambda c: c.metadata())

    def test_no_client_certificate_is_refused(
        self, ask: Callable, secure: FakeServer, pki: Pki
    ) -> None:
        tls = Tls(pki.ca, server_name="digits.test")
        connection = Connection(secure.address, tls, retries=0)
        with pytest.raises(ServingError, match="UNAVAILABLE"):
            ask(connection, "mnist", lambda c: c.metadata())

    def test_a_certificate_needs_its_key(self, pki: Pki) -> None:
        with pytest.raises(InputError, match="needs its key"):
            Client(Connection(tls=Tls(cert=pki.client_cert)))

    def test_a_file_that_is_no_pem_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "ca.pem"
        path.write_text("nothing")
        with pytest.raises(InputError, match=r"ca\.pem: expected a PEM file"):
            Client(Connection(tls=Tls(ca=path)))

    def test_the_certificates_are_real(self, pki: Pki) -> None:
        context = ssl.create_default_context(cafile=str(pki.ca))
        context.load_cert_chain(pki.client_cert, pki.client_key)
        assert len(context.get_ca_certs()) == 1
