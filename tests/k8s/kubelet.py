"""Does kubelet's work on a pod for a process on this machine."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.k8s.pods import init_of, port_numbers, server_of
from tests.k8s.rendering import ROOT, Manifest

MODELS = "/models"


@dataclass(frozen=True)
class Kubelet:
    """Runs the probes of a pod whose server is on this machine.

    Attributes:
        pod: Its PodSpec.
        ports: The real ports, by their numbers in the pod.
    """

    pod: Manifest
    ports: dict[int, int]

    def probe(self, name: str) -> bool:
        """Runs a probe once, as kubelet does.

        Args:
            name: ``startupProbe``, ``readinessProbe`` or ``livenessProbe``.
        """
        container = server_of(self.pod)
        probe = container[name]
        seconds = float(probe["timeoutSeconds"])
        if "grpc" in probe:
            return self._grpc(self.ports[probe["grpc"]["port"]], seconds)
        get = probe["httpGet"]
        port = self.ports[port_numbers(container)[get["port"]]]
        url = f"http://127.0.0.1:{port}{get['path']}"
        try:
            with urllib.request.urlopen(url, timeout=seconds) as answer:
                return 200 <= answer.status < 400
        except (urllib.error.URLError, OSError):
            return False

    @staticmethod
    def _grpc(port: int, seconds: float) -> bool:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest()  # for service "", as in kubelet
            try:
                answer = stub.Check(request, timeout=seconds)
            except grpc.RpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@dataclass(frozen=True)
class Started:
    """A pod's server as a process, with its output."""

    kubelet: Kubelet
    process: subprocess.Popen[bytes]
    log: Path


def free_ports() -> dict[int, int]:
    """Returns free ports of this machine, by the pod's gRPC and REST ports."""
    with socket.socket() as one, socket.socket() as other:
        for free in (one, other):
            free.bind(("127.0.0.1", 0))
        return {8500: one.getsockname()[1], 8501: other.getsockname()[1]}


def with_ports(arguments: list[str], ports: dict[int, int]) -> list[str]:
    """Returns a server's arguments with other ports."""
    found = []
    for word in arguments:
        name, _, value = word.partition("=")
        if name in ("--port", "--rest_api_port"):
            value = str(ports[int(value)])
        found.append(f"{name}={value}")
    return found


def write(folder: Path, path: str, content: str) -> None:
    """Writes a file of a container whose root is a folder."""
    file = folder / path.strip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content.replace(f'"{MODELS}/', f'"{folder}{MODELS}/'))


def run_init(container: Manifest, folder: Path) -> None:
    """Runs a container's script with a folder in place of its root."""
    (script,) = container["args"]
    for mount in container["volumeMounts"]:
        place = mount["mountPath"]
        script = script.replace(f"{place}/", f"{folder}{place}/")
    environment = {**os.environ, "HOSTNAME": "pod"}
    subprocess.run([*container["command"], script], check=True, env=environment)


def start(
    pod: Manifest,
    files: dict[str, str],
    folder: Path,
    ports: dict[int, int],
    replaced: dict[str, str],
) -> Started:
    """Starts a pod's server with the pod's own arguments and files.

    Args:
        pod: A PodSpec whose server is the embedded one.
        files: The files of its ConfigMaps.
        folder: Replaces the container's root.
        ports: The ports to use instead of the pod's.
        replaced: Flags with other values, to save time.
    """

    models = f"{folder}{MODELS}"
    os.makedirs(models, exist_ok=True)
    for path, content in files.items():
        write(folder, path, content)
    run_init(init_of(pod, "models-config"), folder)
    container = server_of(pod)
    arguments = []
    for word in with_ports(container["args"], ports):
        name, _, value = word.removeprefix("--").partition("=")
        if value in files or value.startswith(f"{MODELS}/"):
            value = f"{folder}{value}"
        arguments.append(f"--{name}={replaced.get(name, value)}")
    python, *module = container["command"]
    assert python == "python"
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, *module, *arguments],
            cwd=ROOT,
            stdout=stream,
            stderr=stream,
        )
    return Started(Kubelet(pod, ports), process, log)
