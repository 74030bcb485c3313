"""The servers know their flags, and the flags name existing files."""

import dataclasses
import re
from pathlib import Path, PurePosixPath

import pytest
from google.protobuf import text_format

from serving import model_config
from serving.server import configs, flags
from tests.k8s import kubelet
from tests.k8s.conftest import Rendered
from tests.k8s.pods import files_in, flag, init_of, server_of, the_pod, the_server
from tests.k8s.rendering import (
    DEPLOYED,
    EMBEDDED,
    SERVING,
    Manifest,
    model_name,
    the,
)

# The flags of tensorflow_serving/model_servers/main.cc in serving/server/flags.py.
FLAGS_OF_TENSORFLOW_SERVING = (
    {f.name for f in dataclasses.fields(flags.Options) if not f.metadata["ours"]}
) | set(flags._WITHOUT_EFFECT | flags._REFUSED)

REAL = [name for name in SERVING if name not in EMBEDDED]


@pytest.mark.parametrize("name", REAL)
def test_tensorflow_serving_has_the_flags(rendered: Rendered, name: str) -> None:
    container = the_server(rendered(name))
    assert container["command"] == ["/usr/bin/tensorflow_model_server"]
    names = [re.fullmatch("--([a-z_]+)=(.+)", word) for word in container["args"]]
    assert None not in names
    assert {match[1] for match in names if match} <= FLAGS_OF_TENSORFLOW_SERVING


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_embedded_server_takes_and_heeds_the_flags(
    rendered: Rendered, name: str
) -> None:
    container = the_server(rendered(name))
    assert container["command"] == ["python", "-m", "serving.server"]
    options = flags.parse(container["args"])
    assert options is not None
    assert options.bind_address == "0.0.0.0"
    without_effect = [
        word
        for word in container["args"]
        if word.removeprefix("--").partition("=")[0] in flags._WITHOUT_EFFECT
    ]
    assert without_effect == []


