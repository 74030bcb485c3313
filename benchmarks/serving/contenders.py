"""Starts the servers that are compared, each in its own process."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks.pipeline.process import end
from benchmarks.serving.load import predict_once
from contract.errors import BrokenError
from serving.launch.models import Model

START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under test: its name in `NAMES`, its address and its process id."""

    name: str
    address: str
    pid: int


def commands(model: Model, folder: Path) -> dict[str, list[str]]:
    """Returns the arguments of `python -m` for each contender; each takes a `--port`.

    Args:
        model: The model to serve.
        folder: Folder for a copy of the model without `rows_apart.json`, and for a
            configuration.
    """
    version = model.base_path / str(model.version)
    shutil.copytree(
        version,
        folder / "alone" / version.name,
        ignore=shutil.ignore_patterns("rows_apart.json"),
    )
    config = folder / "logged.config"
    config.write_text(
        f"""model_config_list {{ config {{
            name: "{model.name}" base_path: "{model.base_path}"
            model_platform: "tensorflow"
            logging_config {{
                log_collector_config {{
                    type: "tfrecord" filename_prefix: "{folder / "requests"}"
                }}
                sampling_config {{ sampling_rate: 0.01 }}
            }}
        }} }}"""
    )
    server = ["serving.server", f"--model_name={model.name}"]
    return {
        "embedded": [*server, f"--model_base_path={model.base_path}"],
        "alone": [*server, f"--model_base_path={folder / 'alone'}"],
        "logged": ["serving.server", f"--model_config_file={config}"],
        "plain": ["benchmarks.serving.plain", f"--model={version}"],
        "limit": ["benchmarks.serving.constant"],
        "core": ["benchmarks.serving.constant", "--core"],
    }


NAMES = ("embedded", "alone", "logged", "plain", "limit", "core")


@contextlib.contextmanager
def running(
    commands: Mapping[str, list[str]], model: str, logs: Path
) -> Iterator[list[Contender]]:
    """Starts the contenders, waits until each has answered, stops them at the end.

    Raises:
        BrokenError: A contender ended, or did not answer within `START_SECONDS`.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with contextlib.ExitStack() as stack:
        started = {}
        ports = _free_ports(len(commands))
        for (name, command), port in zip(commands.items(), ports, strict=True):
            log = stack.enter_context((logs / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", *command, f"--port={port}"],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )
            stack.callback(end, process)
            started[Contender(name, f"127.0.0.1:{port}", process.pid)] = process
        deadline = time.monotonic() + START_SECONDS
        for contender, process in started.items():
            _wait(contender, process, model, logs, deadline)
        yield list(started)


def _wait(
    contender: Contender,
    process: subprocess.Popen[bytes],
    model: str,
    logs: Path,
    deadline: float,
) -> None:
    while True:
        with contextlib.suppress(grpc.RpcError):
            predict_once(contender.address, model)
            return
        if process.poll() is not None or time.monotonic() > deadline:
            lines = (logs / f"{contender.name}.log").read_text().strip().splitlines()
            raise BrokenError(
                f"{contender.name} did not start: {lines[-1] if lines else 'silent'}"
            )
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
