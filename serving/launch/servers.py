"""Describes the three kinds of server and chooses between them."""

import csv
import io
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from serving import page
from serving.launch import code
from serving.launch.models import LaunchError, Model
from serving.model_config import POLL_SECONDS

# Published tags of tensorflow/serving, oldest first. A server reads the models of
# its own TensorFlow and of older ones (tensorflow/serving#2168), so the first tag
# that is not older than the model's TensorFlow is taken.
# The registry is named: for a short name Podman asks the user, or fails.
IMAGE = "docker.io/tensorflow/serving"
IMAGE_TAGS = ("2.16.1", "2.17.0", "2.18.0", "2.19.1", "2.20.0", "2.21.0")

# Architectures of the published images, as container engines name them.
IMAGE_MACHINES = ("amd64", "x86_64")

SELINUX = Path("/sys/fs/selinux/enforce")

SERVER = "/usr/bin/tensorflow_model_server"
# The restrictions of serving/compose.yaml, as arguments of `docker run`.
HARDENING = (
    "--init",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)

_PROBE_SECONDS = 15


class NotUsable(Exception):
    """This machine does not have that kind of server; the message says why."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports to serve on; the defaults are TensorFlow Serving's."""

    grpc: int = 8500
    rest: int = 8501


@dataclass(frozen=True, slots=True)
class Server:
    """A server to start.

    Attributes:
        what: Description for the user.
        command: The command line.
        environment: Variables that it needs besides ours.
        has_page: Whether it serves the page for drawing.
    """

    what: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    has_page: bool = False


def image_for(tensorflow: str) -> str:
    """Returns the tag of the image for models of this TensorFlow.

    Raises:
        NotUsable: All published images are older.
    """
    for tag in IMAGE_TAGS:
        if numbers(tag) >= numbers(tensorflow):
            return f"{IMAGE}:{tag}"
    raise NotUsable(
        f"every {IMAGE} image (up to {IMAGE_TAGS[-1]}) is older than the model's "
        f"TensorFlow {tensorflow}"
    )


