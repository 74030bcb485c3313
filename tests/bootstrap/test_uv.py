"""The machine's pip fetches uv, here a fake one from a folder."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bootstrap.errors import SetupError
from bootstrap.exclusive import hold
from bootstrap.interpreters import Interpreter, probe
from bootstrap.uv import fetch_uv, pinned_version

WHEEL = "uv-0.0.1-py3-none-any.whl"


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    """This environment's Python, which has pip even if the system's Python has none."""
    found = probe(sys.executable)
    assert found is not None
    return dataclasses.replace(found, path=sys.executable, installers=("pip",))


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with a uv that prints a greeting."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    information = "uv-0.0.1.dist-info"
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        script = zipfile.ZipInfo("uv-0.0.1.data/scripts/uv")
        script.external_attr = 0o100755 << 16
        wheel.writestr(script, "#!/bin/sh\necho hello\n")
        wheel.writestr(
            f"{information}/METADATA",
            "Metadata-Version: 2.1\nName: uv\nVersion: 0.0.1\n",
        )
        wheel.writestr(
            f"{information}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{information}/RECORD", "")
    return folder


@pytest.fixture
def environ(wheels: Path, tmp_path: Path) -> dict[str, str]:
    """A machine whose pip knows only that folder, and has a user's settings."""
    pip_conf = tmp_path / "pip.conf"
    pip_conf.write_text(
        "[install]\nuser = true\ntarget = /nowhere\nprefix = /nowhere\n"
        "root = /nowhere\nno-binary = :all:\nconstraint = /nowhere\n"
        f"[global]\nno-index = true\nfind-links = {wheels}\n"
    )
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PIP_USER": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_CONFIG_FILE": str(pip_conf),
    }


@pytest.fixture
def requirements(tmp_path: Path, wheels: Path) -> Path:
    digest = hashlib.sha256((wheels / WHEEL).read_bytes()).hexdigest()
    path = tmp_path / "uv.txt"
    path.write_text(f"# a comment\nuv==0.0.1 \\\n    --hash=sha256:{digest}\n")
    return path


@pytest.mark.parametrize("installer", ["pip", "ensurepip"])
def test_is_fetched_once_and_runs(
    interpreter: Interpreter,
    environ: dict[str, str],
    requirements: Path,
    tmp_path: Path,
    installer: str,
) -> None:
    python = interpreter
    if installer == "ensurepip":
        python = dataclasses.replace(interpreter, installers=("ensurepip",))
    tools = tmp_path / "tools"

    with hold(tools) as lock:
        uv = fetch_uv(requirements, tools, python, environ, lock)
        nothing_to_fetch_from = {**environ, "PIP_FIND_LINKS": str(tmp_path)}
        again = fetch_uv(requirements, tools, python, nothing_to_fetch_from, lock)

    answer = subprocess.run([uv], capture_output=True, text=True, check=True)
    assert answer.stdout == "hello\n"
    assert again == uv == tools / "uv-0.0.1" / "bin" / "uv"


def test_that_is_there_in_part_is_fetched_again(
    interpreter: Interpreter,
    environ: dict[str, str],
    requirements: Path,
    tmp_path: Path,
) -> None:
    tools = tmp_path / "tools"
    (tools / "uv-0.0.1" / "lib").mkdir(parents=True)

    with hold(tools) as lock:
        assert fetch_uv(requirements, tools, interpreter, environ, lock).is_file()


def test_that_is_not_what_was_pinned_is_refused(
    interpreter: Interpreter,
    environ: dict[str, str],
    requirements: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    requirements.write_text(f"uv==0.0.1 --hash=sha256:{'0' * 64}\n")
    tools = tmp_path / "tools"

    with hold(tools) as lock, pytest.raises(SetupError) as refusal:
        fetch_uv(requirements, tools, interpreter, environ, lock)

    assert str(refusal.value) == "fetching uv 0.0.1 failed, as shown above"
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err
    assert not (tools / "uv-0.0.1").exists()


def test_that_pip_cannot_read_its_configuration_is_told(
    interpreter: Interpreter,
    environ: dict[str, str],
    requirements: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "pip.conf").write_text("no section = at all\n")
    tools = tmp_path / "tools"

    with hold(tools) as lock, pytest.raises(SetupError, match=r"pip\.conf"):
        fetch_uv(requirements, tools, interpreter, environ, lock)


def test_pin_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "uv.txt"
    path.write_text("uv>=0.13\n")

    with pytest.raises(SetupError) as refusal:
        pinned_version(path)

    assert str(refusal.value) == f"{path} does not pin uv"
