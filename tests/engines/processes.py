"""The engines' processes: started as in an installation, and ended with a test."""

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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from runner.kubeflow.deployment import ENGINE
from tests.k8s.pods import containers, pod_specs
from tests.k8s.rendering import ROOT, Manifest, of_kind

SERVICES = ("beam-job-server", "flink-jobmanager")
"""Service names of k8s/flink that lead to this machine in the tests."""

POOL_PORT = int(ENGINE["workers"].rpartition(":")[2])

_OPENS = (
    *("java.base/java.lang", "java.base/java.lang.invoke", "java.base/java.util"),
    *("java.base/java.net", "java.base/java.nio", "java.base/java.time"),
    *("java.base/java.io", "java.base/java.util.concurrent", "java.base/sun.nio.ch"),
)
"""Packages of Java 17 that Spark accesses by reflection."""

_SOONER = """
heartbeat.interval: 2000
heartbeat.timeout: 10000
slot.request.timeout: 30000
"""
"""Settings with which a lost taskmanager is found in seconds instead of minutes."""


def loopback_up() -> None:
    """Enables the loopback interface, which is down in a new network namespace."""
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        answer = fcntl.ioctl(any_socket, 0x8913, request)  # SIOCGIFFLAGS
        flags = struct.unpack("16sh14x", answer)[1] | 1  # IFF_UP
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", flags))


def name_services(folder: Path) -> None:
    """Maps the Services' names to this machine, in the tests' mount namespace."""
    hosts = folder / "hosts"
    # Java resolves the machine's own name as well.
    names = " ".join(["localhost", socket.gethostname(), *SERVICES])
    hosts.write_text(f"127.0.0.1 {names}\n")
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)


def wait_for(what: str, found: Callable[[], Any], seconds: float = 240) -> Any:
    """Waits until something exists; returns it.

    Only a failure reaches the limit. It is long because a busy machine takes many times
    as long as a quick one.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # A process that is just starting may answer with an error.
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
    command: Sequence[str],
    log: Path,
    ports: Sequence[int] = (),
    cwd: Path = ROOT,
    **env: str,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a process in its own group for the duration of the block."""
    scratch = log.with_suffix(".tmp")
    scratch.mkdir(exist_ok=True)
    here = {
        # The project's Python comes first, as in its image.
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
        "TMPDIR": str(scratch),
        # No process runs long enough to profit from the optimising compiler.
        "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={scratch} -XX:TieredStopAtLevel=1 "
        "-XX:+UseSerialGC",
    }
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **here, **env},
            start_new_session=True,
        ) as started,
    ):
        try:
            wait_for(
                f"{command[0]}, see {log}",
                lambda: all(map(listens, ports)) or started.poll() is not None,
            )
            assert started.poll() is None, log.read_text(errors="replace")[-2000:]
            yield started
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)


def java(jars: str, main: str, *args: str) -> list[str]:
    opens = [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENS]
    return ["java", "-Xmx768m", *opens, "-cp", f"{jars}/*", main, *args]


def job_server(jars: str, main: str, port: int, folder: Path, *args: str) -> list[str]:
    return java(
        jars,
        main,
        "--job-host=localhost",
        f"--job-port={port}",
        f"--artifact-port={port - 1}",
        "--expansion-port=-1",
        f"--artifacts-dir={folder / 'artifacts'}",
        *args,
    )


def pool(port: int) -> list[str]:
    module = "apache_beam.runners.worker.worker_pool_main"
    return ["python", "-m", module, f"--service_port={port}"]


class Installation:
    """The containers of k8s/flink, as processes on this machine.

    Their commands, variables and files are those of the manifests. Paths in the image
    and in the pods' volumes are replaced by paths on this machine.
    """

    def __init__(
        self, manifests: list[Manifest], jars: str, folder: Path, stack: ExitStack
    ) -> None:
        self._containers: dict[str, Manifest] = {
            container["name"]: container
            for _, pod in pod_specs(manifests)
            for container in containers(pod)
        }
        config = folder / "flink"
        config.mkdir()
        [files] = of_kind(manifests, "ConfigMap")
        for name, content in files["data"].items():
            (config / name).write_text(content + _SOONER)
        self._paths = {
            "/opt/apache/beam/jars": jars,
            "/etc/flink": str(config),
            "/tmp/artifacts": str(folder / "artifacts"),
        }
        self._folder = folder
        self._stack = stack
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def complete(self) -> None:
        """Starts the processes that do not run, and waits until no job is active."""
        for name in ("jobmanager", "taskmanager", "job-server", "worker-pool"):
            if name not in self._started or self._started[name].poll() is not None:
                self._start(name)

        def is_idle() -> bool:
            found = flink("overview")
            slots = (found["slots-total"], found["slots-available"])
            return found["taskmanagers"] == 1 and slots == (2, 2)

        wait_for("two free slots", is_idle)

    def _start(self, name: str) -> None:
        container = self._containers[name]
        words = [*container["command"], *container["args"]]
        for of_pod, here in self._paths.items():
            words = [word.replace(of_pod, here) for word in words]
        ports = [port["containerPort"] for port in container.get("ports", [])]
        if name == "worker-pool":
            ports = [POOL_PORT]
        log = self._folder / f"{name}.log"
        env = {each["name"]: each["value"] for each in container.get("env", [])}
        running = process(words, log, ports, cwd=ROOT, **env)
        self._started[name] = self._stack.enter_context(running)

    def kill(self, name: str) -> None:
        os.killpg(self._started[name].pid, signal.SIGKILL)
        self._started[name].wait()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stops the workers for the block, so that no job ends by itself."""
        group = self._started["worker-pool"].pid
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)


def flink(path: str) -> Any:
    """Asks the REST API of a separate Flink."""
    url = f"http://{ENGINE['flink_rest']}/{path}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def flink_jobs(folder: str) -> list[Any]:
    """Returns all jobs that write to a folder."""
    from pipeline.engines.runners import job_name

    return [
        job
        for job in flink("jobs/overview")["jobs"]
        if job["name"].startswith(job_name(folder))
    ]
