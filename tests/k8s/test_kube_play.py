"""The serving pod runs in a container of podman, and the client asks it.

It runs if the project's image and an engine exist: MNIST_IMAGE names the image
(`make test-kubeflow` sets it), and CONTAINERS_CONF may have podman settings for the
machine. It is the rendered pod of overlays/local, except for what podman 4.3 cannot do:

- its projected volume becomes one ConfigMap with the same files, as podman does not
  support projected volumes;
- it uses the machine's network, on free ports, and so names no ports: podman cannot
  create networks on every machine;
- the image, the claim, the ConfigMap and the emptyDir get unique names, as podman's
  volumes are shared.

Podman does not run its probes (the tests run them), does not spread pods, does not
apply fsGroup, and sends SIGTERM at once, without preStop.
"""

import io
import os
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import yaml

from serving.client import Client
from serving.server.configs import read_tls_config
from tests.k8s import kubelet
from tests.k8s.conftest import Rendered
from tests.k8s.kubelet import Kubelet
from tests.k8s.pods import files_in, init_of, server_of, the_pod
from tests.k8s.rendering import K8S, Manifest
from tests.serving.client.pki import Pki

VERSION = 1700000000
START_SECONDS = 120

IMAGE = os.environ.get("MNIST_IMAGE", "")
PODMAN = shutil.which("podman")

pytestmark = [
    pytest.mark.skipif(not IMAGE, reason="MNIST_IMAGE names no image of the project"),
    pytest.mark.skipif(PODMAN is None, reason="no podman on the PATH"),
]


def podman(*arguments: str, stdin: bytes | None = None) -> str:
    """Runs podman; returns its output."""
    result = subprocess.run(
        ["podman", *arguments], input=stdin, capture_output=True, check=False
    )
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode()


@dataclass(frozen=True)
class Played:
    """A pod that podman runs.

    Attributes:
        container: The name of its server's container.
        kubelet: Runs its probes.
    """

    container: str
    kubelet: Kubelet


def playable(
    manifests: list[Manifest], name: str, ports: dict[int, int]
) -> list[Manifest]:
    """Returns the pod in the form that podman accepts; see above."""
    pod = the_pod(manifests)
    files = files_in(pod, manifests)
    container = {**server_of(pod), "image": IMAGE}
    container["args"] = kubelet.with_ports(container["args"], ports)
    del container["ports"]
    renamed = {"config": name, "models": f"{name}-models", "tmp": f"{name}-tmp"}
    container["volumeMounts"] = [
        {**mount, "name": renamed[mount["name"]]} for mount in container["volumeMounts"]
    ]
    volumes = []
    for volume in pod["volumes"]:
        new = {**volume, "name": renamed[volume["name"]]}
        if new.pop("projected", None):
            new["configMap"] = {"name": name}
        elif "persistentVolumeClaim" in new:
            new["persistentVolumeClaim"] = {"claimName": renamed["models"]}
        volumes.append(new)
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": {Path(path).name: content for path, content in files.items()},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                **pod,
                "hostNetwork": True,
                # Podman 4.3 removes an init container too early; see `played`.
                "initContainers": [],
                "containers": [container],
                "volumes": volumes,
            },
        },
    ]


