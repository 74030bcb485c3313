"""serving/compose.yaml has the same settings as ``make serve``."""

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from serving import model_config
from serving.launch import servers
from serving.launch.models import Model
from serving.launch.servers import Ports, image_for

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "serving" / "compose.yaml"


class TestCompose:
    """serving/compose.yaml has the same settings as `make serve`."""

    @pytest.fixture(scope="class")
    def service(self) -> dict:
        return yaml.safe_load(COMPOSE.read_text())["services"]["serving"]

    def test_the_image_fits_the_training_tensorflow(self, service: dict) -> None:
        # For the models of any lock file: a server reads models of older TensorFlows.
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
        # `make serve` labels the mount in the same way where SELinux enforces.
        assert all(volume["bind"]["selinux"] == "z" for volume in service["volumes"])

    def test_the_flags_are_the_same(self, service: dict) -> None:
        config = Path("${MODELS:-${PWD}/output/models}/models.config")
        model = Model("mnist", Path("/"), 1, "2.16.2", config)
        assert set(servers.server_flags(model, Ports())) <= set(service["command"])

    def test_the_file_of_what_is_served_is_written_once(self, tmp_path: Path) -> None:
        seed = yaml.safe_load(COMPOSE.read_text())["services"]["config"]
        (tmp_path / "models").mkdir()
        environment = {"MODELS": str(tmp_path / "models"), "MODEL_NAME": "letters"}
        [script] = seed["command"]
        command = [*seed["entrypoint"], script.replace("$$", "$")]
        for _ in range(2):
            subprocess.run(command, env=environment, check=True)
        path = model_config.path_in(environment["MODELS"])
        found = model_config.find(model_config.read(path), "letters")
        assert found.base_path == str(tmp_path / "models" / "letters")
        assert os.listdir(tmp_path / "models") == [model_config.FILE]

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
