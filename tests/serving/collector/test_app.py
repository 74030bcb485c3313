"""Events in the form of KServe's logger become logged requests that can be read."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cloudevents.core.bindings.http import to_binary_event
from cloudevents.core.v1.event import CloudEvent
from filelock import FileLock

from contract.errors import BadInputError
from serving.collector.cli import cli
from serving.collector.joining import REQUEST, RESPONSE
from serving.request_logs.reading import PassedOver, find_files, read
from tests.serving.collector.test_records import ANSWERS, IMAGES, save_letters
from tests.serving.server.running import eventually, free_port


def event(kind: str, request_id: str, **more: str) -> dict[str, str]:
    """Returns the headers that pkg/logger/worker.go of KServe 0.15 to 0.20 sends."""
    attributes = {
        "id": request_id,
        "type": kind,
        "source": "letters-predictor-5b7f",
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "inferenceservicename": "letters",
        "namespace": "team-a",
        "component": "predictor",
        "endpoint": "",
        "metadata": "{}",
        "recordedtime": "2026-11-26T10:00:00.123456789Z",
        **more,
    }
    headers = dict(to_binary_event(CloudEvent(attributes, b"")).headers)
    return {**headers, "ce-time": "2026-11-26T10:00:00.123456789Z"}


class Running:
    """A collector in a separate process."""

    def __init__(self, folder: Path, models: Path, *more: str) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "serving.collector", str(folder)),
                *(f"--models={models}", f"--port={self.port}", *more),
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        eventually(self.answers)

    def answers(self) -> bool:
        assert self.process.poll() is None
        try:
            return self.get("/healthz") == "ok\n"
        except OSError:
            return False

    def get(self, path: str) -> str:
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, headers: dict[str, str], body: Any, path: str = "/") -> int:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), headers
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def ask(self, request_id: str, path: str = "/", **more: str) -> None:
        """Sends the events that KServe sends for one prediction."""
        request, answer = {"instances": IMAGES}, {"predictions": ANSWERS}
        headers = event(REQUEST, request_id, **more)
        assert self.post(headers, request, path) == 200
        # KServe 0.15 does not send the caller's headers with the answer.
        headers = event(RESPONSE, request_id, **{**more, "metadata": "{}"})
        assert self.post(headers, answer, path) == 200

    def value(self, sample: str) -> float:
        lines = dict(
            line.rsplit(" ", 1)
            for line in self.get("/metrics").splitlines()
            if line[0] != "#"
        )
        return float(lines.get(sample, 0))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    save_letters(tmp_path)
    running = Running(tmp_path / "log", tmp_path)
    yield running
    running.stop()


def test_what_was_asked_is_on_the_disk_after_sigterm(
    running: Running, tmp_path: Path
) -> None:
    path = {"X-Original-Url": ["/v1/models/letters/versions/3:predict"]}
    running.ask("first")
    running.ask("second", metadata=json.dumps(path))
    running.ask("third", path="/v1/models/letters/versions/12")
    # An answer is missing, no predict call, an unknown model, no event, a body that is
    # not compressed as it says, and one that is too large.
    running.post(event(REQUEST, "failed"), {"instances": IMAGES})
    running.post(event(REQUEST, "status"), {})
    running.post(event(RESPONSE, "status"), {"model_version_status": []})
    running.ask("elsewhere", inferenceservicename="numbers")
    assert running.post({"Content-Type": "application/json"}, {}) == 400
    assert running.post(event("org.example.other", "x"), {}) == 200
    compressed = {**event(REQUEST, "packed"), "Content-Encoding": "gzip"}
    assert running.post(compressed, {}) == 400
    assert running.post(event(REQUEST, "large"), "x" * (16 << 20)) == 413

    assert running.value('collector_records_total{model="letters"}') == 3
    dropped = {"no_predict": 4, "no_event": 2, "other_event": 1, "too_large": 1}
    for reason, count in dropped.items():
        sample = f'collector_dropped_events_total{{reason="{reason}"}}'
        assert running.value(sample) == count, reason

    assert running.stop() == 0
    [hour] = (path for path in (tmp_path / "log").iterdir() if path.is_dir())
    assert hour.name.startswith(".")
    passed_over = PassedOver()
    found = {one.request_id: one for one in read(find_files(str(hour)), passed_over)}
    assert {name: one.version for name, one in found.items()} == {
        "first": None,
        "second": 3,
        "third": 12,
    }
    assert passed_over == PassedOver()
    assert {one.model for one in found.values()} == {"letters"}


def test_a_folder_has_one_collector(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"):
        done = CliRunner().invoke(cli, [str(tmp_path), f"--models={tmp_path}"])
    assert isinstance(done.exception, BadInputError)
    assert "in use by another collector" in str(done.exception)