@pytest.mark.parametrize("name", SERVING)
def test_a_flag_is_given_once(rendered: Rendered, name: str) -> None:
    names = [word.partition("=")[0] for word in the_server(rendered(name))["args"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", DEPLOYED)
def test_files_named_by_flags_are_mounted(rendered: Rendered, name: str) -> None:
    manifests = rendered(name)
    pod = the_pod(manifests)
    named = {
        word.partition("=")[2]
        for word in server_of(pod)["args"]
        if word.partition("=")[0].endswith("_file")
    }
    there = set(files_in(pod, manifests))
    for container in pod["initContainers"]:
        if container["name"] == "ssl-config":
            there.add(container["args"][-1])
    # The init container copies this file to the volume.
    there.remove("/etc/serving/models.config")
    assert named == {*there, "/models/models.config"}


@pytest.mark.parametrize("name", DEPLOYED)
def test_the_batching_is_what_the_server_understands(
    rendered: Rendered, name: str, tmp_path: Path
) -> None:
    manifests = rendered(name)
    container = the_server(manifests)
    assert flag(container, "enable_batching") == "true"
    content = files_in(the_pod(manifests), manifests)[
        flag(container, "batching_parameters_file")
    ]
    file = tmp_path / "batching.config"
    file.write_text(content)
    parameters = configs.read_batching_parameters(str(file))
    assert parameters.max_batch_size == 128
    assert parameters.batch_timeout_micros == 0
    # The client's largest request, with 64 images by default, is never refused.
    assert parameters.max_request_size is None


def metrics_path(manifests: list[Manifest], folder: Path) -> str | None:
    """Returns the path of the server's metrics."""
    content = files_in(the_pod(manifests), manifests)[
        flag(the_server(manifests), "monitoring_config_file")
    ]
    file = folder / "monitoring.config"
    file.write_text(content)
    return configs.read_metrics_path(str(file))


@pytest.mark.parametrize("name", DEPLOYED)
def test_metrics_are_on(rendered: Rendered, name: str, tmp_path: Path) -> None:
    assert metrics_path(rendered(name), tmp_path) == configs.DEFAULT_METRICS_PATH


def test_prometheus_asks_where_the_metrics_are(
    rendered: Rendered, tmp_path: Path
) -> None:
    manifests = rendered("overlays/production")
    (endpoint,) = the(manifests, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["path"] == metrics_path(manifests, tmp_path)


@pytest.mark.parametrize("name", DEPLOYED)
def test_what_is_served_is_read_again_from_the_models_volume(
    rendered: Rendered, name: str, tmp_path: Path
) -> None:
    manifests = rendered(name)
    pod = the_pod(manifests)
    file = PurePosixPath(flag(server_of(pod), "model_config_file"))
    assert file.name == model_config.FILE
    wait = flag(server_of(pod), "model_config_file_poll_wait_seconds")
    assert int(wait) == model_config.POLL_SECONDS
    init = init_of(pod, "models-config")
    assert init["image"] == server_of(pod)["image"]
    volumes = {mount["mountPath"]: mount for mount in init["volumeMounts"]}
    assert "readOnly" not in volumes[str(file.parent)]

    # It writes the file once and never overwrites an existing one.
    for path, content in files_in(pod, manifests).items():
        kubelet.write(tmp_path, path, content)
    (tmp_path / "models").mkdir()
    for _ in range(2):
        kubelet.run_init(init, tmp_path)
        written = (tmp_path / "models" / file.name).read_text()
        assert written.endswith("\n}\n")
    (tmp_path / "models" / file.name).write_text("# another one\n")
    kubelet.run_init(init, tmp_path)
    assert (tmp_path / "models" / file.name).read_text() == "# another one\n"
    assert [path.name for path in (tmp_path / "models").iterdir()] == [file.name]


@pytest.mark.parametrize("name", DEPLOYED)
def test_the_model_lies_on_the_volume_that_is_mounted(
    rendered: Rendered, name: str
) -> None:
    manifests = rendered(name)
    pod = the_pod(manifests)
    text = files_in(pod, manifests)["/etc/serving/models.config"]
    config = _model_config(text)
    (mount,) = (
        mount
        for mount in server_of(pod)["volumeMounts"]
        if mount["mountPath"] == str(PurePosixPath(config["base_path"]).parent)
    )
    assert mount["readOnly"] is True
    (volume,) = (v for v in pod["volumes"] if v["name"] == mount["name"])
    assert volume["persistentVolumeClaim"] == {"claimName": "mnist-models"}
    assert config["name"] == model_name(name)
    assert PurePosixPath(config["base_path"]).name == config["name"]
    assert config["model_platform"] == "tensorflow"


def _model_config(text: str) -> dict[str, str]:
    """Returns the fields of the only model of a ModelServerConfig.

    Its message class would import TensorFlow; test_probes.py starts a server with the
    file. Adjacent strings are joined.
    """
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert "\n".join(lines).count("config {") == 1
    fields = (re.match(r"\s+(\w+): (.+)$", line) for line in lines)
    return {
        field[1]: "".join(re.findall(r"[\"']([^\"']*)[\"']", field[2]))
        for field in fields
        if field
    }


@pytest.mark.parametrize("name", DEPLOYED)
def test_connections_end_before_the_pod_does(rendered: Rendered, name: str) -> None:
    pod = the_pod(rendered(name))
    arguments = dict(
        configs.parse_channel_arguments(flag(server_of(pod), "grpc_channel_arguments"))
    )
    age = int(arguments["grpc.max_connection_age_ms"])
    grace = int(arguments["grpc.max_connection_age_grace_ms"])
    # gRPC adds up to 10 % to the age (proposal A9).
    longest = (age * 1.1 + grace) / 1000
    assert longest <= pod["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_embedded_server_has_time_to_drain(rendered: Rendered, name: str) -> None:
    pod = the_pod(rendered(name))
    container = server_of(pod)
    options = flags.parse(container["args"])
    assert options is not None
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = before + options.shutdown_grace_seconds
    assert needed < pod["terminationGracePeriodSeconds"]


def test_a_field_that_the_server_does_not_know_is_found(tmp_path: Path) -> None:
    file = tmp_path / "batching.config"
    file.write_text("max_batch_sice { value: 1 }")
    with pytest.raises(Exception, match="max_batch_sice") as raised:
        configs.read_batching_parameters(str(file))
    assert isinstance(raised.value.__cause__, text_format.ParseError)
