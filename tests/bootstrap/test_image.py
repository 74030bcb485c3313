from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from bootstrap import image
from bootstrap.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]


def engine(folder: Path, name: str, answers: bool, log: Path | None = None) -> None:
    """Puts a stand-in for a container engine into the folder."""
    folder.mkdir(exist_ok=True)
    script = folder / name
    keep = f'[ "$1" = info ] || printf "%s\\n" "$@" > {log}\n' if log else ""
    script.write_text(
        f"#!/bin/sh\n{keep}"
        + ("exit 0\n" if answers else 'echo "Cannot connect" >&2; exit 1\n')
    )
    script.chmod(0o755)


def test_the_first_engine_that_answers_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine(tmp_path, "docker", answers=False)
    engine(tmp_path, "podman", answers=True)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert image.find_engine(None) == str(tmp_path / "podman")


def test_an_engine_that_was_asked_for_is_the_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine(tmp_path, "podman", answers=True)
    engine(tmp_path, "docker", answers=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SetupError, match=r"docker does not answer \(Cannot connect\)$"):
        image.find_engine("docker")


def test_without_an_engine_each_one_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine(tmp_path, "podman", answers=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SetupError) as caught:
        image.find_engine(None)

    assert str(caught.value) == (
        "a container engine is needed: docker is not installed; "
        "podman does not answer (Cannot connect)"
    )


def test_the_image_is_tagged_and_labelled_with_the_packages_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "arguments"
    engine(tmp_path / "bin", "podman", answers=True, log=log)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    assert image.main(["--engine", "podman", "--layers=false"]) == 0

    command = log.read_text().splitlines()
    version = image.package_version(ROOT / "setup.py")
    assert command[:3] == ["build", "--tag", f"mnist-tfx-pipeline:{version}"]
    assert f"VERSION={version}" in command
    assert command[-2:] == ["--layers=false", str(ROOT)]


def test_a_failed_build_is_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text('#!/bin/sh\n[ "$1" = info ]\n')
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    assert image.main(["--engine", "docker"]) == 1
    assert "could not build mnist-tfx-pipeline:" in capfd.readouterr().err


def test_pips_settings_go_along_as_secrets_of_their_owner(tmp_path: Path) -> None:
    certificates = tmp_path / "certificates.pem"
    certificates.touch()
    settings = {
        "index-url": "https://user:password@index.example/simple",
        "cert": str(certificates),
    }

    options = image.secrets(settings, tmp_path)

    written = tmp_path / "pip.conf"
    assert options == [
        *("--secret", f"id=certificates,src={certificates}"),
        *("--secret", f"id=pip,src={written}"),
    ]
    assert written.read_text().splitlines() == [
        "[global]",
        "index-url = https://user:password@index.example/simple",
        "cert = /run/secrets/certificates",
    ]
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_certificates_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"^pip's cert: expected a file, found /none$"):
        image.secrets({"cert": "/none"}, tmp_path)


def test_settings_about_files_of_this_machine_stay_out_of_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    engine(tmp_path / "bin", "podman", answers=True)
    # The fake engine stores the secret that it gets.
    (tmp_path / "bin" / "podman").write_text(
        "#!/bin/sh\n"
        'for word; do case "$word" in id=pip,src=*) '
        f'cp "${{word#id=pip,src=}}" {tmp_path}/seen;; esac; done\n'
    )
    configuration = tmp_path / "pip.conf"
    configuration.write_text(
        "[global]\nindex-url = https://index.example/simple\n"
        "constraint = /etc/constraints.txt\nfind-links = /wheels\n"
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))

    assert image.main(["--engine", "podman"]) == 0

    handed_over = (tmp_path / "seen").read_text()
    assert "index-url = https://index.example/simple\n" in handed_over
    assert "constraint" not in handed_over
    assert "/wheels" not in handed_over
    said = capfd.readouterr().out
    assert "Left out of the build: pip's constraint\n" in said
    assert "Left out of the build: pip's find-links /wheels\n" in said


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def test_revision_is_the_commit_and_says_if_there_is_more(tmp_path: Path) -> None:
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert image.revision(tmp_path) == commit

    (tmp_path / "edit").write_text("more")
    assert image.revision(tmp_path) == f"{commit}-dirty"


def test_outside_of_a_checkout_the_revision_is_unknown(tmp_path: Path) -> None:
    assert image.revision(tmp_path) == "unknown"
