"""Records what an environment was made from, and compares it with the present inputs.

A set-up writes the stamp at its end and removes it at its start. So the set-up of an
environment without a stamp was interrupted, and the environment is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bootstrap.locks import Lock

ENVIRONMENT = ".venv"

_NO_MODULE = (".dist-info", "__pycache__")


@dataclass(frozen=True)
class Stamp:
    """The inputs of an environment.

    Attributes:
        root: The repository's folder; scripts and the installed project point there.
        lock: Name of the lock.
        python: The Python executable, with links resolved.
        requested: The executable as the user requested it; None if it was found.
        dev: Whether the test tools are installed.
        inputs: SHA-256 of each file that decides what is installed, by relative path.
        packages: Names of the installed folders and modules, which must stay.
    """

    root: str
    lock: str
    python: str
    requested: str | None
    dev: bool
    inputs: dict[str, str]
    packages: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Writes the stamp atomically."""
        beside = path.with_name(path.name + ".new")
        beside.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        os.replace(beside, path)

    @classmethod
    def read(cls, path: Path) -> Stamp | None:
        """Reads a stamp; returns None if there is no readable one."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):
            return None

    def serves(
        self, root: Path, lock: Lock, dev: bool, python: str | None = None
    ) -> bool:
        """Tells whether the environment has what is needed now.

        An environment with test tools serves a run as well.
        """
        return (
            not self.why_anew(root, lock, self.python)
            and python in (None, self.requested)
            and (self.dev or not dev)
            and hash_inputs(root, lock, dev).items() <= self.inputs.items()
        )

    def why_anew(self, root: Path, lock: Lock, python: str) -> str:
        """Returns why the environment cannot be updated in place; "" if it can."""
        if self.root != str(root):
            return f"it was made in {self.root}, where its scripts point to"
        if self.lock != lock.name:
            return f"it holds lock {self.lock}"
        if self.python != python:
            return f"it was made from {self.python}, but {python} is needed"
        if not os.path.exists(python):
            return f"{python}, from which it was made, is gone"
        gone = sorted(set(self.packages).difference(list_packages(root / ENVIRONMENT)))
        if gone:
            return f"{gone[0]} is gone from it"
        return ""


def list_packages(environment: Path) -> list[str]:
    """Returns the names of the folders and modules that an environment has installed.

    The folders that tell versions are left out: a person may have changed a version.
    """
    folders = environment.glob("lib/python*/site-packages")
    names = [path.name for folder in folders for path in folder.iterdir()]
    return sorted(name for name in names if not name.endswith(_NO_MODULE))


def hash_inputs(root: Path, lock: Lock, dev: bool) -> dict[str, str]:
    """Returns the SHA-256 of each file that decides what is installed."""
    files = [*lock_files(root, lock, dev), root / "requirements" / "uv.txt"]
    files.append(root / "setup.py")
    files.extend(sorted((root / "bootstrap").glob("*.py")))
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def lock_files(root: Path, lock: Lock, dev: bool) -> list[Path]:
    """Returns the lock for running and, with `dev`, the additional one for testing."""
    names = [f"{lock.name}.txt"] + ([f"{lock.name}-dev.txt"] if dev else [])
    return [root / "requirements" / name for name in names]
