"""Reads the text-format configuration files of `tensorflow_model_server`.

The pip package `tensorflow-serving-api` ships `ModelServerConfig`, but not
`BatchingParameters`, `MonitoringConfig` and `SSLConfig`. These messages are declared
here, so that protobuf's own text parser checks them: it reports an unknown field with
its line.

Sources: tensorflow_serving/config/{model_server,monitoring,ssl}_config.proto,
tensorflow_serving/servables/tensorflow/session_bundle_config.proto.
"""

import dataclasses
import itertools
import logging
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import Message

from serving.server import cpus
from serving.server.errors import invalid_argument
from serving.server.messages import declare

_log = logging.getLogger(__name__)

_message = declare(
    "tensorflow.serving",
    {
        "SSLConfig": """
            string server_key = 1;
            string server_cert = 2;
            string custom_ca = 3;
            bool client_verify = 4;
        """,
        "PrometheusConfig": """
            bool enable = 1;
            string path = 2;
        """,
        "MonitoringConfig": """
            PrometheusConfig prometheus_config = 1;
        """,
        "BatchingParameters": """
            Int64Value max_batch_size = 1;
            Int64Value batch_timeout_micros = 2;
            Int64Value max_enqueued_batches = 3;
            Int64Value num_batch_threads = 4;
            StringValue thread_pool_name = 5;
            repeated int64 allowed_batch_sizes = 6;
            bool pad_variable_length_inputs = 7;
            BoolValue enable_large_batch_splitting = 8;
            Int64Value max_execution_batch_size = 9;
        """,
    },
)


def read_text_proto(path: str, message: Message) -> Any:
    """Fills `message` from the text-format file at `path` and returns it.

    Raises:
        ServingError: INVALID_ARGUMENT; the file cannot be read, or is no
            text-format message of that type.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise invalid_argument(f"Cannot read '{path}': {error}") from error
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        name = message.DESCRIPTOR.full_name
        # Protobuf's C++ code prints this on stderr, where users expect it.
        _log.error("Error parsing text-format %s: %s: %s", name, path, error)
        raise invalid_argument(
            f"Invalid protobuf file: '{path}': Error parsing text-format {name}: "
            f"{error}"
        ) from error


def _read(path: str, name: str) -> Any:
    return read_text_proto(path, _message(name)())


@dataclasses.dataclass(frozen=True)
class TlsConfig:
    """SSLConfig: PEM contents, not paths."""

    server_key: bytes
    server_cert: bytes
    custom_ca: bytes | None
    client_verify: bool


def read_tls_config(path: str) -> TlsConfig:
    """Reads an SSLConfig.

    Raises:
        ServingError: the file is malformed, has no key or certificate, or requires
            client certificates without a certificate authority for them.
    """
    config = _read(path, "SSLConfig")
    for field in ("server_key", "server_cert"):
        if "-----BEGIN" not in getattr(config, field):
            raise invalid_argument(
                f"'{path}': {field}: expected the contents of a PEM file, found "
                f"{getattr(config, field)[:40]!r}"
            )
    if config.client_verify and not config.custom_ca:
        raise invalid_argument(
            f"'{path}': client_verify is true: expected the certificate authority of "
            "the clients in custom_ca, found none"
        )
    return TlsConfig(
        server_key=config.server_key.encode(),
        server_cert=config.server_cert.encode(),
        custom_ca=config.custom_ca.encode() or None,
        client_verify=config.client_verify,
    )


DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"


def read_metrics_path(path: str) -> str | None:
    """Returns the metrics path of a MonitoringConfig, or None if metrics are off."""
    prometheus = _read(path, "MonitoringConfig").prometheus_config
    if not prometheus.enable:
        return None
    if prometheus.path and not prometheus.path.startswith("/"):
        raise invalid_argument(
            f"'{path}': prometheus_config.path: expected it to start with '/', found "
            f"'{prometheus.path}'"
        )
    return prometheus.path or DEFAULT_METRICS_PATH


@dataclasses.dataclass(frozen=True)
class BatchingParameters:
    """Sizes and limits of batches.

    Attributes:
        max_batch_size: most rows of a batch.
        max_request_size: most rows of one request; None: no limit.
        batch_timeout_micros: longest wait of a request for others, in microseconds.
        max_enqueued_batches: full batches that may wait; None: no limit.
        batches_per_signature: batches of one signature that run at the same time.
        allowed_batch_sizes: increasing sizes to which batches are padded; empty: any.
        pad_variable_length_inputs: whether different shapes are padded to one.
    """

    max_batch_size: int = 128
    max_request_size: int | None = None
    batch_timeout_micros: int = 0
    max_enqueued_batches: int | None = None
    batches_per_signature: int = 1
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False


def read_batching_parameters(path: str) -> BatchingParameters:
    """Reads BatchingParameters; an empty `path` gives TensorFlow Serving's defaults.

    The defaults are SharedBatchScheduler's (tensorflow
    core/kernels/batching_util/shared_batch_scheduler.h): 1000 rows, no wait, 10
    batches in the queue, a thread per CPU.

    Raises:
        ServingError: the file is malformed or its values do not fit together.
    """
    config = _read(path, "BatchingParameters") if path else None

    def value(field: str, default: int, least: int) -> int:
        if config is None or not config.HasField(field):
            return default
        number = int(getattr(config, field).value)
        if number < least:
            raise invalid_argument(
                f"'{path}': {field}: expected at least {least}, found {number}"
            )
        return number

    largest = value("max_batch_size", 1000, 1)
    splitting = bool(config and config.enable_large_batch_splitting.value)
    batch = value("max_execution_batch_size", largest, 1) if splitting else largest
    threads = value("num_batch_threads", cpus.usable(), 1)
    sizes = tuple(config.allowed_batch_sizes) if config else ()
    if any(a >= b for a, b in itertools.pairwise(sizes)):
        raise invalid_argument(
            f"'{path}': allowed_batch_sizes entries must be in increasing order, found "
            f"{list(sizes)}"
        )
    if sizes and sizes[-1] != batch:
        raise invalid_argument(
            f"'{path}': Last entry in allowed_batch_sizes must match "
            f"{'max_execution_batch_size' if splitting else 'max_batch_size'}; last "
            f"entry was {sizes[-1]}; expected {batch}"
        )
    return BatchingParameters(
        max_batch_size=batch,
        max_request_size=None if splitting else largest,
        batch_timeout_micros=value("batch_timeout_micros", 0, 0),
        max_enqueued_batches=value("max_enqueued_batches", 10, 1),
        batches_per_signature=threads,
        allowed_batch_sizes=sizes,
        pad_variable_length_inputs=bool(config and config.pad_variable_length_inputs),
    )


def parse_channel_arguments(text: str) -> list[tuple[str, int | str]]:
    """Parses `--grpc_channel_arguments`: `key=value,...`; integers become `int`.

    Raises:
        ServingError: an entry has no `=`.
    """
    arguments: list[tuple[str, int | str]] = []
    for entry in filter(None, text.split(",")):
        key, equals, value = entry.partition("=")
        if not equals or not key:
            raise invalid_argument(
                f"--grpc_channel_arguments: expected key=value, found '{entry}'"
            )
        try:
            arguments.append((key, int(value)))
        except ValueError:
            arguments.append((key, value))
    return arguments