def packed(folder: Path) -> bytes:
    """Returns a tar of a folder's content, owned by the image's user."""

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 65532
        return member

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(folder, arcname=".", filter=owned)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def played(
    rendered: Rendered, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    """The pod, with a model on its volume; it is removed at the end."""
    from tests.serving.server.saved_models import save_digits

    engine = subprocess.run(["podman", "info"], capture_output=True, text=True)
    if engine.returncode:
        pytest.skip(f"podman does not work here: {engine.stderr.strip()}")
    podman("image", "inspect", IMAGE)
    folder = tmp_path_factory.mktemp("play")
    save_digits(folder / "models" / "mnist" / str(VERSION))
    manifests = rendered("overlays/local")
    # The pod's init container does the same; test_flags.py and the kubelet run that.
    [config] = [
        content
        for path, content in files_in(the_pod(manifests), manifests).items()
        if path.endswith("/models.config")
    ]
    (folder / "models" / "models.config").write_text(config)
    name, ports = f"mnist-{uuid.uuid4().hex[:8]}", kubelet.free_ports()
    file = folder / "pod.yaml"
    file.write_text(yaml.safe_dump_all(playable(manifests, name, ports)))
    podman("volume", "create", f"{name}-models")
    try:
        tar = packed(folder / "models")
        podman("volume", "import", f"{name}-models", "-", stdin=tar)
        podman("kube", "play", str(file))
        yield Played(f"{name}-server", Kubelet(the_pod(manifests), ports))
    finally:
        subprocess.run(["podman", "pod", "rm", "--force", name], capture_output=True)
        for volume in (name, f"{name}-tmp", f"{name}-models"):
            subprocess.run(
                ["podman", "volume", "rm", "--force", volume], capture_output=True
            )


@pytest.fixture(scope="module")
def ready(played: Played) -> Played:
    """The pod, once it has started up."""
    from tests.serving.server.running import eventually

    eventually(lambda: played.kubelet.probe("startupProbe"), START_SECONDS)
    return played


def test_all_its_probes_are_good(ready: Played) -> None:
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert ready.kubelet.probe(name), name


def test_the_client_is_answered(ready: Played) -> None:
    with Client(f"127.0.0.1:{ready.kubelet.ports[8500]}") as client:
        images = np.zeros((3, 28, 28), np.uint8)
        answers = list(client.predict_digits(images))
    assert [answer.version for answer in answers] == [VERSION] * 3
    for answer in answers:
        assert sum(answer.probabilities) == pytest.approx(1, abs=1e-5)


def test_it_runs_as_the_images_user(ready: Played) -> None:
    assert podman("exec", ready.container, "id", "-u").strip() == "65532"


def test_it_can_write_to_nothing_but_tmp(ready: Played) -> None:
    script = "for d in / /models /etc/serving /app /tmp; do [ -w $d ] && echo $d; done"
    result = subprocess.run(
        ["podman", "exec", ready.container, "sh", "-c", script], capture_output=True
    )
    assert result.stdout.decode().split() == ["/tmp"]


def test_it_has_no_privileges_and_gets_none(ready: Played) -> None:
    status = podman("exec", ready.container, "cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert int(fields["CapEff"], 16) == 0
    assert int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"


def test_it_ends_in_order_and_starts_again(ready: Played) -> None:
    from tests.serving.server.running import eventually

    grace = ready.kubelet.pod["terminationGracePeriodSeconds"]
    podman("stop", "--time", str(grace), ready.container)
    state = podman("inspect", "--format", "{{.State.ExitCode}}", ready.container)
    assert state.strip() == "0"
    assert not ready.kubelet.probe("livenessProbe")
    podman("start", ready.container)
    eventually(lambda: ready.kubelet.probe("readinessProbe"), START_SECONDS)


def test_its_bash_writes_the_tls_configuration(
    rendered: Rendered, tmp_path: Path
) -> None:
    # Podman does not mount Secrets as volumes, so the init container runs alone.
    pki = Pki.make(tmp_path)
    init = init_of(the_pod(rendered("production+embedded")), "ssl-config")
    for folder in ("secret", "written"):
        (tmp_path / folder).mkdir()
    shutil.copy(pki.server_cert, tmp_path / "secret" / "tls.crt")
    shutil.copy(pki.server_key, tmp_path / "secret" / "tls.key")
    (tmp_path / "secret" / "tls.key").chmod(0o644)
    (tmp_path / "written").chmod(0o777)
    secret, file = init["args"]
    script = PurePosixPath(init["command"][1]).parent
    podman(
        *("run", "--rm", "--read-only", "--read-only-tmpfs=false", "--cap-drop=all"),
        f"--volume={tmp_path}/secret:{secret}:ro",
        f"--volume={K8S}/components/tls:{script}:ro",
        f"--volume={tmp_path}/written:{PurePosixPath(file).parent}",
        IMAGE,
        *init["command"],
        *init["args"],
    )
    config = read_tls_config(str(tmp_path / "written" / PurePosixPath(file).name))
    assert config.server_key == pki.server_key.read_bytes()
    assert config.server_cert == pki.server_cert.read_bytes()
