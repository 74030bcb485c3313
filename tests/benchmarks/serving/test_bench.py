"""The contenders answer, are measured by turns, and are stopped."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from benchmarks.serving import constant, contenders
from benchmarks.serving.load import cpu_seconds, measure, predict_once
from contract.errors import BrokenError
from serving.client import calls, protocol
from serving.client.results import ModelSpec

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def limit() -> Iterator[tuple[str, int]]:
    """The limit's server: its address and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serving.constant", f"--port={port}"],
        cwd=ROOT,
    )
    address = f"127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            predict_once(address, "mnist")
            break
        except grpc.RpcError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield address, process.pid
    process.terminate()
    process.wait()


def test_the_limit_answers_what_a_model_would() -> None:
    response = protocol.PredictResponse.FromString(constant.answer())
    answer = calls.predict(ModelSpec("mnist"), {}).read(response)
    assert answer.outputs["probabilities"].shape == (1, 10)
    assert answer.outputs["class_id"].tolist() == [0]


async def test_a_measurement_counts_what_was_answered(limit: tuple[str, int]) -> None:
    address, pid = limit
    measured = await measure(address, pid, "mnist", 4, seconds=0.5, warm_up=0.1)
    assert measured.answers == round(measured.rate * 0.5)
    assert measured.answers > 20
    assert 0 < measured.p50 <= measured.p99
    assert measured.server_cpu > 0
    assert measured.client_cpu > 0


async def test_a_call_that_fails_ends_the_measurement() -> None:
    with pytest.raises(grpc.RpcError):
        await measure("127.0.0.1:1", os.getpid(), "mnist", 2, seconds=0.2)


def test_processor_time_is_this_processes() -> None:
    before = cpu_seconds(os.getpid())
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert cpu_seconds(os.getpid()) - before >= 0.08  # counted in steps of 10 ms


def test_a_contender_that_ends_is_named_with_its_last_words(tmp_path: Path) -> None:
    with (
        pytest.raises(
            BrokenError,
            match=r"odd did not start: .*No module named no_such_module",
        ),
        contenders.running({"odd": ["no_such_module"]}, "mnist", tmp_path),
    ):
        pass


def test_nothing_pushed_is_one_line(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving", f"--models={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == (
        f"python -m benchmarks.serving: no model was pushed to {tmp_path} yet: "
        "run `make run` first\n"
    )


def test_a_short_run_of_everything(pushed_model: Path, tmp_path: Path) -> None:
    """The run measures all the real servers, on a real model."""
    out = tmp_path / "bench.json"
    command = [sys.executable, "-m", "benchmarks.serving", f"--models={pushed_model}"]
    result = subprocess.run(
        [*command, "--repeats=1", "--seconds=0.3", f"--json={out}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr.count("x embedded")) == (0, 3)
    outcome = json.loads(out.read_text())
    assert {(item["server"], item["concurrency"]) for item in outcome["results"]} == {
        (name, concurrency)
        for name in ("embedded", "alone", "logged", "plain", "limit", "core")
        for concurrency in (1, 8, 32)
    }
    assert all(item["median"]["answers"] > 0 for item in outcome["results"])
    assert result.stdout.count("at least") == 2
