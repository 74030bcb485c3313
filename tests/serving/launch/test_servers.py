"""``make serve`` takes the best server of the machine, and tells which and why."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from serving import model_config
from serving.launch import servers
from serving.launch.cli import with_config
from serving.launch.models import LaunchError, Model, find_model, find_others
from serving.launch.servers import NotUsable, Ports, choose, image_for
from tests.serving.launch.conftest import push, server_binary


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
    assert image_for(tensorflow) == f"docker.io/tensorflow/serving:{tag}"


def test_no_image_is_better_than_an_older_one() -> None:
    with pytest.raises(NotUsable, match=r"\(up to 2.21.0\) is older .* 2.22.0"):
        image_for("2.22.0")


class TestChoice:
    """The best usable server is chosen, and the output explains why no better one."""

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

    def test_one_that_prints_no_text_is_passed_over(
        self, model: Model, path: Callable[[str, str], Path]
    ) -> None:
        path("tensorflow_model_server", "printf '\\377\\376'")
        server, reasons = choose("auto", model, Ports())
        assert server.what == "the embedded server"
        assert reasons[0].endswith("tensorflow_model_server --version does not work")

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
        image = server.command.index("docker.io/tensorflow/serving:2.17.0")
        assert server.command[image + 1 :] == servers.server_flags(
            model, Ports(9500, 9501)
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
            "image inspect docker.io/tensorflow/serving:2.17.0",
            "pull docker.io/tensorflow/serving:2.17.0",
        ]

    def test_to_say_what_would_be_started_nothing_is_fetched(
        self, model: Model, path: Callable[[str, str], Path]
    ) -> None:
        docker = path("docker", '[ "$1" != image ]')
        choose("auto", model, Ports(), fetch=False)
        assert docker.with_name("docker.log").read_text().splitlines() == ["info"]

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
                "docker.io/tensorflow/serving:2.17.0 could not be fetched",
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
        assert server.command[:4] == (sys.executable, "-P", "-m", "serving.server")
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

    def test_an_arm_machine_has_no_image(
        self, model: Model, path: Callable[[str, str], Path]
    ) -> None:
        path("docker", "echo ' Architecture: aarch64'")
        server, reasons = choose("auto", model, Ports())
        assert server.what == "the embedded server"
        assert reasons[-1] == (
            "docker.io/tensorflow/serving has images for amd64 only, and docker "
            "runs on aarch64"
        )
        own, _ = choose("container", model, Ports(), "registry/serving:arm")
        assert "registry/serving:arm" in own.command

    @pytest.mark.parametrize(
        ("engine", "enforce", "option"),
        [
            ("docker", "1", "--volume={0}:{0}:ro,z"),
            (
                "podman",
                "1",
                "--mount=type=bind,source={0},target={0},readonly,relabel=shared",
            ),
            (
                "docker",
                "0",
                "--mount=type=bind,source={0},target={0},readonly",
            ),
        ],
    )
    def test_the_mount_is_labelled_where_selinux_enforces(
        self,
        model: Model,
        path: Callable[[str, str], Path],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        engine: str,
        enforce: str,
        option: str,
    ) -> None:
        (tmp_path / "enforce").write_text(enforce)
        monkeypatch.setattr(servers, "SELINUX", tmp_path / "enforce")
        path(engine, "echo '  arch: amd64'")
        server, _ = choose("container", model, Ports())
        assert option.format(model.base_path) in server.command

    def test_a_comma_in_the_path_is_quoted(
        self, tmp_path: Path, path: Callable[[str, str], Path]
    ) -> None:
        push(tmp_path / "a,b", "mnist", "1")
        path("docker", "exit 0")
        server, _ = choose("container", find_model(tmp_path / "a,b", None), Ports())
        source = tmp_path / "a,b" / "mnist"
        assert (
            f'--mount=type=bind,"source={source}","target={source}",readonly'
            in server.command
        )

    def test_an_image_of_ones_own(
        self, model: Model, path: Callable[[str, str], Path]
    ) -> None:
        path("docker", "exit 0")
        server, _ = choose("container", model, Ports(), "registry/serving:1")
        assert "registry/serving:1" in server.command


class TestConfig:
    """A file beside the models names the served versions."""

    def test_it_is_made_and_read_again_and_again(self, models: Path) -> None:
        model, _, note = with_config(find_model(models, None), [], write=True)
        assert note == ""
        flags = servers.server_flags(model, Ports())
        assert f"--model_config_file={models.resolve()}/models.config" in flags
        assert "--model_config_file_poll_wait_seconds=5" in flags
        [found] = model_config.read(str(model.config)).model_config_list.config
        assert (found.name, found.base_path) == ("mnist", str(model.base_path))

    def test_what_was_in_it_stays_and_the_folder_may_have_moved(
        self, models: Path
    ) -> None:
        (models / "models.config").write_text(
            'model_config_list { config { name: "mnist" base_path: "/gone/mnist" '
            'model_platform: "tensorflow" version_labels { key: "stable" value: 7 } } }'
        )
        model, _, _ = with_config(find_model(models, None), [], write=True)
        [found] = model_config.read(str(model.config)).model_config_list.config
        assert found.base_path == str(model.base_path)
        assert dict(found.version_labels) == {"stable": 7}

    def test_every_pushed_model_is_served_by_a_server_that_can_read_them_all(
        self, models: Path
    ) -> None:
        push(models, "letters", "1600000000", "2.21.0")
        push(models, "broken", "1")
        (models / "broken/1/saved_model.pb").write_text("no SavedModel")
        model = find_model(models, None)
        others, problems = find_others(model)

        model, served, note = with_config(model, others, write=True)

        found = model_config.read(str(model.config)).model_config_list.config
        assert [one.name for one in found] == ["mnist", "letters"]
        assert (model.name, model.tensorflow) == ("mnist", "2.21.0")
        assert ([one.name for one in served], note) == (["letters"], "")
        [problem] = problems
        assert problem.startswith("broken is not served: ")

    def test_a_folder_for_reading_only_is_served_and_that_is_said(
        self, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(model_config, "_write", refuse)
        model, _, note = with_config(find_model(models, None), [], write=True)
        assert "Read-only file system" in note
        assert f"--model_base_path={model.base_path}" in servers.server_flags(
            model, Ports()
        )
