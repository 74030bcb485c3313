"""Logs a sample of the requests and answers, as a model's `logging_config` asks.

Sources: tensorflow_serving/config/{logging_config,log_collector_config}.proto,
tensorflow_serving/core/{request_logger,server_request_logger}.cc. The stock
tensorflow_model_server has no collector and refuses the field. This server's collector
has the type "tfrecord": it writes TFRecord files of PredictionLog, which README.md
describes.
"""

import collections
import logging
import random
import re
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from tensorflow_serving.apis import prediction_log_pb2

from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.metrics import Metrics
from serving.server.record_files import RecordFiles

_log = logging.getLogger(__name__)

# Types of a collector: ours, and the empty default, which selects ours.
_TYPES = ("", "tfrecord")
# Bytes of requests that may wait to be written; more are dropped and counted.
_MAX_WAITING_BYTES = 64 << 20
_REQUEST_ID = "x-request-id"
# Ids that a caller may choose; they become part of a file and of a header.
VALID_ID = re.compile(r"[!-~]{1,128}")
LOG_FIELDS = {
    "Predict": "predict_log",
    "Classify": "classify_log",
    "Regress": "regress_log",
    "MultiInference": "multi_inference_log",
}
"""The fields of PredictionLog, by the call."""


def check_config(model: Any) -> None:
    """Checks the `logging_config` of a `ModelConfig`.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if not model.HasField("logging_config"):
        return
    collector = model.logging_config.log_collector_config
    where = f"Model {model.name}: logging_config"
    if collector.type not in _TYPES:
        raise invalid_argument(
            f"{where}: Cannot find LogCollector::Factory for type: {collector.type}; "
            "expected tfrecord"
        )
    if not collector.filename_prefix.startswith("/"):
        raise invalid_argument(
            f"{where}: expected an absolute path in filename_prefix, found "
            f"'{collector.filename_prefix}'"
        )
    rate = model.logging_config.sampling_config.sampling_rate
    if not 0 <= rate <= 1:
        raise invalid_argument(
            f"{where}: expected a sampling_rate from 0 to 1, found {rate}"
        )


class RequestLogs:
    """The logs of a server: one for each configuration of its models."""

    def __init__(self, metrics: Metrics, tags: Sequence[str], max_bytes: int):
        self._metrics = metrics
        self._tags = tuple(tags)
        self._max_bytes = max_bytes
        self._logs: dict[bytes, RequestLog] = {}
        self._by_model: dict[str, RequestLog] = {}

    def update(self, models: Iterable[Any]) -> None:
        """Replaces the configurations; models with equal ones share a log.

        Raises:
            ServingError: FAILED_PRECONDITION; a file cannot be written. Then nothing
                changes.
        """
        logs: dict[bytes, RequestLog] = {}
        by_model: dict[str, RequestLog] = {}
        for model in models:
            config = model.logging_config
            if not config.sampling_config.sampling_rate:
                continue
            key = config.SerializeToString(deterministic=True)
            if key not in logs:
                logs[key] = self._logs.get(key) or RequestLog(
                    config, self._metrics, self._tags, self._max_bytes
                )
            by_model[model.name] = logs[key]
        gone = [log for key, log in self._logs.items() if key not in logs]
        self._logs, self._by_model = logs, by_model
        for log in gone:
            log.close(time.monotonic() + 1)

    def sampled(self, model: str) -> "RequestLog | None":
        """Returns the log for the next request, or None if it is not sampled."""
        log = self._by_model.get(model)
        return log if log is not None and random.random() < log.rate else None

    def close(self, deadline: float) -> None:
        """Writes the waiting requests, until `time.monotonic()` is `deadline`."""
        for log in self._logs.values():
            log.close(deadline)


class RequestLog:
    """A log: a queue of requests, and a thread that writes them.

    Attributes:
        rate: share of the requests that are logged.
    """

    def __init__(
        self, config: Any, metrics: Metrics, tags: Sequence[str], max_bytes: int
    ):
        """Opens the first file; the arguments are those of `RequestLogs`.

        Raises:
            ServingError: FAILED_PRECONDITION; the file cannot be written.
        """
        self.rate = config.sampling_config.sampling_rate
        self._config = config
        self._metrics = metrics
        self._tags = tags
        prefix = config.log_collector_config.filename_prefix
        try:
            self._files = RecordFiles(prefix, max_bytes)
        except OSError as error:
            raise ServingError(
                Code.FAILED_PRECONDITION, f"Cannot log requests to {prefix}: {error}"
            ) from error
        self._waiting: collections.deque[tuple[Any, ...]] = collections.deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(
            target=self._work, name="request-log", daemon=True
        )
        self._thread.start()

    def record(
        self,
        servable: Any,
        api: str,
        signatures: Sequence[str],
        request: Any,
        response: Any,
        request_id: str,
        size: int,
    ) -> None:
        """Queues a request and its answer, together about `size` bytes.

        `PredictionService.log` describes the other arguments.
        """
        about = (servable.name, servable.version, api, tuple(signatures), request_id)
        with self._changed:
            if self._closing or self._waiting_bytes + size > _MAX_WAITING_BYTES:
                self._count(servable.name, Code.RESOURCE_EXHAUSTED)
                return
            self._waiting_bytes += size
            self._waiting.append((size, about, request, response, int(time.time())))
            self._changed.notify()

    def close(self, deadline: float) -> None:
        """Writes the waiting requests, until `time.monotonic()` is `deadline`."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting:
                    break
                size, about, request, response, now = self._waiting.popleft()
                self._waiting_bytes -= size
            code = Code.OK
            try:
                self._write(about, request, response, now)
            except OSError as error:
                code = Code.UNAVAILABLE
                _log.error("A request was not logged: %s", error)
            self._count(about[0], code)
        self._files.close()

    def _write(self, about: Any, request: Any, response: Any, now: int) -> None:
        model, version, api, signatures, request_id = about
        log = prediction_log_pb2.PredictionLog()
        metadata = log.log_metadata
        metadata.model_spec.name = model
        metadata.model_spec.version.value = version
        if len(signatures) == 1:
            metadata.model_spec.signature_name = signatures[0]
        metadata.sampling_config.CopyFrom(self._config.sampling_config)
        metadata.saved_model_tags.extend(self._tags)
        metadata.timestamp_secs = now
        part = getattr(log, LOG_FIELDS[api])
        part.request.CopyFrom(request() if callable(request) else request)
        response = response() if callable(response) else response
        if isinstance(response, bytes):
            part.response.ParseFromString(response)
        else:
            part.response.CopyFrom(response)
        self._files.append(
            log.SerializeToString(),
            {
                "request_id": request_id,
                "model": model,
                "version": version,
                "signatures": list(signatures),
                "timestamp_secs": now,
            },
        )

    def _count(self, model: str, code: Code) -> None:
        self._metrics.request_log_count.add((model, code.name))


def request_id_of(headers: Iterable[tuple[str, Any]]) -> str:
    """Returns the caller's `x-request-id`, or a new one if there is no valid one."""
    for name, value in headers:
        if name.lower() == _REQUEST_ID:
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            if VALID_ID.fullmatch(text):
                return text
    return str(uuid.uuid4())
