"""``make serve`` takes the best server the machine has, and says which and why."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from serving.client.protocol import SavedModel
from serving.launch import servers
from serving.launch.errors import LaunchError
from serving.launch.models import Model, find_model
from serving.launch.servers import NotUsable, Ports, choose, image_for

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "serving" / "compose.yaml"


def push(models: Path, name: str, version: str, tensorflow: str = "2.16.2") -> None:
    """Put a SavedModel where the pipeline would."""
    saved = SavedModel()
    saved.meta_graphs.add().meta_info_def.tensorflow_version = tensorflow
    folder = models / name / version
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with one pushed model."""
    push(tmp_path / "models", "mnist", "1700000000")
    return tmp_path / "models"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Put programs on a PATH of their own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def program(name: str, script: str) -> Path:
        file = folder / name
        file.write_text(f'#!/bin/sh\necho "$@" >> {folder}/{name}.log\n{script}\n')
        file.chmod(0o755)
        return file

    return program


def server_binary(library: str) -> str:
    """A script that answers --version as tensorflow_model_server does."""
    return (
        f"[ \"$1\" = --version ] && echo 'TensorFlow ModelServer: 2.16.1-rc1' && "
        f"echo 'TensorFlow Library: {library}'; exit 0"
    )


def test_the_model_pushed_last_is_taken(models: Path) -> None:
    push(models, "mnist", "0001700000500", "2.19.1")
    push(models, "mnist", "not-a-version")
    (models / "mnist" / "1800000000").mkdir()  # still being copied
    assert find_model(models, None) == Model(
        "mnist", models / "mnist", 1700000500, "2.19.1"
    )


def test_the_newest_of_several_models_unless_one_is_named(models: Path) -> None:
    push(models, "other", "1700000001")
    assert find_model(models, None).name == "other"
    assert find_model(models, "mnist").version == 1700000000


@pytest.mark.parametrize(
    ("name", "message"),
    [(None, "no model was pushed to .*: run `make run` first"), ("x", "run `make")],
)
def test_nothing_pushed_is_one_clear_line(
    tmp_path: Path, name: str | None, message: str
) -> None:
    with pytest.raises(LaunchError, match=message):
        find_model(tmp_path, name)


def test_another_name_lists_what_there_is(models: Path) -> None:
    push(models, "other", "1")
    with pytest.raises(LaunchError, match=r"no model 'x' .*, found: mnist, other"):
        find_model(models, "x")


@pytest.mark.parametrize("content", [b"\xff\xff", b""])
def test_a_file_that_is_no_saved_model_is_named(models: Path, content: bytes) -> None:
    file = models / "mnist" / "1700000000" / "saved_model.pb"
    file.write_bytes(content)
    with pytest.raises(LaunchError, match=re.escape(str(file))):
        find_model(models, None)


@pytest.mark.parametrize(
    ("tensorflow", "tag"),
    [
        ("2.16.1", "2.16.1"),
        ("2.16.2", "2.17.0"),
        ("2.19.0", "2.19.1"),
        ("2.21.0", "2.21.0"),
    ],
)
def test_the_image_is_not_older_than_the_model(tensorflow: str, tag: str) -> None:
    assert image_for(tensorflow) == f"tensorflow/serving:{tag}"


def test_no_image_is_better_than_an_older_one() -> None:
    with pytest.raises(NotUsable, match=r"\(up to 2.21.0\) is older .* 2.22.0"):
        image_for("2.22.0")


