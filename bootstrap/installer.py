"""Runs uv to make and fill this project's environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from bootstrap import indexes
from bootstrap.interpreters import Interpreter
from bootstrap.locks import Lock
from bootstrap.stamp import ENVIRONMENT, lock_files
from bootstrap.steps import run_step
from bootstrap.toolchain import require_toolchain
from bootstrap.uv import fetch_uv, pip_python
from bootstrap.uv_settings import write_settings

TOOLS = ".uv"


class Installer:
    """Runs uv with this machine's settings."""

    def __init__(
        self,
        root: Path,
        uv: Path,
        interpreter: Interpreter,
        environ: Mapping[str, str],
        descriptor: int,
    ) -> None:
        self._root = root
        self._uv = uv
        self._interpreter = interpreter
        self._environ = environ
        self._descriptor = descriptor

    @classmethod
    def prepare(
        cls,
        root: Path,
        interpreter: Interpreter,
        environ: Mapping[str, str],
        descriptor: int,
        locking: bool = False,
    ) -> Installer:
        """Checks the machine and fetches uv, to install or to resolve locks.

        Raises:
            SetupError: Something is missing here, or pip failed.
        """
        compilers = require_toolchain(interpreter, environ)
        tools = root / TOOLS
        requirements = root / "requirements" / "uv.txt"
        uv = fetch_uv(requirements, tools, interpreter, environ, descriptor)
        pip = pip_python(interpreter, tools, environ, descriptor)
        settings = indexes.pip_settings(pip, environ, whole_index_only=locking)
        variables = indexes.uv_variables(settings, environ)
        theirs = environ if locking else indexes.without_resolution(environ)
        configuration = tools / "uv.toml"
        if write_settings(pip, environ, configuration):
            variables["UV_CONFIG_FILE"] = str(configuration)
        return cls(
            root,
            uv,
            interpreter,
            {**theirs, **compilers, **variables},
            descriptor,
        )

    def make_environment(self) -> None:
        """Makes an empty environment, which replaces an existing one."""
        target = self._root / ENVIRONMENT
        if target.is_symlink() or target.is_file():
            target.unlink()
        shutil.rmtree(target, ignore_errors=True)
        options = ["--no-project", "--no-python-downloads", "--python"]
        self.run(
            "making an empty environment",
            *("venv", *options, self._interpreter.path, str(target)),
        )

    def install(self, lock: Lock, dev: bool) -> None:
        """Installs the lock and the project, and removes all other packages."""
        locks = [str(path) for path in lock_files(self._root, lock, dev)]
        python = ("--python", str(self._root / ENVIRONMENT / "bin" / "python"))
        # Sources are built with the lock's own setuptools, so that a later version
        # cannot break them, and its hash is checked, too.
        self.run(
            f"installing {' and '.join(map(os.path.basename, locks))}, byte-compiled",
            *("pip", "sync", *python, "--require-hashes", "--compile-bytecode"),
            *("--build-constraints", locks[0], *locks),
        )
        self.run(
            "installing the project",
            *("pip", "install", *python, "--offline", "--no-deps"),
            *("--no-build-isolation", "--editable", str(self._root)),
        )

    def run(self, title: str, *arguments: str) -> None:
        """Runs one uv command as a step of the set-up."""
        run_step(title, [str(self._uv), *arguments], self._environ, self._descriptor)
