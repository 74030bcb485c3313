"""Parses the command line: the flags of `tensorflow_model_server` and a few own ones.

Names and defaults are those of tensorflow_serving/model_servers/main.cc and
server.h (2.16). No heavy module is imported here, so that `--help` and errors in flags
are shown at once.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any

from serving.server import cpus

MEBIBYTE = 1 << 20
# Default number of threads in tensorflow_serving/model_servers/server.h.
_FOUR_A_CPU = 4 * cpus.usable()


def _flag(
    default: Any, text: str, *, ours: bool = False, positive: bool = False
) -> Any:
    """Declares a flag. `ours`: only this server has it. `positive`: it is above 0."""
    about = {"help": text, "ours": ours, "positive": positive}
    return dataclasses.field(default=default, metadata=about)


@dataclasses.dataclass(frozen=True)
class Options:
    """The server's options. Each field is the flag of the same name."""

    port: int = _flag(8500, "TCP port of the gRPC API; 0 turns it off")
    grpc_socket_path: str = _flag("", "also serve gRPC on this UNIX socket")
    grpc_channel_arguments: str = _flag(
        "",
        "comma-separated key=value channel arguments of the gRPC server, such as "
        "grpc.max_connection_age_ms=300000",
    )
    ssl_config_file: str = _flag(
        "",
        "text-format SSLConfig file that turns on TLS on the gRPC port: server_key, "
        "server_cert, custom_ca (PEM contents), client_verify",
    )
    enable_grpc_healthcheck_service: bool = _flag(
        True,
        "serve the standard grpc.health.v1 service (on here; off in "
        "tensorflow_model_server)",
    )
    rest_api_port: int = _flag(0, "port of the REST API; 0 turns it off")
    rest_api_timeout_in_ms: int = _flag(
        30_000, "time limit of a REST call, in milliseconds", positive=True
    )
    rest_api_enable_cors_support: bool = _flag(
        False, "send CORS headers with REST answers"
    )
    monitoring_config_file: str = _flag(
        "", "text-format MonitoringConfig file: Prometheus metrics on the REST port"
    )

    model_name: str = _flag(
        "default", "name of the only model (ignored with --model_config_file)"
    )
    model_base_path: str = _flag(
        "",
        "folder of the model, with its numbered version folders (ignored with "
        "--model_config_file, otherwise required)",
    )
    model_config_file: str = _flag(
        "",
        "text-format ModelServerConfig file: several models, version policies, labels",
    )
    model_config_file_poll_wait_seconds: int = _flag(
        0, "seconds between reads of --model_config_file; 0: read it only at the start"
    )
    saved_model_tags: str = _flag(
        "serve", "comma-separated tags of the MetaGraphDef to load"
    )
    file_system_poll_wait_seconds: float = _flag(
        1, "seconds between looks for new versions; 0: look once; negative: never"
    )
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "allow a new label for a version that is not available yet"
    )
    force_allow_any_version_labels_for_unavailable_models: bool = _flag(
        False,
        "allow any label for a version that is not available yet, even a label that "
        "already names another version",
    )
    max_num_load_retries: int = _flag(
        5, "number of times that a failed load is tried again"
    )
    load_retry_interval_micros: int = _flag(
        60_000_000,
        "microseconds before a failed load is tried again; negative: no wait",
    )
    num_load_threads: int = _flag(
        0, "number of versions loaded at the same time; 0 means one"
    )
    enable_model_warmup: bool = _flag(
        True,
        "replay assets.extra/tf_serving_warmup_requests before a version is available",
    )
    num_request_iterations_for_warmup: int = _flag(
        0, "number of times that each warm-up request is run; 0 means once"
    )

    enable_batching: bool = _flag(
        False, "batch requests, with the parameters in --batching_parameters_file"
    )
    batching_parameters_file: str = _flag("", "text-format BatchingParameters file")
    enable_per_model_batching_parameters: bool = _flag(
        False, "read the parameters from batching_params.pbtxt in each version folder"
    )
    tensorflow_session_parallelism: int = _flag(
        0, "number of threads for both of the next two flags"
    )
    tensorflow_intra_op_parallelism: int = _flag(
        0, "number of threads within one op; 0: half of the CPUs"
    )
    tensorflow_inter_op_parallelism: int = _flag(
        0,
        "number of ops that run at the same time; 0: the graph runs on the thread of "
        "its batch, which is the fastest for graphs of small ops",
    )
    tensorflow_session_config_file: str = _flag(
        "", "text-format ConfigProto file for the sessions"
    )
    per_process_gpu_memory_fraction: float = _flag(
        0.0, "largest share of the GPU's memory; 0: as much as the models need"
    )
    enable_signature_method_name_check: bool = _flag(
        False, "refuse a call if the signature's method_name is not the one of the API"
    )
    enable_serialization_as_tensor_content: bool = _flag(
        False,
        "answer Predict with tensor_content instead of typed fields such as float_val",
    )
    enforce_session_run_timeout: bool = _flag(
        True, "stop a graph that runs a loop at the deadline of the call"
    )
    enable_profiler: bool = _flag(
        False,
        "serve tensorflow.ProfilerService on the gRPC port (off here; on in "
        "tensorflow_model_server); then everyone who reaches the port can trace the "
        "server",
    )
    prefer_tflite_model: bool = _flag(
        False,
        "serve model.tflite instead of the SavedModel, if the version folder has one",
    )
    num_tflite_pools: int = _flag(
        1,
        "number of TensorFlow Lite interpreters per model; each runs one request at "
        "a time",
        positive=True,
    )
    mixed_precision: str = _flag(
        "", "set to bfloat16 to let oneDNN choose ops that it computes in bfloat16"
    )
    grpc_max_threads: int = _flag(
        _FOUR_A_CPU, "number of threads for gRPC requests, per model", positive=True
    )
    rest_api_num_threads: int = _flag(
        _FOUR_A_CPU, "number of threads for REST requests, per model", positive=True
    )

    bind_address: str = _flag(
        "127.0.0.1",
        "address on which both ports listen; 0.0.0.0 or [::] opens them to every host "
        "that reaches this one",
        ours=True,
    )
    max_message_bytes: int = _flag(
        64 * MEBIBYTE,
        "largest size of a request, and of a tensor that it declares",
        ours=True,
        positive=True,
    )
    max_concurrent_rpcs: int = _flag(
        4096,
        "most gRPC calls at the same time; further calls get RESOURCE_EXHAUSTED",
        ours=True,
        positive=True,
    )
    enable_reload_config_rpc: bool = _flag(
        False,
        "answer HandleReloadConfigRequest; then everyone who reaches the port can make "
        "the server load any folder that it can read",
        ours=True,
    )
    shutdown_grace_seconds: float = _flag(
        20.0, "longest wait for running requests after SIGTERM, in seconds", ours=True
    )
    max_rest_connections: int = _flag(
        4096,
        "most connections to the REST port; never more than half of the limit of open "
        "files",
        ours=True,
        positive=True,
    )
    request_log_max_bytes: int = _flag(
        1024 * MEBIBYTE,
        "most bytes on disk for each log of a logging_config",
        ours=True,
        positive=True,
    )
    page: str = _flag("", "HTML file that the REST port serves at /", ours=True)


