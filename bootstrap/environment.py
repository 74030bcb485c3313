"""Makes `.venv`, or brings it up to date, or sees that it is right already."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bootstrap import indexes
from bootstrap.interpreters import Interpreter, find_interpreter
from bootstrap.locks import Lock
from bootstrap.stamp import Stamp, hash_inputs, lock_files
from bootstrap.steps import run_step
from bootstrap.toolchain import require_toolchain
from bootstrap.uv import fetch_uv, pip_python

ENVIRONMENT = ".venv"
TOOLS = ".uv"
STAMP = "set-up.json"

# How each lock is resolved, the test tools against what is installed to run.
_EVERYWHERE = ("--universal", "--python-version", "3.11")
_OLD_LINUX = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28")
_RESOLUTIONS = (
    ("uv", ("uv.in",), _EVERYWHERE),
    ("current", ("current.in",), _EVERYWHERE),
    ("current-dev", ("dev.in", "--constraints", "current.txt"), _EVERYWHERE),
    ("compat", ("compat.in",), _OLD_LINUX),
    ("compat-dev", ("dev.in", "--constraints", "compat.txt"), _OLD_LINUX),
)


def ensure_environment(
    root: Path,
    lock: Lock,
    reason: str,
    dev: bool,
    python: str | None,
    environ: Mapping[str, str],
) -> None:
    """Makes the environment right; does nothing where it is.

    Args:
        root: The repository's folder.
        lock: The lock to install.
        reason: Why that one, for the person who watches.
        dev: Install the test tools as well.
        python: The executable to make it from; None to find a fitting one.
        environ: The process environment.

    Raises:
        SetupError: It cannot be made; the message says what to do.
    """
    stamp_path = root / ENVIRONMENT / STAMP
    if _is_right(stamp_path, root, lock, dev, python):
        return
    with _alone(root / TOOLS) as descriptor:
        if _is_right(stamp_path, root, lock, dev, python):
            return
        started = time.monotonic()
        old = Stamp.read(stamp_path)
        # Tools that are there stay there: otherwise `make run` after a change of the
        # lock would take away what the next `make test` has to install again.
        dev = dev or bool(old and old.dev)
        interpreter = find_interpreter(
            lock, python, environ, preferred=old.python if old else None
        )
        print(
            f"Setting up {ENVIRONMENT}: lock {lock.name} ({reason}), {interpreter.name}"
            f"{', with the test tools' if dev else ''}",
            flush=True,
        )
        installer = Installer.prepare(root, interpreter, environ, descriptor)
        fresh = not (old and old.made_from(root, lock, interpreter.path))
        stamp_path.unlink(missing_ok=True)
        if fresh:
            installer.make_environment()
        installer.install(lock, dev)
        inputs = hash_inputs(root, lock, dev)
        Stamp(str(root), lock.name, interpreter.path, dev, inputs).write(stamp_path)
        print(f"Set-up took {time.monotonic() - started:.0f} s.", flush=True)


class Installer:
    """uv, and the settings it runs with here."""

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
        """Checks the machine, then fetches uv.

        Args:
            root: The repository's folder.
            interpreter: The Python to install for.
            environ: The process environment.
            descriptor: That of the set-up's file lock.
            locking: It is to resolve locks, not to install from them.

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
        return cls(
            root,
            uv,
            interpreter,
            {**environ, **compilers, **variables},
            descriptor,
        )

    def make_environment(self) -> None:
        """Makes an empty environment in the place of whatever is there."""
        target = self._root / ENVIRONMENT
        shutil.rmtree(target, ignore_errors=True)
        options = ["--no-project", "--no-python-downloads", "--python"]
        self.run(
            "making an empty environment",
            *("venv", *options, self._interpreter.path, str(target)),
        )

    def install(self, lock: Lock, dev: bool) -> None:
        """Makes the environment hold the lock and the project, and nothing else."""
        locks = [str(path) for path in lock_files(self._root, lock, dev)]
        python = ("--python", str(self._root / ENVIRONMENT / "bin" / "python"))
        # What is built from source is built with the lock's own setuptools, so that
        # a later one cannot break it, and its hash is checked like all others.
        self.run(
            f"installing {', '.join(os.path.basename(path) for path in locks)}",
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


def update_locks(
    root: Path,
    lock: Lock,
    python: str | None,
    environ: Mapping[str, str],
    options: Sequence[str],
) -> None:
    """Resolves `requirements/*.in` into the locks again.

    Args:
        root: The repository's folder.
        lock: A lock that fits this machine, to find a Python for.
        python: The executable whose pip fetches uv; None to find one.
        environ: The process environment.
        options: More options of `uv pip compile`; pins stay unless these upgrade them.

    Raises:
        SetupError: Something is missing here, or the resolution failed.
    """
    with _alone(root / TOOLS) as descriptor:
        interpreter = find_interpreter(lock, python, environ)
        installer = Installer.prepare(
            root, interpreter, environ, descriptor, locking=True
        )
        for name, source, resolution in _RESOLUTIONS:
            installer.run(
                f"resolving requirements/{name}.txt",
                *("--directory", str(root / "requirements"), "pip", "compile"),
                *(*source, *resolution, "--generate-hashes", "--quiet"),
                *("--no-emit-index-url", "--no-emit-find-links"),
                *("--custom-compile-command", "make lock", *options),
                *("--output-file", f"{name}.txt"),
            )


def _is_right(
    path: Path, root: Path, lock: Lock, dev: bool, python: str | None
) -> bool:
    stamp = Stamp.read(path)
    return stamp is not None and stamp.serves(root, lock, dev, python)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Keeps any other set-up of this folder waiting; yields the lock's descriptor."""
    import fcntl  # there is none on Windows, which has been turned away by now

    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is running here; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