class TestChoice:
    """What is chosen, and what is said about the rest."""

    @pytest.fixture
    def model(self, models: Path) -> Model:
        return find_model(models, None)

    def test_the_real_server_comes_first(
        self, model: Model, path: Callable[[str, str], Path]
    ) -> None:
        binary = path("tensorflow_model_server", server_binary("2.17.0"))
        path("docker", "exit 0")
        server, reasons = choose("auto", model, Ports())
        assert server.command == (
            str(binary),
            "--port=8500",
            "--rest_api_port=8501",
            "--model_name=mnist",
            f"--model_base_path={model.base_path}",
            "--load_retry_interval_micros=5000000",
        )
        assert reasons == []

    def test_an_older_real_server_is_passed_over(
        self, model: Model, path: Callable[[str, str], Path]
    ) -> None:
        path("tensorflow_model_server", server_binary("2.15.1"))
        server, reasons = choose("auto", model, Ports())
        assert server.what == "the embedded server"
        assert "has TensorFlow 2.15.1, older than the model's 2.16.2" in reasons[0]

    def test_then_a_running_engine_with_the_hardening_of_compose(
        self, model: Model, path: Callable[[str, str], Path]
    ) -> None:
        docker = path("docker", "exit 0")
        server, reasons = choose("auto", model, Ports(9500, 9501))
        assert reasons == ["no tensorflow_model_server on the PATH"]
        assert server.command[:3] == (str(docker), "run", "--rm")
        assert set(servers.HARDENING) <= set(server.command)
        assert "--publish=127.0.0.1:9500:9500" in server.command
        assert "--publish=127.0.0.1:9501:9501" in server.command
        image = server.command.index("tensorflow/serving:2.17.0")
        assert server.command[image + 1 :] == servers.server_flags(
            model, "/models/mnist", Ports(9500, 9501)
        )
        (user,) = (arg for arg in server.command if arg.startswith("--user="))
        assert not user.startswith("--user=0")

    def test_an_image_that_is_not_there_is_fetched(
        self, model: Model, path: Callable[[str, str], Path]
    ) -> None:
        docker = path("docker", '[ "$1" != image ]')
        choose("auto", model, Ports())
        assert docker.with_name("docker.log").read_text().splitlines() == [
            "info",
            "image inspect tensorflow/serving:2.17.0",
            "pull tensorflow/serving:2.17.0",
        ]

    @pytest.mark.parametrize(
        ("programs", "reason"),
        [
            ({}, "no container engine"),
            (
                {"docker": "exit 1"},
                "docker is installed but its engine does not answer",
            ),
            (
                {"podman": '[ "$1" = info ]'},
                "tensorflow/serving:2.17.0 could not be fetched",
            ),
        ],
    )
    def test_last_the_embedded_server_and_why(
        self,
        model: Model,
        path: Callable[[str, str], Path],
        programs: dict[str, str],
        reason: str,
    ) -> None:
        for name, script in programs.items():
            path(name, script)
        server, reasons = choose("auto", model, Ports())
        assert server.command[:3] == (sys.executable, "-m", "serving.server")
        assert reasons == ["no tensorflow_model_server on the PATH", reason]

    def test_podman_serves_where_docker_does_not_run(
        self, model: Model, path: Callable[[str, str], Path]
    ) -> None:
        path("docker", "exit 1")
        podman = path("podman", "exit 0")
        assert choose("auto", model, Ports())[0].command[0] == str(podman)

    @pytest.mark.parametrize("kind", ["binary", "container"])
    def test_one_that_is_asked_for_is_not_replaced(
        self, model: Model, path: Callable[[str, str], Path], kind: str
    ) -> None:
        with pytest.raises(LaunchError, match=f"--server {kind}: no "):
            choose(kind, model, Ports())

    def test_an_image_of_ones_own(
        self, model: Model, path: Callable[[str, str], Path]
    ) -> None:
        path("docker", "exit 0")
        server, _ = choose("container", model, Ports(), "registry/serving:1")
        assert "registry/serving:1" in server.command


