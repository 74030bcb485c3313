"""Replays a model's warm-up requests before it takes real ones.

Source: tensorflow_serving/servables/tensorflow/saved_model_warmup.cc.
"""

import os
import time
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.server import multi_inference
from serving.server.errors import Code, ServingError, as_serving_error, invalid_argument
from serving.server.flags import Options
from serving.server.inference import Inference
from serving.server.metrics import Metrics
from serving.server.predict import Prediction
from serving.server.request_log import LOG_FIELDS
from serving.server.servable import Servable
from serving.server.service import APIS

WARMUP_FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000


def replay(servable: Servable, options: Options, metrics: Metrics) -> int:
    """Runs the records of a servable's warm-up file, if it has one.

    Returns:
        The number of records that were run.

    Raises:
        ServingError: a record is malformed, has an unsupported kind, or fails; or
            there are more than 1000 records.
    """
    path = os.path.join(servable.path, WARMUP_FILE)
    if not options.enable_model_warmup or not tf.io.gfile.exists(path):
        return 0
    iterations = max(1, options.num_request_iterations_for_warmup)
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
            prepared = _prepare(servable, record, options)
            if prepared is None:
                continue
            for _ in range(iterations):
                prepared.plan.run(prepared.arrays)
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
    return count


def _records(path: str) -> Iterator[Any]:
    # With tf.data's tuner, the end of an iteration may take as long as all before it.
    untuned = tf.data.Options()
    untuned.autotune.enabled = False
    records = tf.data.TFRecordDataset(path).with_options(untuned)
    try:
        for data in records.as_numpy_iterator():
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


# A record's kind -> the function that prepares its request.
_PREPARE = {LOG_FIELDS[api]: prepare for api, prepare in APIS.items()}


def _prepare(
    servable: Servable, record: Any, options: Options
) -> Prediction | Inference | None:
    """Returns the prepared request of a record, or None for an empty record."""
    kind = record.WhichOneof("log_type")
    if kind is None:
        return None
    if kind not in _PREPARE:
        raise ServingError(
            Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}"
        )
    request = getattr(record, kind).request
    if kind == "multi_inference_log":
        multi_inference.check_tasks(request)
    prepared = _PREPARE[kind](servable, request, options)
    prepared.plan.shapes.fits(prepared.arrays)
    prepared.plan.shapes.check_inferred(prepared.arrays)
    return prepared
