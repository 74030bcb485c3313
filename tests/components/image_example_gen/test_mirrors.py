"""Downloads from mirrors that are dead, slow, cut off, or send wrong data."""

import contextlib
import gzip
import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from components.image_example_gen import mirrors
from components.image_example_gen.mirrors import MirrorsUnreachableError
from tests.serving.client.pki import Pki

PAYLOADS = {"train-images": b"pixels of digits", "train-labels": b"digits"}
GOOD = {name + ".gz": gzip.compress(body) for name, body in PAYLOADS.items()}

Answer = tuple[int, bytes]


@dataclass
class Mirror:
    """A real server on this machine.

    Attributes:
        answers: The answers by file, sent one after another; the last one is repeated.
        asked: The requested files, in order.
        cut: Number of bytes of a body after which the connection is closed.
    """

    answers: dict[str, list[Answer]]
    asked: list[str] = field(default_factory=list)
    cut: int | None = None
    address: str = ""

    @property
    def host(self) -> str:
        return self.address.split("/")[2]

    def answer(self, name: str) -> Answer:
        self.asked.append(name)
        planned = self.answers.get(name, [(404, b"not here")])
        return planned.pop(0) if len(planned) > 1 else planned[0]


def serving(mirror: Mirror) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = mirror.answer(self.path.rpartition("/")[2])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: mirror.cut])

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Ignores errors, as in some tests the client closes the connection."""

    server = Server(("127.0.0.1", 0), Handler)
    mirror.address = f"http://127.0.0.1:{server.server_port}/mnist/"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


@pytest.fixture
def start() -> Iterator[Callable[..., Mirror]]:
    """Returns a function that starts a mirror; without answers it has both files."""
    servers = []

    def start(cut: int | None = None, **answers: list[Answer]) -> Mirror:
        planned = {name: [(200, body)] for name, body in GOOD.items()}
        planned |= {
            name.replace("_", "-") + ".gz": list(a) for name, a in answers.items()
        }
        mirror = Mirror(planned, cut=cut)
        servers.append(serving(mirror))
        return mirror

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def tiny_payloads(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {n: hashlib.sha256(b).hexdigest() for n, b in PAYLOADS.items()}
    monkeypatch.setattr(mirrors, "PAYLOAD_SHA256", digests)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "mnist"


def fetch(folder: Path, *tried: Mirror) -> None:
    addresses = [mirror.address for mirror in tried]
    mirrors.download(str(folder), mirrors=addresses, back_off_seconds=0)


def fetched(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:12]


def test_every_file_comes_from_the_first_mirror_that_has_it(
    start: Callable[..., Mirror], folder: Path
) -> None:
    first, second = start(), start()
    fetch(folder, first, second)
    assert fetched(folder) == GOOD
    assert (first.asked, second.asked) == (list(GOOD), [])


def test_progress_tells_how_far_each_file_is(
    start: Callable[..., Mirror], folder: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    mirror = start()
    mirrors.download(
        str(folder), lambda *step: told.append(step), mirrors=[mirror.address]
    )
    assert told == [
        (f"{name} from {mirror.host}", size, size)
        for name in PAYLOADS
        for done in [len(GOOD[name + ".gz"])]
        for size in [0, done]
    ]


def test_a_dead_mirror_is_passed_over(
    start: Callable[..., Mirror], folder: Path
) -> None:
    # A port that was just released.
    server = serving(gone := Mirror({}))
    server.shutdown()
    server.server_close()
    fetch(folder, gone, start())
    assert fetched(folder) == GOOD


other = gzip.compress(b"other digits")


@pytest.mark.parametrize(
    ("answer", "reason", "attempts"),
    [
        pytest.param((404, b"no"), "HTTP 404", 1, id="not there"),
        pytest.param((403, b"no"), "HTTP 403", 1, id="forbidden"),
        pytest.param((500, b"oh"), "HTTP 500", 3, id="broken server"),
        pytest.param((503, b"oh"), "HTTP 503", 3, id="busy server"),
        pytest.param(
            (200, other),
            f"SHA-256 expected {sha(b'digits')}..., found {sha(b'other digits')}...",
            1,
            id="other content",
        ),
        pytest.param(
            (200, GOOD["train-labels.gz"][:-4]),
            "not a whole gzip file (Compressed file ended before the end-of-stream "
            "marker was reached)",
            1,
            id="cut gzip",
        ),
        pytest.param(
            (200, b"<html>log in first</html>"),
            "not a whole gzip file (Not a gzipped file (b'<h'))",
            1,
            id="a page instead",
        ),
        pytest.param(
            (200, b""),
            f"SHA-256 expected {sha(b'digits')}..., found {sha(b'')}...",
            1,
            id="nothing",
        ),
    ],
)
class TestAMirrorWithoutTheLabels:
    def test_is_replaced_by_the_next_for_that_file(
        self,
        start: Callable[..., Mirror],
        folder: Path,
        answer: Answer,
        reason: str,
        attempts: int,
    ) -> None:
        bad, good = start(train_labels=[answer]), start()
        fetch(folder, bad, good)
        assert fetched(folder) == GOOD
        assert bad.asked == ["train-images.gz"] + ["train-labels.gz"] * attempts
        assert good.asked == ["train-labels.gz"]

    def test_is_named_with_what_it_did_and_leaves_no_file(
        self,
        start: Callable[..., Mirror],
        folder: Path,
        answer: Answer,
        reason: str,
        attempts: int,
    ) -> None:
        first, second = start(train_labels=[answer]), start(train_labels=[answer])
        with pytest.raises(MirrorsUnreachableError) as caught:
            fetch(folder, first, second)
        assert str(caught.value) == (
            f"train-labels from {first.host} and {second.host}: {reason}"
        )
        assert list(fetched(folder)) == ["train-images.gz"]


def test_a_server_that_recovers_is_asked_again(
    start: Callable[..., Mirror], folder: Path
) -> None:
    body = GOOD["train-images.gz"]
    mirror = start(train_images=[(500, b"oh"), (503, b"oh"), (200, body)])
    fetch(folder, mirror)
    assert fetched(folder) == GOOD
    assert mirror.asked == ["train-images.gz"] * 3 + ["train-labels.gz"]


def test_a_connection_that_breaks_off_is_tried_three_times(
    start: Callable[..., Mirror], folder: Path
) -> None:
    breaking = start(cut=10)
    with pytest.raises(MirrorsUnreachableError, match=r"train-images from 127"):
        fetch(folder, breaking)
    assert fetched(folder) == {}
    assert breaking.asked == ["train-images.gz"] * 3


def never(connection: socket.socket) -> None:
    """Accepts the connection and sends nothing."""


def trickle(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nx")


def half_a_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-More: ")


def redirect(connection: socket.socket) -> None:
    connection.recv(1 << 16)
    connection.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: /mnist/\r\nContent-Length: 0\r\n"
        b"Connection: close\r\n\r\n"
    )
    connection.close()


def reset(connection: socket.socket) -> None:
    connection.recv(1)
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (never, "no answer in time"),
        (trickle, "no answer in time"),
        (half_a_head, "no answer in time"),
        (redirect, "it redirects without end"),
        (reset, "Connection reset by peer"),
    ],
)
def test_whatever_a_server_does_the_wait_for_it_ends_with_the_reason(
    folder: Path, behaviour: Callable[[socket.socket], None], reason: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        open_ones = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    open_ones.append(connection)
                    behaviour(connection)

        threading.Thread(target=serve, daemon=True).start()
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        patience = 0.2 if "in time" in reason else 10
        with pytest.raises(MirrorsUnreachableError) as caught:
            mirrors.download(
                str(folder),
                mirrors=[f"http://{host}/mnist/"],
                back_off_seconds=0,
                patience_seconds=patience,
            )
        listening.shutdown(socket.SHUT_RDWR)
    for connection in open_ones:
        connection.close()
    assert str(caught.value) == f"train-images from {host}: {reason}"
    assert fetched(folder) == {}


@pytest.mark.parametrize(
    ("address", "variables", "reason"),
    [
        ("http://nowhere.invalid/", {}, "no machine has the name nowhere.invalid"),
        (
            "https://mirror.example/",
            {"https_proxy": "http://me:secret@127.0.0.1:9"},
            "the proxy does not pass it on: Connection refused, through the proxy "
            "http://127.0.0.1:9",
        ),
        (
            "https://mirror.example/",
            {"REQUESTS_CA_BUNDLE": "/nowhere.pem"},
            "Could not find a suitable TLS CA certificate bundle, invalid path: "
            "/nowhere.pem",
        ),
    ],
    ids=["no such name", "a proxy that is away", "no certificates"],
)
def test_what_the_network_here_lacks_is_the_reason(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    variables: dict[str, str],
    reason: str,
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(MirrorsUnreachableError) as caught:
        mirrors.download(str(folder), mirrors=[address], back_off_seconds=0)
    assert str(caught.value) == f"train-images from {address.split('/')[2]}: {reason}"


def test_a_certificate_that_is_not_trusted_is_the_reason(
    folder: Path, tmp_path: Path
) -> None:
    """The certificate is untrusted, as behind a proxy that intercepts TLS."""
    pki = Pki.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.server_cert, pki.server_key)
    server = serving(mirror := Mirror({}))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    try:
        with pytest.raises(
            MirrorsUnreachableError, match="its certificate is not trusted"
        ):
            mirrors.download(str(folder), mirrors=[f"https://{mirror.host}/"])
    finally:
        server.shutdown()
        server.server_close()


def test_the_mirror_that_gave_a_file_is_asked_first_for_the_next(
    start: Callable[..., Mirror], folder: Path
) -> None:
    bad, good = start(train_images=[(404, b"no")]), start()
    fetch(folder, bad, good)
    assert bad.asked == ["train-images.gz"]


def test_a_body_without_end_is_not_taken_into_memory(
    start: Callable[..., Mirror], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "_LARGEST_DOWNLOAD", 1000)
    endless = start(train_images=[(200, bytes(1_000_000))])
    with pytest.raises(MirrorsUnreachableError, match="more than 1,000 bytes"):
        fetch(folder, endless)


def test_what_is_there_already_is_kept_and_not_asked_for(
    start: Callable[..., Mirror], folder: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / "train-images").write_bytes(b"put there by hand, unzipped")
    mirror = start()
    fetch(folder, mirror)
    assert mirror.asked == ["train-labels.gz"]
    fetch(folder, mirror)
    assert mirror.asked == ["train-labels.gz"]
    assert sorted(fetched(folder)) == ["train-images", "train-labels.gz"]


def test_after_a_failure_only_the_rest_is_fetched(
    start: Callable[..., Mirror], folder: Path
) -> None:
    with pytest.raises(MirrorsUnreachableError):
        fetch(folder, start(train_labels=[(404, b"no")]))
    whole = start()
    fetch(folder, whole)
    assert whole.asked == ["train-labels.gz"]
    assert fetched(folder) == GOOD


def test_a_file_appears_under_its_name_only_when_whole(
    start: Callable[..., Mirror], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(source: str, target: str) -> None:
        raise KeyboardInterrupt

    mirror = start()
    monkeypatch.setattr(mirrors.os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        fetch(folder, mirror)
    assert not set(fetched(folder)) & set(GOOD)


def test_no_mirrors_at_all_is_an_error(folder: Path) -> None:
    with pytest.raises(MirrorsUnreachableError, match="train-images"):
        fetch(folder)


def test_the_four_files_of_mnist_come_from_two_public_mirrors_over_tls() -> None:
    hosts = {address.split("/")[2] for address in mirrors.MIRRORS}
    assert len(hosts) >= 2
    assert all(address.startswith("https://") for address in mirrors.MIRRORS)
    assert all(address.endswith("/") for address in mirrors.MIRRORS)
