"""The three kinds of server, and the choice between them."""

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
from serving.launch.errors import LaunchError
from serving.launch.models import Model
from serving.model_config import POLL_SECONDS

# Published tags of tensorflow/serving, oldest first. A server reads the models of
# its own TensorFlow and of older ones (tensorflow/serving#2168), so the first one
# that is not older than the model's is taken.
# With its registry: Podman asks a person, or fails, where a name is short.
IMAGE = "docker.io/tensorflow/serving"
IMAGE_TAGS = ("2.16.1", "2.17.0", "2.18.0", "2.19.1", "2.20.0", "2.21.0")

# The machines that its images are for, as engines call them.
IMAGE_MACHINES = ("amd64", "x86_64")

SELINUX = Path("/sys/fs/selinux/enforce")

SERVER = "/usr/bin/tensorflow_model_server"
# What serving/compose.yaml asks for, as arguments of `docker run`.
HARDENING = (
    "--init",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)

# The embedded server knows no page of its own.
PAGE = Path(page.__file__).with_name("index.html")

_PROBE_SECONDS = 15


class NotUsable(Exception):
    """A kind of server this machine does not have; says why."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports to serve on, as TensorFlow Serving's defaults."""

    grpc: int = 8500
    rest: int = 8501


@dataclass(frozen=True, slots=True)
class Server:
    """A server to start.

    Attributes:
        what: In words.
        command: The command line.
        environment: Variables that it needs beside ours.
        has_page: Whether it has the page to draw on.
    """

    what: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    has_page: bool = False


def image_for(tensorflow: str) -> str:
    """Returns the tag of the image for models of this TensorFlow.

    Raises:
        NotUsable: Every published one is older.
    """
    for tag in IMAGE_TAGS:
        if _numbers(tag) >= _numbers(tensorflow):
            return f"{IMAGE}:{tag}"
    raise NotUsable(
        f"every {IMAGE} image (up to {IMAGE_TAGS[-1]}) is older than the model's "
        f"TensorFlow {tensorflow}"
    )


def _numbers(version: str) -> tuple[int, ...]:
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
            # Labels that the file has when the server starts, with nothing loaded yet.
            "--allow_version_labels_for_unavailable_models=true",
        )
    return (
        f"--port={ports.grpc}",
        f"--rest_api_port={ports.rest}",
        *served,
        # A version seen half-copied is tried again after 5 s, not after a minute.
        "--load_retry_interval_micros=5000000",
    )


def binary(model: Model, ports: Ports) -> Server:
    """Returns the real server, installed on this machine."""
    path = shutil.which("tensorflow_model_server")
    if path is None:
        raise NotUsable("no tensorflow_model_server on the PATH")
    output = _output(path, "--version")
    match = re.search(r"TensorFlow Library: (\d+\.\d+\.\d+)", output or "")
    if match is None:
        raise NotUsable(f"{path} --version does not work")
    library = match[1]
    if _numbers(library)[:2] < _numbers(model.tensorflow)[:2]:
        raise NotUsable(
            f"{path} has TensorFlow {library}, older than the model's "
            f"{model.tensorflow}"
        )
    return Server(
        f"tensorflow_model_server {library} ({path}; it listens on all interfaces)",
        (path, *server_flags(model, ports)),
    )


def container(model: Model, ports: Ports, image: str | None, fetch: bool) -> Server:
    """Returns the real server in a container; its image is fetched if it is not here.

    Args:
        model: What it will serve.
        ports: Where.
        image: Its image; the one for the model's TensorFlow when None.
        fetch: Whether to fetch the image; else the server may be one without it.
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
    # By the same path as here, which is in the file that says what is served.
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
            # Of the engine, which may be a virtual machine; both print such a line.
            match = re.search(r"(?im)^\s*arch(?:itecture)?:\s*(\S+)", info)
            return engine, match[1].lower() if match else platform.machine().lower()
        reasons.append(f"{name} is installed but its engine does not answer")
    raise NotUsable(" and ".join(reasons) or "no container engine")


def _mount(engine: str, source: Path, target: str) -> str:
    """Returns the option that mounts a folder, for reading.

    Where SELinux enforces, a container reads only what is labelled for containers:
    the label is shared, as the pipeline goes on writing there.

    Raises:
        NotUsable: The engine cannot be told of such a path.
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
    """Returns options to run as whoever owns the pushed files, never as root."""
    if os.getuid() == 0:
        return ("--user=1000:1000",)
    user = f"--user={os.getuid()}:{os.getgid()}"
    if Path(engine).name == "podman":  # rootless: the same user inside as outside
        return ("--userns=keep-id", user)
    return (user,)


def embedded(model: Model, ports: Ports) -> Server:
    """This project's own server."""
    return Server(
        "the embedded server",
        (
            *code.command("serving.server"),
            *server_flags(model, ports),
            f"--page={PAGE}",
        ),
        code.environment(),
        has_page=True,
    )


KINDS = ("binary", "container", "embedded")
"""The better ones first."""


def choose(
    kind: str,
    model: Model,
    ports: Ports,
    image: str | None = None,
    *,
    fetch: bool = True,
) -> tuple[Server, list[str]]:
    """Chooses the server, and says why none of the better ones.

    `kind` is ``auto``, or one of `KINDS` to have that one or none; see `container`.

    Returns:
        The server, and a reason for each kind that was passed over.

    Raises:
        LaunchError: The kind asked for is not usable.
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
    """What a command prints, or None when it fails or hangs."""
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
