"""The library over real sockets: sync and asyncio give the same results."""

import asyncio
import inspect
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from contract.task import Task
from serving.client import (
    AsyncClient,
    Client,
    Connection,
    InputError,
    ModelSpec,
    ServingError,
    TensorSpec,
    Tls,
    VersionStatus,
)
from tests.serving.client.fake_server import FakeServer, serve
from tests.serving.client.pki import Pki
from tests.serving.tasks import SHAPES, TASKS

UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "the queue is full")


def image(row: int) -> np.ndarray:
    """An image the fake server reads as the digit `row` % 10."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[row] = 255
    return pixels


def ask_sync(connection: Connection | str, model: Any, ask: Callable) -> Any:
    with Client(connection, model) as client:
        answer = ask(client)
        return list(answer) if inspect.isgenerator(answer) else answer


def ask_async(connection: Connection | str, model: Any, ask: Callable) -> Any:
    async def run() -> Any:
        async with AsyncClient(connection, model) as client:
            answer = ask(client)
            if inspect.isasyncgen(answer):
                return [item async for item in answer]
            return await answer

    return asyncio.run(run())


@pytest.fixture(params=[ask_sync, ask_async], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Callable:
    """Returns a function that makes one call with either client."""
    return request.param


def test_predict_returns_arrays_and_who_answered(
    ask: Callable, fake: FakeServer
) -> None:
    answer = ask(
        fake.address, "mnist", lambda c: c.predict({"images": np.stack([image(4)])})
    )
    assert answer.outputs["probabilities"].argmax(1).tolist() == [4]
    assert answer.outputs["probabilities"].dtype == np.float32
    assert (answer.model, answer.version) == ("mnist", 3)
    assert answer.signature == "serving_default"


def test_images_go_in_batches_and_come_back_in_order(
    ask: Callable, fake: FakeServer
) -> None:
    images = np.stack([image(row) for row in range(10)])
    answers = ask(
        fake.address, "mnist", lambda c: c.predict_images(images, batch_size=4)
    )
    assert [answer.class_id for answer in answers] == list(range(10))
    assert [round(answer.probability, 2) for answer in answers] == [0.91] * 10
    sizes = [r.inputs["images"].tensor_shape.dim[0].size for r in fake.asked]
    assert sizes == [4, 4, 2]
    assert list(fake.asked[0].output_filter) == ["probabilities"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_model_tells_its_task(ask: Callable, fake: FakeServer, task: Task) -> None:
    fake.task = task
    served = ask(fake.address, task.name, lambda c: c.task())
    assert (served.task, served.version, served.told) == (task, 3, True)
    images = np.zeros((2, *task.shape), np.uint8)
    images[1, 2] = 255
    answers = ask(fake.address, task.name, lambda c: c.predict_images(images))
    assert [answer.name for answer in answers] == [task.classes[0], task.classes[2]]


def test_novelty_is_asked_of_the_version_that_answered_where_it_tells_it(
    ask: Callable, fake: FakeServer
) -> None:
    images = np.stack([image(row) for row in (9, 10)])

    def novelty(client: Any) -> Any:
        return client.predict_images(images, novelty=True)

    answers = ask(fake.address, "mnist", novelty)
    assert [answer.is_novel for answer in answers] == [None, None]
    fake.tells_novelty = True
    answers = ask(fake.address, "mnist", novelty)
    assert [answer.is_novel for answer in answers] == [False, True]
    assert [answer.novelty for answer in answers] == [9, 10]
    assert fake.asked[-1].model_spec.version.value == 3
    assert fake.asked[-1].model_spec.signature_name == "novelty"


def test_a_task_that_is_not_told_is_derived(ask: Callable, fake: FakeServer) -> None:
    fake.task, fake.tells = SHAPES, False
    served = ask(fake.address, "shapes", lambda c: c.task())
    assert not served.told
    assert served.task.shape == (12, 16, 3)
    assert served.task.classes == ("0", "1", "2", "3")


def test_large_images_go_in_smaller_requests(
    ask: Callable, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving.client import calls

    monkeypatch.setattr(calls, "MAX_REQUEST_VALUES", 3 * 784)
    images = np.zeros((7, 28, 28), np.uint8)
    assert len(ask(fake.address, "mnist", lambda c: c.predict_images(images))) == 7
    sizes = [r.inputs["images"].tensor_shape.dim[0].size for r in fake.asked]
    assert sizes == [3, 3, 1]


def test_the_names_of_version_0_1_work_and_say_what_replaces_them(
    ask: Callable, fake: FakeServer
) -> None:
    images = np.stack([image(4)])
    with pytest.warns(DeprecationWarning, match="use predict_images"):
        (answer,) = ask(fake.address, "mnist", lambda c: c.predict_digits(images))
    with pytest.warns(DeprecationWarning, match="use class_id"):
        assert answer.digit == 4
    with pytest.warns(DeprecationWarning, match="use ClassAnswer"):
        from serving.client import DigitAnswer
    assert isinstance(answer, DigitAnswer)


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 28, 28), np.float32), np.zeros((1, 28, 27), np.uint8)],
    ids=["float", "27 wide"],
)
def test_images_of_another_form_are_not_sent(
    ask: Callable, fake: FakeServer, images: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r"uint8 and shape \[n, 28, 28\]"):
        ask(fake.address, "mnist", lambda c: c.predict_images(images))
    assert fake.asked == []


@pytest.mark.parametrize(
    ("model", "version"),
    [
        (ModelSpec("mnist", version=2), 2),
        (ModelSpec("mnist", label="stable"), 3),
        (ModelSpec("mnist"), 5),
    ],
)
def test_version_or_label_is_chosen(
    ask: Callable, fake: FakeServer, model: ModelSpec, version: int
) -> None:
    fake.versions = {2: "AVAILABLE", 3: "AVAILABLE", 5: "AVAILABLE", 6: "LOADING"}
    assert ask(fake.address, model, lambda c: c.metadata()).version == version


def test_version_and_label_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="a version or a label, not both"):
        ModelSpec("mnist", version=1, label="stable")


def test_status_lists_versions_newest_first(ask: Callable, fake: FakeServer) -> None:
    fake.versions = {1: "END", 3: "AVAILABLE", 4: "LOADING"}
    assert ask(fake.address, "mnist", lambda c: c.status()) == [
        VersionStatus(4, "LOADING"),
        VersionStatus(3, "AVAILABLE"),
        VersionStatus(1, "END", "DATA_LOSS", "Can't parse it as binary proto"),
    ]


def test_metadata_tells_types_and_shapes(ask: Callable, fake: FakeServer) -> None:
    signature = ask(fake.address, "mnist", lambda c: c.metadata()).signatures[
        "serving_default"
    ]
    assert signature.method_name == "tensorflow/serving/predict"
    assert signature.inputs == {"images": TensorSpec("uint8", (None, 28, 28))}
    assert signature.outputs == {
        "class_id": TensorSpec("int64", (None,)),
        "probabilities": TensorSpec("float32", (None, 10)),
    }


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


def test_an_answer_of_another_model_is_an_error(
    ask: Callable, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving.client import calls

    monkeypatch.setattr(calls, "PROBABILITIES", "logits")
    images = np.stack([image(1)])
    with pytest.raises(ServingError, match="expected output 'logits'"):
        ask(fake.address, "mnist", lambda c: c.predict_images(images))


def test_wait_returns_the_version_once_it_serves(
    ask: Callable, fake: FakeServer
) -> None:
    fake.versions = {8: "LOADING"}
    timer = threading.Timer(0.6, fake.versions.update, [{8: "AVAILABLE"}])
    timer.start()
    assert ask(fake.address, "mnist", lambda c: c.wait(20)) == 8
    assert fake.attempts > 1


def test_wait_outlasts_a_server_that_is_not_up_yet(ask: Callable) -> None:
    late, before = FakeServer(), FakeServer()
    serve(before).stop(None)  # find a free port
    port = int(before.address.rpartition(":")[2])
    servers: list[grpc.Server] = []
    timer = threading.Timer(0.8, lambda: servers.append(serve(late, port=port)))
    timer.start()
    try:
        assert ask(before.address, "mnist", lambda c: c.wait(20)) == 3
    finally:
        timer.join()
        servers[0].stop(None)


def test_wait_for_a_label_outlasts_its_assignment(
    ask: Callable, fake: FakeServer
) -> None:
    timer = threading.Timer(0.4, fake.labels.update, [{"canary": 3}])
    timer.start()
    spec = ModelSpec("mnist", label="canary")
    assert ask(fake.address, spec, lambda c: c.wait(20)) == 3


def test_wait_gives_up_with_what_it_met(ask: Callable, fake: FakeServer) -> None:
    spec = ModelSpec("mnist", version=9)
    with pytest.raises(
        ServingError,
        match=r"mnist version 9 was not served after 0.6 s, last error: NOT_FOUND: "
        r"Servable not found for request: Specific\(mnist, 9\)",
    ) as caught:
        ask(fake.address, spec, lambda c: c.wait(0.6))
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_wait_does_not_outlast_what_waiting_cannot_mend(
    ask: Callable, fake: FakeServer
) -> None:
    fake.failures.append((grpc.StatusCode.PERMISSION_DENIED, "not you"))
    with pytest.raises(ServingError, match="PERMISSION_DENIED: not you"):
        ask(fake.address, "mnist", lambda c: c.wait(20))
    assert fake.attempts == 1


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
