"""The engines' processes: started as an installation starts them, ended with a test."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

JOB_PORT, REST_PORT, POOL_PORT = 8099, 8081, 50000

_OPENS = (
    *("java.base/java.lang", "java.base/java.lang.invoke", "java.base/java.util"),
    *("java.base/java.net", "java.base/java.nio", "java.base/java.time"),
    *("java.base/java.io", "java.base/java.util.concurrent", "java.base/sun.nio.ch"),
)
"""Of Java 17, what Flink and Spark reach into."""

FLINK_CONFIG = """
jobmanager.rpc.address: localhost
rest.address: localhost
rest.bind-address: localhost
taskmanager.numberOfTaskSlots: 2
taskmanager.network.sort-shuffle.min-parallelism: 128
classloader.resolve-order: parent-first
heartbeat.interval: 2000
heartbeat.timeout: 10000
slot.request.timeout: 20000
taskmanager.cpu.cores: 2
taskmanager.memory.task.heap.size: 384m
taskmanager.memory.task.off-heap.size: 64m
taskmanager.memory.network.min: 96m
taskmanager.memory.network.max: 96m
taskmanager.memory.managed.size: 256m
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
"""
"""The sizes are what Flink's start scripts, which no package has, would work out."""


def loopback_up() -> None:
    """Sets the loopback interface up, which a new network namespace has down."""
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        answer = fcntl.ioctl(any_socket, 0x8913, request)  # SIOCGIFFLAGS
        flags = struct.unpack("16sh14x", answer)[1] | 1  # IFF_UP
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", flags))


def wait_for(what: str, found: Callable[[], Any], seconds: float = 120) -> Any:
    """Waits until something is there; returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # What is just starting may answer with an error.
        with contextlib.suppress(OSError):
            if value := found():
                return value
        time.sleep(0.2)
    raise TimeoutError(f"{what}: not within {seconds} s")


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
        return True
    return False


@contextmanager
def process(
    command: Sequence[str], log: Path, port: int | None = None, **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a process, in a group of its own, while the block lasts."""
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, **env},
            start_new_session=True,
        ) as started,
    ):
        try:
            if port is not None:
                wait_for(
                    f"{command[0]}, see {log}",
                    lambda: listens(port) or started.poll() is not None,
                )
                assert started.poll() is None, log.read_text(errors="replace")[-2000:]
            yield started
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)


def java(jars: str, main: str, *args: str, heap: str = "768m") -> list[str]:
    opens = [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENS]
    return ["java", f"-Xmx{heap}", *opens, "-cp", f"{jars}/*", main, *args]


def job_server(jars: str, main: str, folder: Path, *args: str) -> list[str]:
    return java(
        jars,
        main,
        "--job-host=localhost",
        f"--job-port={JOB_PORT}",
        "--artifact-port=8098",
        "--expansion-port=-1",
        f"--artifacts-dir={folder / 'artifacts'}",
        *args,
    )


def pool() -> list[str]:
    return [
        sys.executable,
        "-m",
        "apache_beam.runners.worker.worker_pool_main",
        f"--service_port={POOL_PORT}",
    ]


def flink(path: str) -> Any:
    """Asks the REST API of a separate Flink."""
    url = f"http://localhost:{REST_PORT}/{path}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def flink_jobs() -> list[str]:
    """Returns the states of all jobs of a separate Flink."""
    return [str(job["state"]) for job in flink("jobs/overview")["jobs"]]
