"""The servers that are compared, each in a process of its own."""

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

from benchmarks.serving.load import predict_once
from serving.launch.models import Model

START_SECONDS = 120.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under test.

    Attributes:
        name: One of `NAMES`.
        address: Where it listens.
        pid: Its process.
    """

    name: str
    address: str
    pid: int


class StartError(Exception):
    """A contender did not start; says what it printed last."""


@dataclass(frozen=True, slots=True)
class Command:
    """How a contender is started.

    Attributes:
        port: Where it will listen.
        arguments: What follows ``python -m``.
    """

    port: int
    arguments: tuple[str, ...]


def commands(model: Model, folder: Path) -> dict[str, Command]:
    """The command line of each contender, on free ports.

    Args:
        model: What they serve.
        folder: For a copy of it without its marker, and for a configuration.
    """
    embedded, alone, logged, plain, limit, core = _free_ports(6)
    shutil.copytree(
        model.base_path / str(model.version),
        folder / "alone" / str(model.version),
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
    served = ("serving.server", f"--model_name={model.name}")
    return {
        "embedded": Command(
            embedded,
            (*served, f"--port={embedded}", f"--model_base_path={model.base_path}"),
        ),
        "alone": Command(
            alone,
            (*served, f"--port={alone}", f"--model_base_path={folder / 'alone'}"),
        ),
        "logged": Command(
            logged,
            ("serving.server", f"--port={logged}", f"--model_config_file={config}"),
        ),
        "plain": Command(
            plain,
            (
                "benchmarks.serving.plain",
                f"--port={plain}",
                f"--model={model.base_path / str(model.version)}",
            ),
        ),
        "limit": Command(limit, ("benchmarks.serving.constant", f"--port={limit}")),
        "core": Command(
            core, ("benchmarks.serving.constant", f"--port={core}", "--core")
        ),
    }


NAMES = ("embedded", "alone", "logged", "plain", "limit", "core")


@contextlib.contextmanager
def running(
    commands: Mapping[str, Command], model: str, logs: Path
) -> Iterator[list[Contender]]:
    """Start the contenders, wait until each has answered, stop them at the end.

    Args:
        commands: By the contender's name.
        model: The name of the model they serve.
        logs: A folder for what they print.

    Raises:
        StartError: One ended, or did not answer within `START_SECONDS`.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with contextlib.ExitStack() as stack:
        processes = {}
        for name, command in commands.items():
            log = stack.enter_context((logs / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", *command.arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )
            stack.callback(_stop, process)
            processes[name] = process
        contenders = [
            Contender(name, f"127.0.0.1:{command.port}", processes[name].pid)
            for name, command in commands.items()
        ]
        deadline = time.monotonic() + START_SECONDS
        for contender in contenders:
            _wait(contender, processes[contender.name], model, logs, deadline)
        yield contenders


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
            raise StartError(
                f"{contender.name} did not start: {lines[-1] if lines else 'silent'}"
            )
        time.sleep(0.2)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
