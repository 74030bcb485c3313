"""A model's `logging_config` writes complete, limited and indexed request logs."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from serving.server import request_log
from serving.server.errors import ServingError
from serving.server.record_files import INDEX, RECORDS, RecordFiles
from tests.serving.server.running import (
    TIMEOUT,
    RunningServer,
    eventually,
    free_port,
    predict_request,
    spec,
)
from tests.serving.server.saved_models import save_adder
from tests.serving.server.test_inference import examples

ROOT = Path(__file__).parents[3]


def config_text(base: Path, prefix: Path, rate: float = 1.0, kind: str = "") -> str:
    return f"""model_config_list {{ config {{
        name: "adder" base_path: "{base}" model_platform: "tensorflow"
        logging_config {{
            log_collector_config {{ type: "{kind}" filename_prefix: "{prefix}" }}
            sampling_config {{ sampling_rate: {rate} }}
        }}
    }} }}"""


def records(folder: Path) -> list[Any]:
    """Returns every record, read with TensorFlow's reader."""
    files = sorted(str(path) for path in folder.glob("*" + RECORDS))
    return [
        prediction_log_pb2.PredictionLog.FromString(data)
        for data in tf.data.TFRecordDataset(files).as_numpy_iterator()
    ]


def index(folder: Path) -> list[Any]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("*" + INDEX))
        for line in path.read_text().splitlines()
    ]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    save_adder(tmp_path / "adder" / "7", 1.0)
    return tmp_path / "adder"


@pytest.fixture
def logged(base: Path, tmp_path: Path) -> Iterator[tuple[RunningServer, Path]]:
    config = tmp_path / "models.config"
    config.write_text(config_text(base, tmp_path / "log" / "adder", kind="tfrecord"))
    with RunningServer(model_config_file=str(config)) as server:
        yield server, tmp_path / "log"


def test_a_record_of_every_call(logged: tuple[RunningServer, Path]) -> None:
    server, folder = logged
    request = predict_request({"x": [1.0]})
    response, call = server.prediction.Predict.with_call(
        request, TIMEOUT, metadata=(("x-request-id", "mine"),)
    )
    returned = [tuple(item) for item in call.trailing_metadata()]
    assert ("x-request-id", "mine") in returned
    _, _, headers = server.http(
        "/v1/models/adder:predict", {"inputs": [2.0]}, headers={"X-Request-Id": "r-2"}
    )
    assert headers["X-Request-Id"] == "r-2"
    body = {"signature_name": "classify", "examples": [{"v": 1.0}]}
    _, _, headers = server.http("/v1/models/adder:classify", body)
    made = headers["X-Request-Id"]
    regress = {"signature_name": "regress", "examples": [{"v": 1.0}]}
    server.rest("/v1/models/adder:regress", regress)
    from tensorflow_serving.apis import inference_pb2

    multi = inference_pb2.MultiInferenceRequest(input=examples(1.5))
    multi.tasks.add(
        model_spec=spec(signature="regress"), method_name="tensorflow/serving/regress"
    )
    server.prediction.MultiInference(multi, timeout=TIMEOUT)
    server.refused({"z": [1.0]})

    eventually(lambda: len(index(folder)) == 5)
    found = records(folder)
    kinds = [record.WhichOneof("log_type") for record in found]
    assert kinds == [
        *("predict_log", "predict_log", "classify_log", "regress_log"),
        "multi_inference_log",
    ]
    first = found[0]
    assert first.predict_log.request == request
    assert first.predict_log.response == response
    assert first.log_metadata.model_spec == spec("adder", "serving_default", 7)
    assert first.log_metadata.timestamp_secs > 1_700_000_000
    assert first.log_metadata.sampling_config.sampling_rate == 1.0
    assert list(first.log_metadata.saved_model_tags) == ["serve"]
    assert list(found[1].predict_log.request.inputs["x"].float_val) == [2.0]
    assert list(found[1].predict_log.response.outputs["y"].float_val) == [3.0]
    lines = index(folder)
    assert [line["request_id"] for line in lines][:3] == ["mine", "r-2", made]
    assert [line["record"] for line in lines] == [0, 1, 2, 3, 4]
    assert lines[0]["version"] == 7
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_share_of_them(base: Path, tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text(config_text(base, tmp_path / "log" / "adder", rate=0.2))
    with RunningServer(model_config_file=str(config)) as server:
        for _ in range(500):
            server.call(predict_request({"x": [1.0]}))
    # Within five standard deviations; it fails once in a million runs.
    assert 55 < len(records(tmp_path / "log")) < 145


def test_none_unless_asked_for(server: RunningServer) -> None:
    _, call = server.prediction.Predict.with_call(predict_request({"x": [1.0]}))
    assert not call.trailing_metadata()
    assert server.server.metrics.request_log_count.total() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "kafka"}, "Cannot find LogCollector::Factory for type: kafka"),
        ({"prefix": Path("relative")}, "expected an absolute path in filename_prefix"),
        ({"rate": 1.5}, "expected a sampling_rate from 0 to 1, found 1.5"),
    ],
)
def test_mistakes(tmp_path: Path, change: Any, message: str) -> None:
    arguments = {"base": tmp_path, "prefix": tmp_path / "log", **change}
    config = text_format.Parse(
        config_text(**arguments), model_server_config_pb2.ModelServerConfig()
    )
    with pytest.raises(ServingError, match=message):
        request_log.check_config(config.model_config_list.config[0])