# These flags are accepted, so that a command line for tensorflow_model_server also
# starts this server; they tune parts that do not exist here.
_WITHOUT_EFFECT = {
    "flush_filesystem_caches": bool,
    "num_tflite_interpreters_per_pool": int,
    "num_unload_threads": int,
    "remove_unused_fields_from_bundle_metagraph": bool,
    "skip_initialize_tpu": bool,
    "thread_pool_factory_config_file": str,
    "xla_cpu_compilation_enabled": bool,
}

# These flags are refused: a server that ignores them would serve another model, or
# serve without encryption.
_REFUSED = {
    "platform_config_file": (str, "platform configs"),
    "use_alts_credentials": (bool, "ALTS credentials"),
}
# Other names of flags, which main.cc still accepts.
_ALIASES = {"use_tflite_model": "prefer_tflite_model"}


def _boolean(text: str) -> bool:
    """Parses a Boolean flag as tensorflow/core/util/command_line_flags does."""
    value = text.lower()
    if value in ("true", "1", "t", "yes"):
        return True
    if value in ("false", "0", "f", "no"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, found {text!r}")


def _add(group: Any, name: str, kind: type, default: object, text: str) -> None:
    """Adds one flag; a Boolean flag needs no value, as in `--enable_batching`."""
    if kind is bool:
        group.add_argument(
            f"--{name}",
            type=_boolean,
            nargs="?",
            const=True,
            default=default,
            metavar="BOOL",
            help=text,
        )
    else:
        group.add_argument(
            f"--{name}", type=kind, default=default, metavar="X", help=text
        )


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser; its help groups the flags by their origin."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.server",
        description=(
            "Serve SavedModels over gRPC and REST, with the protocol and the flags of "
            "tensorflow_model_server."
        ),
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=32),
    )
    parser.add_argument(
        "--version", action="store_true", help="print the versions and exit"
    )
    theirs = parser.add_argument_group("flags of tensorflow_model_server")
    ours = parser.add_argument_group("flags of this server only")
    for field in dataclasses.fields(Options):
        group = ours if field.metadata["ours"] else theirs
        text = f"{field.metadata['help']} (default: {field.default!r})"
        escaped = text.replace("%", "%%")
        _add(group, field.name, type(field.default), field.default, escaped)
    for alias, name in _ALIASES.items():
        _add(theirs, alias, bool, None, f"another name of --{name}")
    idle = parser.add_argument_group(
        "flags of tensorflow_model_server accepted without effect"
    )
    for name, kind in _WITHOUT_EFFECT.items():
        _add(idle, name, kind, None, "no effect here")
    refused = parser.add_argument_group("flags of tensorflow_model_server refused here")
    for name, (kind, what) in _REFUSED.items():
        _add(refused, name, kind, None, f"{what} are not supported")
    return parser


def parse(arguments: Sequence[str] | None = None) -> Options | None:
    """Reads the command line.

    Returns:
        The options, or None if `--version` is given.

    Raises:
        SystemExit: a flag is unknown, malformed or refused (status 2), or the
            help was asked for (status 0).
    """
    parser = build_parser()
    values = vars(parser.parse_args(arguments))
    if values.pop("version"):
        return None
    for name in _WITHOUT_EFFECT:
        values.pop(name)
    for alias, name in _ALIASES.items():
        given = values.pop(alias)
        values[name] = values[name] if given is None else given
    for name, (_, what) in _REFUSED.items():
        if values.pop(name):
            parser.error(f"--{name}: {what} are not supported by this server")
    options = Options(**values)
    for name in ("port", "rest_api_port"):
        if not 0 <= getattr(options, name) <= 65535:
            parser.error(f"--{name}: expected 0 to 65535, found {values[name]}")
    if options.port and options.port == options.rest_api_port:
        parser.error(
            f"--rest_api_port cannot be same as --port, found {options.port} twice"
        )
    for field in dataclasses.fields(Options):
        value = values[field.name]
        if field.metadata["positive"] and value <= 0:
            parser.error(f"--{field.name}: expected a positive number, found {value}")
    return options
