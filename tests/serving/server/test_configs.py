"""Configuration files: valid content is used, invalid content is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.server import configs
from serving.server.errors import ServingError

PEM = '"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n"'


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def write_text(text: str) -> str:
        path = tmp_path / "file.config"
        path.write_text(text)
        return str(path)

    return write_text


def test_batching_parameters(write: Callable[[str], str]) -> None:
    path = write(
        """
        max_batch_size { value: 32 }
        batch_timeout_micros { value: 5000 }
        max_enqueued_batches { value: 7 }
        num_batch_threads { value: 3 }
        thread_pool_name { value: "pool" }
        allowed_batch_sizes: 8
        allowed_batch_sizes: 32
        pad_variable_length_inputs: true
        """
    )
    assert configs.read_batching_parameters(path) == configs.BatchingParameters(
        max_batch_size=32,
        max_request_size=32,
        batch_timeout_micros=5000,
        max_enqueued_batches=7,
        batches_per_signature=3,
        allowed_batch_sizes=(8, 32),
        pad_variable_length_inputs=True,
    )


def test_without_a_file_the_scheduler_s_defaults() -> None:
    found = configs.read_batching_parameters("")
    assert (found.max_batch_size, found.max_request_size) == (1000, 1000)
    assert (found.batch_timeout_micros, found.max_enqueued_batches) == (0, 10)


def test_large_requests_may_be_let_through(write: Callable[[str], str]) -> None:
    found = configs.read_batching_parameters(
        write(
            "max_batch_size { value: 64 } max_execution_batch_size { value: 16 } "
            "enable_large_batch_splitting { value: true }"
        )
    )
    assert (found.max_batch_size, found.max_request_size) == (16, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_sise { value: 1 }", 'has no field named "max_batch_sise"'),
        ("max_batch_size { value: 0 }", "max_batch_size: expected at least 1, found 0"),
        ("allowed_batch_sizes: [8, 4]", "must be in increasing order, found [8, 4]"),
        ("allowed_batch_sizes: [8, 16]", "last entry was 16; expected 1000"),
    ],
)
def test_batching_parameters_that_do_not_fit(
    write: Callable[[str], str], text: str, message: str
) -> None:
    with pytest.raises(ServingError) as caught:
        configs.read_batching_parameters(write(text))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", None),
        ("prometheus_config { path: '/m' }", None),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ("prometheus_config { enable: true path: '/m' }", "/m"),
    ],
)
def test_where_the_metrics_are(
    write: Callable[[str], str], text: str, path: str | None
) -> None:
    assert configs.read_metrics_path(write(text)) == path


def test_a_metrics_path_is_absolute(write: Callable[[str], str]) -> None:
    with pytest.raises(ServingError, match="expected it to start with '/', found 'm'"):
        configs.read_metrics_path(write("prometheus_config { enable: true path: 'm' }"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"server_cert: {PEM}", "server_key: expected the contents of a PEM file"),
        (
            f"server_key: {PEM} server_cert: '/etc/cert.pem'",
            "server_cert: expected the contents of a PEM file, found '/etc/cert.pem'",
        ),
        (
            f"server_key: {PEM} server_cert: {PEM} client_verify: true",
            "expected the certificate authority of the clients in custom_ca",
        ),
    ],
)
def test_tls_that_would_not_protect(
    write: Callable[[str], str], text: str, message: str
) -> None:
    with pytest.raises(ServingError, match=message):
        configs.read_tls_config(write(text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="No such file or directory"):
        configs.read_metrics_path(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (
            "grpc.max_connection_age_ms=2000,grpc.name=x=y",
            [("grpc.max_connection_age_ms", 2000), ("grpc.name", "x=y")],
        ),
    ],
)
def test_channel_arguments(text: str, expected: Any) -> None:
    assert configs.parse_channel_arguments(text) == expected


def test_a_channel_argument_needs_a_value() -> None:
    with pytest.raises(ServingError, match=r"expected key=value, found 'grpc\.x'"):
        configs.parse_channel_arguments("grpc.x")
