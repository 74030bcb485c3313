"""Replay a model's warm-up requests before it takes real ones.

Source: tensorflow_serving/servables/tensorflow/saved_model_warmup.cc.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.server import inference, multi_inference
from serving.server.errors import Code, ServingError, as_serving_error, invalid_argument
from serving.server.flags import Options
from serving.server.metrics import Metrics
from serving.server.plan import Plan
from serving.server.predict import Prediction
from serving.server.servable import Servable

WARMUP_FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000


def replay(servable: Servable, options: Options, metrics: Metrics) -> int:
    """Run the records of a servable's warm-up file, if it has one.

    Records of one signature also serve to try whether its requests may share a
    run; see `plan`.

    Returns:
        How many records were run.

    Raises:
        ServingError: a record is malformed, of a kind there is no call for, or
            fails; more than 1000 of them.
    """
    path = os.path.join(servable.path, WARMUP_FILE)
    if not options.enable_model_warmup or not tf.io.gfile.exists(path):
        return 0
    iterations = max(1, options.num_request_iterations_for_warmup)
    tried: dict[int, tuple[Plan, list[Any]]] = {}
    count = 0
    for record in _records(path):
        count += 1
        if count > MAX_RECORDS:
            raise invalid_argument(
                "Number of warmup records exceeds the maximum (1000) at " + path
            )
        start = time.perf_counter()
        status = "OK"
        try:
            plan, arrays = _prepare(servable, record, options)
            for _ in range(iterations):
                plan.run(arrays)
            tried.setdefault(id(plan), (plan, []))[1].append(arrays)
        except Exception as error:
            failure = as_serving_error(error)
            status = failure.code.name
            raise ServingError(
                failure.code, f"Warmup request {count} of {path}: {failure.message}"
            ) from error
        finally:
            elapsed = (time.perf_counter() - start) * 1e6
            metrics.warmup_latency.observe((servable.path, status), elapsed)
            metrics.warmup_records.add((servable.path,))
    for plan, rows in tried.values():
        plan.prove(_distinct_rows(rows))
    return count


def _records(path: str) -> Iterator[Any]:
    """Read a TFRecord file of `PredictionLog`."""
    try:
        for data in tf.data.TFRecordDataset(path).as_numpy_iterator():
            try:
                yield prediction_log_pb2.PredictionLog.FromString(data)
            except Exception as error:
                raise invalid_argument(
                    f"Failed to parse warmup record: a PredictionLog was expected in "
                    f"{path}"
                ) from error
    except tf.errors.DataLossError as error:
        raise ServingError(
            Code.DATA_LOSS,
            f"{path}; Please verify your file is in TFRecord format; {error.message}",
        ) from error


def _prepare(servable: Servable, record: Any, options: Options) -> tuple[Plan, Any]:
    """Return what a record runs, and on what."""
    kind = record.WhichOneof("log_type")
    check = options.enable_signature_method_name_check
    prepared: Prediction | inference.Inference
    if kind == "predict_log":
        request = record.predict_log.request
        prepared = Prediction(servable, request, options.max_message_bytes)
    elif kind == "classify_log":
        request = record.classify_log.request
        prepared = inference.classify(servable, request, check)
    elif kind == "regress_log":
        request = record.regress_log.request
        prepared = inference.regress(servable, request, check)
    elif kind == "multi_inference_log":
        request = record.multi_inference_log.request
        multi_inference.check_tasks(request)
        prepared = multi_inference.multi_inference(servable, request, check)
    else:
        raise ServingError(
            Code.UNIMPLEMENTED,
            f"Unsupported log_type for warmup: {kind}",
        )
    return prepared.plan, prepared.arrays


def _distinct_rows(requests: list[Any]) -> list[list[np.ndarray]]:
    """Cut the recorded requests into single rows, the first few that differ."""
    rows: list[list[np.ndarray]] = []
    for arrays in requests:
        lengths = {len(array) if array.ndim else 0 for array in arrays}
        if len(lengths) != 1:
            continue
        for index in range(min(lengths.pop(), 4)):
            row = [array[index : index + 1] for array in arrays]
            same_shape = not rows or all(
                a.shape == b.shape for a, b in zip(row, rows[0], strict=True)
            )
            if same_shape and len(rows) < 4:
                rows.append(row)
    return rows
