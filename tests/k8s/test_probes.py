"""The probes give the right results for a server that runs as in the pod."""

import dataclasses
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.client import Client
from tests.k8s import kubelet
from tests.k8s.conftest import Rendered
from tests.k8s.kubelet import Kubelet, Started
from tests.k8s.pods import files_in, the_pod
from tests.serving.server.running import eventually
from tests.serving.server.saved_models import save_digits

VERSION = 1700000000
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.fixture
def server(rendered: Rendered, tmp_path: Path) -> Iterator[Started]:
    """The local overlay's pod, as a process; its volume is empty."""
    manifests = rendered("overlays/local")
    pod = the_pod(manifests)
    (tmp_path / "models" / "mnist").mkdir(parents=True)
    started = kubelet.start(
        pod,
        files_in(pod, manifests),
        tmp_path,
        kubelet.free_ports(),
        # Versions are polled more often than on a real volume; the loopback replaces
        # the pod's own address.
        {"file_system_poll_wait_seconds": "1", "bind_address": "127.0.0.1"},
    )
    yield started
    started.process.kill()
    started.process.wait()


def probed(node: Kubelet) -> dict[str, bool]:
    return {name: node.probe(name) for name in PROBES}


def test_the_probes_follow_a_pod_through_its_life(
    server: Started, rendered: Rendered, tmp_path: Path
) -> None:
    node, process = server.kubelet, server.process
    models = tmp_path / "models" / "mnist"

    # No version is pushed yet: the server runs and waits, and has not started up.
    waits = "No versions of servable mnist found"
    eventually(lambda: waits in server.log.read_text() or process.poll() is not None)
    assert probed(node) == dict.fromkeys(PROBES, False)
    assert process.poll() is None, server.log.read_text()

    # The pipeline pushes a whole version, by a rename.
    save_digits(tmp_path / "beside")
    (tmp_path / "beside").rename(models / str(VERSION))
    eventually(lambda: node.probe("startupProbe"))
    assert probed(node) == dict.fromkeys(PROBES, True)
    with Client(f"127.0.0.1:{node.ports[8500]}") as client:
        assert client.wait() == VERSION

    # The volume is emptied: the pod gets no calls, and no restart.
    shutil.rmtree(models / str(VERSION))
    eventually(lambda: not node.probe("readinessProbe"))
    assert node.probe("livenessProbe")
    # With TLS on the gRPC port the probe differs, and its result is the same.
    tls = the_pod(rendered("production+embedded"))
    behind_tls = dataclasses.replace(node, pod=tls)
    assert not behind_tls.probe("readinessProbe")
    assert behind_tls.probe("livenessProbe")

    # A new version is served by the same process.
    save_digits(tmp_path / "again")
    (tmp_path / "again").rename(models / str(VERSION + 1))
    eventually(lambda: node.probe("readinessProbe"))

    # The pod's end: after SIGTERM the server stops in an orderly way.
    process.send_signal(signal.SIGTERM)
    grace = the_pod(rendered("overlays/local"))["terminationGracePeriodSeconds"]
    assert process.wait(grace) == 0
    assert probed(node) == dict.fromkeys(PROBES, False)
