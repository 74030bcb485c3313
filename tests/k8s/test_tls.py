"""The Secret's PEM files become the configuration that both servers read."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.server.configs import read_tls_config
from tests.k8s.conftest import Rendered
from tests.k8s.pods import init_of, the_pod
from tests.k8s.rendering import K8S
from tests.serving.client.pki import Pki

SCRIPT = K8S / "components" / "tls" / "ssl-config.sh"


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    (tmp_path / "pki").mkdir()
    return Pki.make(tmp_path / "pki")


@pytest.fixture
def secret(tmp_path: Path, pki: Pki) -> Iterator[Path]:
    """The Secret as kubelet mounts it: links to files that cannot be written."""
    folder = tmp_path / "secret"
    (folder / "..data").mkdir(parents=True)
    for name, source in (
        ("tls.crt", pki.server_cert),
        ("tls.key", pki.server_key),
        ("ca.crt", pki.ca),
    ):
        shutil.copy(source, folder / "..data" / name)
        (folder / name).symlink_to(Path("..data") / name)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def run(
    secret: Path, file: Path, client_verify: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the script as in the pod, with only bash on the PATH."""
    environment = {"PATH": ""}
    if client_verify is not None:
        environment["CLIENT_VERIFY"] = client_verify
    return subprocess.run(
        ["/bin/bash", str(SCRIPT), str(secret), str(file)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("client_verify", [None, "false"])
def test_the_server_gets_its_key_and_certificate(
    secret: Path, pki: Pki, tmp_path: Path, client_verify: str | None
) -> None:
    file = tmp_path / "ssl.config"
    result = run(secret, file, client_verify)
    assert (result.returncode, result.stderr) == (0, "")
    config = read_tls_config(str(file))
    assert config.server_key == pki.server_key.read_bytes()
    assert config.server_cert == pki.server_cert.read_bytes()
    assert config.custom_ca is None
    assert not config.client_verify


def test_clients_are_verified_where_it_is_asked_for(
    secret: Path, pki: Pki, tmp_path: Path
) -> None:
    file = tmp_path / "ssl.config"
    assert run(secret, file, "true").returncode == 0
    config = read_tls_config(str(file))
    assert config.custom_ca == pki.ca.read_bytes()
    assert config.client_verify


def test_line_ends_of_another_kind_are_understood(
    secret: Path, pki: Pki, tmp_path: Path
) -> None:
    crlf = pki.server_cert.read_bytes().replace(b"\n", b"\r\n")
    (secret / "..data" / "tls.crt").write_bytes(crlf)
    file = tmp_path / "ssl.config"
    assert run(secret, file).returncode == 0
    assert read_tls_config(str(file)).server_cert == pki.server_cert.read_bytes()


def test_nobody_else_reads_the_key(secret: Path, tmp_path: Path) -> None:
    file = tmp_path / "ssl.config"
    assert run(secret, file).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "client_verify"),
    [("tls.key", "false"), ("tls.crt", "false"), ("ca.crt", "true")],
)
def test_what_is_missing_is_named_and_nothing_is_written(
    secret: Path, tmp_path: Path, name: str, client_verify: str
) -> None:
    (secret / "..data" / name).unlink()
    file = tmp_path / "ssl.config"
    result = run(secret, file, client_verify)
    assert result.returncode == 1
    assert result.stderr == (
        f"ssl-config.sh: {secret}/{name}: expected a PEM file, found none\n"
    )
    assert not file.exists()


def test_what_is_no_pem_is_named_and_nothing_is_written(
    secret: Path, tmp_path: Path
) -> None:
    (secret / "..data" / "tls.key").write_text('"; client_verify: false')
    file = tmp_path / "ssl.config"
    result = run(secret, file)
    assert result.returncode == 1
    assert "tls.key: expected PEM, found something else" in result.stderr
    assert not file.exists()


def test_the_pod_runs_this_script_so(rendered: Rendered) -> None:
    init = init_of(the_pod(rendered("overlays/production")), "ssl-config")
    mounted = f"/etc/serving-tls-script/{SCRIPT.name}"
    assert init["command"] == ["/bin/bash", mounted]
    assert len(init["args"]) == 2
    assert [variable["name"] for variable in init["env"]] == ["CLIENT_VERIFY"]