def test_a_place_that_cannot_be_written_changes_nothing(
    base: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    config = tmp_path / "models.config"
    config.write_text(config_text(base, tmp_path / "file" / "log"))
    server = RunningServer(model_config_file=str(config))
    with pytest.raises(ServingError, match="FAILED_PRECONDITION: Cannot log requests"):
        server.start()
    server.stop()


def test_it_is_bounded_on_disk(tmp_path: Path) -> None:
    bound = 100_000
    files = RecordFiles(str(tmp_path / "log"), bound)
    other = tmp_path / "log-of-somebody.txt"
    other.write_text("theirs")
    for number in range(1000):
        files.append(bytes(1000), {"request_id": str(number)})
        if number % 50 == 0:
            assert sum(path.stat().st_size for path in tmp_path.iterdir()) < bound + 99
    with pytest.raises(OSError, match="too large for the bound"):
        files.append(bytes(bound), {})
    files.close()
    paths = [str(path) for path in sorted(tmp_path.glob("*" + RECORDS))]
    kept = list(tf.data.TFRecordDataset(paths).as_numpy_iterator())
    lines = index(tmp_path)
    assert len(kept) == len(lines) > 50
    assert lines[-1]["request_id"] == "999"
    assert other.exists()


def test_a_file_that_another_server_removes_meanwhile_costs_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to nothing is listed and is not there, as such a file."""
    (tmp_path / f"log-1{RECORDS}").symlink_to(tmp_path / "nothing")
    oldest = tmp_path / f"log-2{RECORDS}"
    oldest.write_bytes(bytes(8_000))

    def removed_by_both(path: str) -> None:
        remove(path)
        raise FileNotFoundError(path)

    remove = os.remove
    monkeypatch.setattr(os, "remove", removed_by_both)
    files = RecordFiles(str(tmp_path / "log"), 8_000)
    files.append(bytes(900), {"request_id": "1"})
    files.close()
    assert [line["request_id"] for line in index(tmp_path)] == ["1"]
    assert not oldest.exists()


def test_where_no_file_can_be_opened_the_full_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = RecordFiles(str(tmp_path / "log"), 8_000)
    files.append(bytes(900), {"request_id": "1"})

    def no_index(path: str, *rest: int) -> int:
        if path.endswith(INDEX):
            raise OSError(errno.EMFILE, "too many open files")
        return opened(path, *rest)

    opened = os.open
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", no_index)
        with pytest.raises(OSError, match="too many"):
            files.append(bytes(900), {"request_id": "2"})
    files.append(bytes(900), {"request_id": "3"})
    files.close()
    lines = [line["request_id"] for line in index(tmp_path)]
    assert lines == ["1", "3"]
    assert len(list(tmp_path.iterdir())) == 4


def test_a_record_whose_line_does_not_fit_on_the_disk_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = RecordFiles(str(tmp_path / "log"), 8_000)

    def full(file: int, data: bytes) -> int:
        if data.startswith(b"{"):
            written(file, data[:5])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written(file, data)

    written = os.write
    files.append(b"one", {"request_id": "1"})
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            files.append(b"two", {"request_id": "2"})
    files.append(b"three", {"request_id": "3"})
    files.close()
    [path] = map(str, tmp_path.glob("*" + RECORDS))
    records = list(tf.data.TFRecordDataset(path).as_numpy_iterator())
    assert records == [b"one", b"three"]
    assert [line["request_id"] for line in index(tmp_path)] == ["1", "3"]


def test_what_a_kill_leaves_is_readable(base: Path, tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text(config_text(base, tmp_path / "log" / "adder"))
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "serving.server", f"--port={port}"),
            f"--model_config_file={config}",
        ],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(90)
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

            def ask(number: int) -> Any:
                if number == 400:
                    os.kill(process.pid, signal.SIGKILL)
                try:
                    return stub.Predict(predict_request({"x": [1.0] * 500}))
                except grpc.RpcError:
                    return predict_pb2.PredictResponse()

            with ThreadPoolExecutor(8) as pool:
                list(pool.map(ask, range(420)))
    finally:
        process.kill()
        process.wait()
    found, lines = records(tmp_path / "log"), index(tmp_path / "log")
    assert len(found) >= len(lines) > 100
    assert all(len(record.predict_log.request.inputs) == 1 for record in found)