def numbers(version: str) -> tuple[int, ...]:
    """Returns the numbers of a version, to compare it with others."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def server_flags(model: Model, ports: Ports) -> tuple[str, ...]:
    """Returns the flags that every server gets."""
    served: tuple[str, ...] = (
        f"--model_name={model.name}",
        f"--model_base_path={model.base_path}",
    )
    if model.config is not None:
        served = (
            f"--model_config_file={model.config}",
            f"--model_config_file_poll_wait_seconds={POLL_SECONDS}",
            # The file may have labels before the server has loaded a version.
            "--allow_version_labels_for_unavailable_models=true",
        )
    return (
        f"--port={ports.grpc}",
        f"--rest_api_port={ports.rest}",
        *served,
        # A version that is still being copied is tried again after 5 s, not 60 s.
        "--load_retry_interval_micros=5000000",
    )


def binary(model: Model, ports: Ports) -> Server:
    """Describes the real server that is installed on this machine."""
    path = shutil.which("tensorflow_model_server")
    if path is None:
        raise NotUsable("no tensorflow_model_server on the PATH")
    output = _output(path, "--version")
    match = re.search(r"TensorFlow Library: (\d+\.\d+\.\d+)", output or "")
    if match is None:
        raise NotUsable(f"{path} --version does not work")
    library = match[1]
    if numbers(library)[:2] < numbers(model.tensorflow)[:2]:
        raise NotUsable(
            f"{path} has TensorFlow {library}, older than the model's "
            f"{model.tensorflow}"
        )
    return Server(
        f"tensorflow_model_server {library} ({path}; it listens on all interfaces)",
        (path, *server_flags(model, ports)),
    )


def container(model: Model, ports: Ports, image: str | None, fetch: bool) -> Server:
    """Describes the real server in a container; fetches the image if it is missing.

    Args:
        model: The model to serve.
        ports: The ports to serve on.
        image: The image; None: the one for the model's TensorFlow.
        fetch: Whether to fetch a missing image.
    """
    own = image is not None
    image = image or image_for(model.tensorflow)
    engine, machine = _running_engine()
    if machine not in IMAGE_MACHINES and not own:
        raise NotUsable(
            f"{IMAGE} has images for amd64 only, and {Path(engine).name} runs on "
            f"{machine}"
        )
    if fetch and _output(engine, "image", "inspect", image) is None:
        print(f"Fetching {image} ...", flush=True)
        if subprocess.run([engine, "pull", image], check=False).returncode:
            raise NotUsable(f"{image} could not be fetched")
    # The container sees the folder at the same path: the configuration names that path.
    folder = model.config.parent if model.config else model.base_path
    return Server(
        f"{image} in {Path(engine).name}",
        (
            engine,
            "run",
            "--rm",
            *HARDENING,
            *_user(engine),
            f"--publish=127.0.0.1:{ports.grpc}:{ports.grpc}",
            f"--publish=127.0.0.1:{ports.rest}:{ports.rest}",
            _mount(engine, folder, str(folder)),
            f"--entrypoint={SERVER}",
            image,
            *server_flags(model, ports),
        ),
    )


def _running_engine() -> tuple[str, str]:
    reasons = []
    for name in ("docker", "podman"):
        engine = shutil.which(name)
        if engine is None:
            continue
        info = _output(engine, "info")
        if info is not None:
            # The engine's own architecture counts: it may run in a virtual machine.
            # Both engines print such a line.
            match = re.search(r"(?im)^\s*arch(?:itecture)?:\s*(\S+)", info)
            return engine, match[1].lower() if match else platform.machine().lower()
        reasons.append(f"{name} is installed but its engine does not answer")
    raise NotUsable(" and ".join(reasons) or "no container engine")


def _mount(engine: str, source: Path, target: str) -> str:
    """Returns the option that mounts a folder for reading.

    With SELinux enforcing, a container reads only files with a container label. The
    label is shared, because the pipeline goes on writing there.

    Raises:
        NotUsable: The engine's option cannot express the path.
    """
    fields = ["type=bind", f"source={source}", f"target={target}", "readonly"]
    if _selinux_enforces():
        if Path(engine).name == "podman":
            fields.append("relabel=shared")
        elif ":" in str(source):
            raise NotUsable(f"docker cannot label a folder with a colon: {source}")
        else:  # docker's --mount cannot label
            return f"--volume={source}:{target}:ro,z"
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return f"--mount={line.getvalue()}"


def _selinux_enforces() -> bool:
    try:
        return SELINUX.read_text().strip() == "1"
    except OSError:
        return False


def _user(engine: str) -> tuple[str, ...]:
    """Returns the options to run as the owner of the pushed files, never as root."""
    if os.getuid() == 0:
        return ("--user=1000:1000",)
    user = f"--user={os.getuid()}:{os.getgid()}"
    if Path(engine).name == "podman":  # rootless: the same user inside as outside
        return ("--userns=keep-id", user)
    return (user,)


def embedded(model: Model, ports: Ports) -> Server:
    """Describes this project's own server."""
    return Server(
        "the embedded server",
        (
            *code.command("serving.server"),
            *server_flags(model, ports),
            f"--page={page.FILE}",
        ),
        code.environment(),
        has_page=True,
    )


KINDS = ("binary", "container", "embedded")
"""The kinds of server, best first."""


def choose(
    kind: str,
    model: Model,
    ports: Ports,
    image: str | None = None,
    *,
    fetch: bool = True,
) -> tuple[Server, list[str]]:
    """Chooses the server, and explains why no better one was chosen.

    `kind` is ``auto``, or one of `KINDS` to accept only that one; for `image` and
    `fetch` see `container`.

    Returns:
        The server, and a reason for each kind that was passed over.

    Raises:
        LaunchError: The requested kind is not usable.
    """
    makers: dict[str, Callable[[], Server]] = {
        "binary": lambda: binary(model, ports),
        "container": lambda: container(model, ports, image, fetch),
        "embedded": lambda: embedded(model, ports),
    }
    reasons: list[str] = []
    for name in KINDS if kind == "auto" else [kind]:
        try:
            return makers[name](), reasons
        except NotUsable as error:
            reasons.append(str(error))
    raise LaunchError(f"--server {kind}: {reasons[0]}")


def _output(*command: str) -> str | None:
    """Returns the output of a command, or None when it fails or hangs."""
    try:
        result = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout if result.returncode == 0 else None
