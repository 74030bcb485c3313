"""Warm-up requests are replayed before a version takes real ones."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.server import session, warmup
from serving.server.errors import Code, ServingError
from serving.server.flags import Options
from serving.server.metrics import Metrics
from serving.server.servable import Servable
from tests.serving.server.running import predict_request, spec
from tests.serving.server.test_inference import examples

CONFIG = session.session_config(Options())
Log = prediction_log_pb2.PredictionLog


@pytest.fixture
def version(library: Path, tmp_path: Path) -> Path:
    copy = shutil.copytree(library / "adder" / "1", tmp_path / "1")
    (copy / "assets.extra").mkdir()
    return copy


def write(version: Path, *records: Any) -> None:
    path = str(version / warmup.WARMUP_FILE)
    with tf.io.TFRecordWriter(path) as writer:
        for record in records:
            data = record if isinstance(record, bytes) else record.SerializeToString()
            writer.write(data)


def predict_log(inputs: Any, signature: str = "") -> Any:
    log = Log()
    # The model's name in a record is ignored.
    request = predict_request(inputs, spec("another", signature))
    log.predict_log.request.CopyFrom(request)
    return log


def replay(version: Path, metrics: Metrics | None = None, **options: Any) -> Any:
    """Loads the version and replays; returns the count and the servable."""
    chosen = Options(**options)
    servable = Servable("adder", 1, str(version), chosen, CONFIG)
    return warmup.replay(servable, chosen, metrics or Metrics()), servable


def test_every_kind_of_record(version: Path) -> None:
    classify, regress, multi = Log(), Log(), Log()
    classify.classify_log.request.model_spec.signature_name = "classify"
    classify.classify_log.request.input.CopyFrom(examples(1.0))
    regress.regress_log.request.model_spec.signature_name = "regress"
    regress.regress_log.request.input.CopyFrom(examples(1.0))
    multi.multi_inference_log.request.input.CopyFrom(examples(1.0))
    multi.multi_inference_log.request.tasks.add(
        model_spec=spec("any", "regress"), method_name="tensorflow/serving/regress"
    )
    write(version, predict_log({"x": [1.0]}), classify, regress, multi)
    metrics = Metrics()
    count, servable = replay(version, metrics)
    assert count == 4
    assert metrics.warmup_records.total() == 4
    assert metrics.warmup_latency.lines()[-1].endswith('status="OK"} 4')
    servable.close()


def test_a_record_of_no_kind_is_passed_over(version: Path) -> None:
    write(version, Log(), predict_log({"x": [1.0]}))
    count, servable = replay(version)
    assert count == 2
    servable.close()


def test_without_a_file_or_with_the_flag_off(version: Path) -> None:
    count, servable = replay(version)
    assert count == 0
    servable.close()
    write(version, b"no log")
    count, servable = replay(version, enable_model_warmup=False)
    assert count == 0
    servable.close()


@pytest.mark.parametrize(
    ("record", "code", "message"),
    [
        (b"\xff\xff", Code.INVALID_ARGUMENT, "Failed to parse warmup record"),
        (
            predict_log({"z": [1.0]}),
            Code.INVALID_ARGUMENT,
            "Warmup request 1 of .*: Signature input alias: x",
        ),
    ],
    ids=["no log", "other input"],
)
def test_a_bad_record_fails_the_load(
    version: Path, record: Any, code: Code, message: str
) -> None:
    write(version, record)
    with pytest.raises(ServingError, match=message) as caught:
        replay(version)
    assert caught.value.code is code


def test_a_file_that_is_no_tfrecord(version: Path) -> None:
    (version / warmup.WARMUP_FILE).write_bytes(b"not a TFRecord file at all")
    with pytest.raises(ServingError, match="Please verify your file is in TFRecord"):
        replay(version)


def test_more_than_a_thousand_records(version: Path) -> None:
    write(version, *[predict_log({"x": [1.0]})] * 1001)
    with pytest.raises(ServingError, match=r"exceeds the maximum \(1000\)"):
        replay(version)
