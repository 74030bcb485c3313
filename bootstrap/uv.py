"""Fetches the pinned uv with the machine's own pip."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from bootstrap import indexes
from bootstrap.errors import SetupError
from bootstrap.interpreters import Interpreter
from bootstrap.steps import run_step


def pinned_version(requirements: Path) -> str:
    """Returns the version that `uv.txt` pins."""
    pin = re.search(r"^uv==(\S+)", requirements.read_text(encoding="utf-8"), re.M)
    if pin is None:
        raise SetupError(f"{requirements} does not pin uv")
    return pin.group(1)


def fetch_uv(
    requirements: Path,
    folder: Path,
    interpreter: Interpreter,
    environ: Mapping[str, str],
    keep_open: int,
) -> Path:
    """Returns the uv executable; fetches it first if it is not here yet.

    Raises:
        SetupError: pip failed; its output has been shown.
    """
    version = pinned_version(requirements)
    home = folder / f"uv-{version}"
    if not (home / "bin" / "uv").is_file():
        beside = folder / "incoming"
        shutil.rmtree(beside, ignore_errors=True)
        pip = pip_python(interpreter, folder, environ, keep_open)
        variables = indexes.pip_variables(indexes.pip_settings(pip, environ), environ)
        command = [pip, "-m", "pip", "install", "--quiet", "--no-deps", "--no-input"]
        command += ["--disable-pip-version-check", "--no-warn-script-location"]
        command += ["--require-hashes", "--only-binary", ":all:"]
        command += ["--target", str(beside), "--requirement", str(requirements)]
        run_step(f"fetching uv {version}", command, variables, keep_open)
        # An existing folder is incomplete, so it is replaced.
        shutil.rmtree(home, ignore_errors=True)
        os.replace(beside, home)
    return home / "bin" / "uv"


def pip_python(
    interpreter: Interpreter, folder: Path, environ: Mapping[str, str], keep_open: int
) -> str:
    """Returns a Python that has pip: the machine's, or one unpacked by ensurepip."""
    if "pip" in interpreter.installers:
        return interpreter.path
    python = folder / "pip" / "bin" / "python"
    if not python.exists():
        command = [interpreter.path, "-m", "venv", "--clear", str(folder / "pip")]
        run_step("unpacking Python's own pip", command, environ, keep_open)
    return str(python)
