"""A run whose new model answers logged requests differently from the champion."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.server.record_files import RecordFiles
from tests.local_runner.conftest import Ended

Run = Callable[..., Ended]


@pytest.fixture
def log(first: Ended, tmp_path: Path) -> str:
    """Logs noise images, answered by the served version with the first class."""
    pushed = first.result["pushed"]["version"]
    task, model = first.result["task"], first.result["model"]
    shape = (1, task["height"], task["width"])
    random = np.random.default_rng(1)
    files = RecordFiles(str(tmp_path / "log"), 8 << 20)
    for number in range(40):
        record = prediction_log_pb2.PredictionLog()
        spec = record.log_metadata.model_spec
        spec.name, spec.signature_name = model, "serving_default"
        spec.version.value = pushed
        image = random.integers(0, 255, shape, np.uint8)
        answer = np.eye(len(task["classes"]), dtype=np.float32)[:1]
        asked, answered = record.predict_log.request, record.predict_log.response
        asked.inputs["images"].CopyFrom(tf.make_tensor_proto(image))
        answered.outputs["probabilities"].CopyFrom(tf.make_tensor_proto(answer))
        entry = {"request_id": f"r{number}", "model": model, "version": pushed}
        more = {"signatures": ["serving_default"], "timestamp_secs": number}
        files.append(record.SerializeToString(), {**entry, **more})
    files.close()
    return str(tmp_path / "log")


def test_it_is_refused_by_replay_and_the_report_shows_the_pictures(
    run_here: Run, log: str
) -> None:
    ended = run_here("--set", f"gates.replay_log={log}", "--seed", "2")
    assert ended.code == 3
    assert ended.states()["Replay"] == "refused"
    assert "refused by Replay, nothing was pushed" in ended.screen
    assert ended.gate("agreement")["refused"]

    page = Path(ended.result["report"])
    linked = re.findall(r'src="(request-pictures/[^"]+)"', page.read_text())
    assert linked
    assert all((page.parent / path).is_file() for path in linked)


def test_without_a_log_it_is_left_out_and_that_is_said(
    run_here: Run, tmp_path: Path
) -> None:
    ended = run_here("--set", f"gates.replay_log={tmp_path}/none")
    assert ended.code == 0
    assert ended.states()["Replay"] == "skipped"
    assert ended.result["replay_left_out"].startswith("Replay is left out: ")