class TestProcess:
    """The command itself, with a script in the real server's place."""

    @pytest.fixture
    def ports(self) -> tuple[int, int]:
        with socket.socket() as one, socket.socket() as other:
            for probe in (one, other):
                probe.bind(("127.0.0.1", 0))
            return (one.getsockname()[1], other.getsockname()[1])

    def start(self, models: Path, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "serving.launch", f"--models={models}", *arguments],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def test_signals_and_exit_codes_are_the_servers(
        self,
        models: Path,
        path: Callable[[str, str], Path],
        ports: tuple[int, int],
    ) -> None:
        script = server_binary("2.17.0").replace("; exit 0", " && exit 0")
        path(
            "tensorflow_model_server",
            f"{script}\n/bin/sleep 60 >/dev/null 2>&1 &\nchild=$!\n"
            "trap 'kill $child; exit 7' TERM\necho serving \"$6\"\nwait",
        )
        process = self.start(
            models,
            f"--port={ports[0]}",
            f"--rest_api_port={ports[1]}",
            "--",
            "--enable_batching",
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 7
        assert errors == ""
        assert lines[0].startswith(
            "Serving mnist version 1700000000 with tensorflow_model_server 2.17.0"
        )
        assert lines[1].split() == [
            "gRPC",
            f"localhost:{ports[0]}",
            "REST",
            f"http://localhost:{ports[1]}",
        ]
        assert lines[2].endswith(f"predict IMAGE --server localhost:{ports[0]}\n")
        assert lines[3] == "serving --enable_batching\n"

    def test_a_port_in_use_is_one_line(
        self, models: Path, path: Callable[[str, str], Path]
    ) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            _, errors = (process := self.start(models, f"--port={port}")).communicate()
        assert process.returncode == 1
        assert errors == (
            f"python -m serving.launch: port {port} is in use: stop what serves "
            "there, or choose --port and --rest_api_port\n"
        )

    def test_nothing_pushed_is_one_line(
        self, tmp_path: Path, path: Callable[[str, str], Path]
    ) -> None:
        process = self.start(tmp_path / "none")
        _, errors = process.communicate()
        assert process.returncode == 1
        assert errors == (
            f"python -m serving.launch: no model was pushed to {tmp_path / 'none'} "
            "yet: run `make run` first\n"
        )

    def test_a_dry_run_prints_the_command(
        self, models: Path, path: Callable[[str, str], Path]
    ) -> None:
        process = self.start(models, "--dry-run", "--server=embedded")
        output, _ = process.communicate()
        assert process.returncode == 0
        assert " -m serving.server --port=8500 " in output.splitlines()[-1]
        assert "draw:   http://localhost:8501/\n" in output


class TestCompose:
    """serving/compose.yaml asks for what `make serve` does."""

    @pytest.fixture(scope="class")
    def service(self) -> dict:
        return yaml.safe_load(COMPOSE.read_text())["services"]["serving"]

    def test_the_image_fits_the_training_tensorflow(self, service: dict) -> None:
        # Whichever lock trained: a server reads models of older TensorFlows, too.
        locks = [
            (ROOT / "requirements" / f"{lock}.txt").read_text()
            for lock in ("compat", "current")
        ]
        trained = re.findall(r"^tensorflow==([\d.]+)", "\n".join(locks), re.M)
        assert len(trained) == len(locks)
        newest = max(trained, key=lambda version: [int(x) for x in version.split(".")])
        repository, _, tag = image_for(newest).partition(":")
        assert service["image"] == f"{repository}:${{TF_SERVING_TAG:-{tag}}}"

    def test_the_architecture_is_the_images(self, service: dict) -> None:
        assert service["platform"] == "linux/amd64"

    def test_the_hardening_is_the_same(self, service: dict) -> None:
        asked = {
            "--init": service["init"] is True,
            "--read-only": service["read_only"] is True,
            "--tmpfs=/tmp": service["tmpfs"] == ["/tmp"],
            "--cap-drop=ALL": service["cap_drop"] == ["ALL"],
            "--security-opt=no-new-privileges": service["security_opt"]
            == ["no-new-privileges:true"],
        }
        assert asked == dict.fromkeys(servers.HARDENING, True)
        assert service["user"] == "${SERVING_USER:-1000:1000}"
        assert service["entrypoint"] == [servers.SERVER]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert all(volume["read_only"] for volume in service["volumes"])

    def test_the_flags_are_the_same(self, service: dict) -> None:
        model = Model("${MODEL_NAME:-mnist}", Path("/"), 1, "2.16.2")
        flags = servers.server_flags(model, f"/models/{model.name}", Ports())
        assert set(flags) <= set(service["command"])

    def test_the_health_check_needs_only_bash(self, service: dict) -> None:
        command, shell, option, line = service["healthcheck"]["test"]
        assert (command, shell, option) == ("CMD", "bash", "-c")
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = str(listener.getsockname()[1])
            check = ["/bin/bash", "-c", line.replace("8500", port)]
            assert subprocess.run(check, check=False).returncode == 0
        gone = subprocess.run(check, check=False, capture_output=True)
        assert gone.returncode == 1
