"""TensorFlow's own client traces the server if the flag allows it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
import tensorflow as tf

from serving.server import profiler
from tests.serving.server.running import TIMEOUT, RunningServer, failure_of

PROFILE = f"/{profiler.SERVICE}/Profile"


@pytest.fixture
def traced(library: Path) -> Iterator[RunningServer]:
    server = RunningServer(
        model_name="adder", model_base_path=str(library / "adder"), enable_profiler=True
    )
    with server as running:
        yield running


def test_a_trace_by_tensorflow_s_client(traced: RunningServer, tmp_path: Path) -> None:
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            traced.predict({"x": [1.0]})

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        tf.profiler.experimental.client.trace(
            f"grpc://localhost:{traced.options.port}", str(tmp_path), 500
        )
        ended.set()
        asking.result()
    (trace,) = tmp_path.glob("plugins/profile/*/*.xplane.pb")
    assert b"SessionRun" in trace.read_bytes() or trace.stat().st_size > 1000


def test_the_path_in_a_request_is_not_written_to(
    traced: RunningServer, tmp_path: Path
) -> None:
    request = profiler.message("ProfileRequest")(duration_ms=50)
    # Field 5 of the request is repository_root.
    root = str(tmp_path / "elsewhere").encode()
    data = request.SerializeToString() + b"\x2a" + bytes([len(root)]) + root
    answer = traced.channel.unary_unary(PROFILE)(data, timeout=TIMEOUT)
    response = profiler.message("ProfileResponse").FromString(answer)
    assert [tool.name for tool in response.tool_data] == ["xplane.pb"]
    assert not (tmp_path / "elsewhere").exists()


def test_it_is_off_unless_asked_for(server: RunningServer) -> None:
    call = server.channel.unary_unary(PROFILE)
    assert failure_of(call, b"").code is grpc.StatusCode.UNIMPLEMENTED
