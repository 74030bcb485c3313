"""The command line accepts the flags of tensorflow_model_server."""

from __future__ import annotations

from typing import Any

import pytest

from serving.server.app import ModelServer
from serving.server.errors import Code, ServingError
from serving.server.flags import Options, parse


def test_a_manifest_s_command_line_starts_this_server_too() -> None:
    options = parse(
        [
            "--port=8500",
            "--rest_api_port=8501",
            "--model_config_file=/etc/tfs/models.config",
            "--model_config_file_poll_wait_seconds=30",
            "--monitoring_config_file=/etc/tfs/monitoring.config",
            "--enable_grpc_healthcheck_service=true",
            "--file_system_poll_wait_seconds=10",
            "--load_retry_interval_micros=5000000",
            "--allow_version_labels_for_unavailable_models",
            "--grpc_channel_arguments=grpc.max_connection_age_ms=300000",
            "--tensorflow_intra_op_parallelism=2",
            "--enable_batching",
            "--batching_parameters_file=/etc/tfs/batching.config",
            "--flush_filesystem_caches=false",
            "--grpc_max_threads=8",
        ]
    )
    assert options == Options(
        rest_api_port=8501,
        model_config_file="/etc/tfs/models.config",
        model_config_file_poll_wait_seconds=30,
        monitoring_config_file="/etc/tfs/monitoring.config",
        file_system_poll_wait_seconds=10,
        load_retry_interval_micros=5_000_000,
        allow_version_labels_for_unavailable_models=True,
        grpc_channel_arguments="grpc.max_connection_age_ms=300000",
        tensorflow_intra_op_parallelism=2,
        enable_batching=True,
        batching_parameters_file="/etc/tfs/batching.config",
        grpc_max_threads=8,
    )


def test_without_flags_only_this_host_is_served_and_models_stay_put() -> None:
    options = parse([])
    assert options == Options()
    assert options.bind_address == "127.0.0.1"
    assert not options.enable_reload_config_rpc


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--modle_name=x"], "unrecognized arguments: --modle_name=x"),
        (["--model_nam=x"], "unrecognized arguments: --model_nam=x"),
        (["stray"], "unrecognized arguments: stray"),
        (["--port=high"], "invalid int value: 'high'"),
        (["--port=70000"], "--port: expected 0 to 65535, found 70000"),
        (["--port=5", "--rest_api_port=5"], "cannot be same as --port"),
        (["--enable_batching=maybe"], "expected true or false, found 'maybe'"),
        (["--max_message_bytes=0"], "expected a positive number, found 0"),
        (["--use_alts_credentials"], "ALTS credentials are not supported"),
    ],
)
def test_mistakes(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--skip_initialize_tpu"],
        ["--mixed_precision="],
        ["--prefer_tflite_model=true"],
        ["--use_tflite_model=true"],
        ["--enforce_session_run_timeout=false"],
        ["--enable_profiler"],
    ],
)
def test_flags_that_tensorflow_model_server_takes(arguments: list[str]) -> None:
    assert parse([*arguments, "--port=9500"]) is not None


def test_another_name_of_a_flag() -> None:
    assert parse(["--use_tflite_model"]) == Options(prefer_tflite_model=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"batching_parameters_file": "/b.config"},
            "batching_parameters_file is set without setting server_options.enable",
        ),
        (
            {
                "tensorflow_session_parallelism": 1,
                "tensorflow_intra_op_parallelism": 1,
                "tensorflow_inter_op_parallelism": 1,
            },
            "You cannot configure all.",
        ),
    ],
)
def test_what_tensorflow_model_server_refuses(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ServingError, match=message) as caught:
        ModelServer(Options(model_base_path="/models", **options))
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_a_refused_flag_may_be_off() -> None:
    assert parse(["--use_alts_credentials=false"]) == Options()
