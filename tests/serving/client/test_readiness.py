"""Waiting until a model is served."""

import threading
import time
from collections.abc import Callable

import grpc
import pytest

from serving.client import (
    ModelSpec,
    ServingError,
)
from serving.client.readiness import Wait
from tests.serving.client.fake_server import FakeServer, serve


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
        match=r"mnist version 9 was not served after 2 s, last error: NOT_FOUND: "
        r"Servable not found for request: Specific\(mnist, 9\)",
    ) as caught:
        ask(fake.address, spec, lambda c: c.wait(2))
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_an_attempt_that_the_end_cuts_off_does_not_hide_what_was_met() -> None:
    wait = Wait(ModelSpec("mnist"), 0.3)
    missing, cut_off = (
        ServingError(code, "", "localhost:8500")
        for code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.DEADLINE_EXCEEDED)
    )
    wait.pause(missing)
    time.sleep(0.3)
    with pytest.raises(ServingError, match="last error: NOT_FOUND"):
        wait.pause(cut_off)


def test_wait_does_not_outlast_what_waiting_cannot_mend(
    ask: Callable, fake: FakeServer
) -> None:
    fake.failures.append((grpc.StatusCode.PERMISSION_DENIED, "not you"))
    with pytest.raises(ServingError, match="PERMISSION_DENIED: not you"):
        ask(fake.address, "mnist", lambda c: c.wait(20))
    assert fake.attempts == 1
