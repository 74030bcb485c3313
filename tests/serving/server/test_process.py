"""The server as a process: exit codes, signals, and one line for each mistake."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import predict_pb2

from tests.serving.server.running import eventually, free_port, predict_request, spec

ROOT = Path(__file__).parents[3]


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "serving.server", *flags]


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*flags), cwd=ROOT, capture_output=True, text=True, timeout=120
    )


@contextmanager
def running(*flags: str) -> Iterator[subprocess.Popen[str]]:
    """Starts a server process; kills it if the test has not ended it."""
    process = subprocess.Popen(
        command(*flags),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Reads the process's output up to a line that holds `text`."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} never came:\n{seen}")


class TestFlags:
    def test_an_unknown_flag_is_an_error(self) -> None:
        done = run("--model_base_bath=/models")
        assert done.returncode == 2
        assert "unrecognized arguments: --model_base_bath=/models" in done.stderr

    def test_the_help_lists_what_has_no_effect(self) -> None:
        done = run("--help")
        assert done.returncode == 0
        _, idle = done.stdout.split("accepted without effect:")
        assert "--flush_filesystem_caches" in idle

    def test_no_heavy_import_before_the_flags_are_read(self) -> None:
        code = (
            "import sys; sys.argv[1:] = ['--version']; "
            "import serving.server.__main__ as m; m.main(); "
            "print('tensorflow' in sys.modules, 'grpc' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout.splitlines()[-1] == "False False"


@pytest.mark.parametrize("warnings", ["default", "error"])
def test_without_models_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, warnings: str
) -> None:
    # Warnings of libraries at import are not errors.
    monkeypatch.setenv("PYTHONWARNINGS", warnings)
    done = run()
    assert done.returncode == 255
    assert done.stdout.strip() == (
        "Failed to start server. Error: INVALID_ARGUMENT: Both "
        "server_options.model_base_path and server_options.model_config_file are empty!"
    )
    # No errors of TensorFlow 2.16, such as a missing GPU.
    assert not any(": E external/" in line for line in done.stderr.splitlines())


def test_life_and_an_orderly_end(library: Path) -> None:
    """It serves, refuses a second server, finishes calls after SIGTERM, and exits 0."""
    port = free_port()
    flags = ("--model_name=adder", f"--model_base_path={library / 'adder'}")
    call: Any
    with running(*flags, f"--port={port}") as process:
        read_until(process, "Running gRPC ModelServer")
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        call = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=predict_pb2.PredictRequest.SerializeToString,
            response_deserializer=predict_pb2.PredictResponse.FromString,
        )
        answer = call(predict_request({"x": [1.0]}), wait_for_ready=True, timeout=30)
        assert list(answer.outputs["y"].float_val) == [4.0]

        second = run(*flags, f"--port={port}")
        assert second.returncode == 255
        assert second.stdout.strip() == (
            "Failed to start server. Error: UNAVAILABLE: Cannot listen for gRPC at "
            f"127.0.0.1:{port}: is another server there?"
        )

        health = health_pb2_grpc.HealthStub(channel)
        states: list[int] = []
        watch = health.Watch(health_pb2.HealthCheckRequest())

        def follow() -> None:
            try:
                states.extend(update.status for update in watch)
            except grpc.RpcError:
                return

        follower = threading.Thread(target=follow)
        follower.start()
        eventually(lambda: states == [1])
        slow = predict_request({"turns": np.int32(60_000)}, spec(signature="slow"))
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(call, slow, timeout=60)
            # The slow call has started when a later call was answered.
            call(predict_request({"x": [1.0]}), timeout=30)
            process.send_signal(signal.SIGTERM)
            assert waiting.result(60).model_spec.version.value == 3
        watch.cancel()
        follower.join(30)
        assert states[:2] == [1, 2]
        assert process.wait(60) == 0
        channel.close()


def test_sigterm_while_it_waits_for_a_model(tmp_path: Path) -> None:
    with running(f"--model_base_path={tmp_path}", "--port=0") as process:
        seen = read_until(process, "No versions of servable default found")
        assert re.search(
            r"Did you forget to name your leaf directory as a number", seen
        )
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "Interrupted before it served\n"),
        (signal.SIGTERM, 143, "Terminated before it served\n"),
    ],
)
def test_a_signal_while_tensorflow_is_imported(
    tmp_path: Path, number: signal.Signals, code: int, said: str
) -> None:
    with running(f"--model_base_path={tmp_path}") as process:
        maps = Path(f"/proc/{process.pid}/maps")
        eventually(lambda: "libtensorflow" in maps.read_text())
        process.send_signal(number)
        assert process.wait(60) == code
        assert process.stdout is not None
        assert process.stdout.read() == said


@pytest.mark.parametrize(
    ("flag", "text", "message"),
    [
        (
            "model_config_file",
            "model_config_list { config { nam: 1 } }",
            'has no field named "nam"',
        ),
        ("ssl_config_file", 'server_key: "key.pem"', "expected the contents of a PEM"),
    ],
)
def test_a_malformed_file_is_one_line(
    tmp_path: Path, flag: str, text: str, message: str
) -> None:
    from serving.server.app import ModelServer
    from serving.server.errors import ServingError
    from serving.server.flags import Options

    file = tmp_path / "file.config"
    file.write_text(text)
    options: dict[str, Any] = {"model_base_path": str(tmp_path), flag: str(file)}
    with pytest.raises(ServingError) as caught:
        ModelServer(Options(**options))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
