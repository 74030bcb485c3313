"""What an environment was made from, and whether that is still what is wanted.

The stamp is the last thing that a set-up writes and the first that it removes, so
an environment without one was interrupted and is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from bootstrap.locks import Lock


@dataclass(frozen=True)
class Stamp:
    """What an environment was made from.

    Attributes:
        root: The repository's folder; scripts and the installed project point there.
        lock: Name of the lock.
        python: The executable that it was made from, links resolved.
        requested: That executable as it was asked for, None where it was found.
        dev: The test tools are in it.
        inputs: SHA-256 of each file that decided what is in it, by relative path.
    """

    root: str
    lock: str
    python: str
    requested: str | None
    dev: bool
    inputs: dict[str, str]

    def write(self, path: Path) -> None:
        """Writes the stamp; it appears whole."""
        beside = path.with_name(path.name + ".new")
        beside.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        os.replace(beside, path)

    @classmethod
    def read(cls, path: Path) -> Stamp | None:
        """Reads a stamp; None where there is none that can be read."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):
            return None

    def serves(
        self, root: Path, lock: Lock, dev: bool, python: str | None = None
    ) -> bool:
        """Tells whether the environment is right for what is wanted now.

        An environment with test tools serves a run as well.
        """
        return (
            not self.why_anew(root, lock, self.python)
            and python in (None, self.requested)
            and (self.dev or not dev)
            and hash_inputs(root, lock, dev).items() <= self.inputs.items()
        )

    def why_anew(self, root: Path, lock: Lock, python: str) -> str:
        """Returns why it cannot be brought up to date in place; empty if it can."""
        if self.root != str(root):
            return f"it was made in {self.root}, where its scripts point to"
        if self.lock != lock.name:
            return f"it holds lock {self.lock}"
        if self.python != python:
            return f"it was made from {self.python}, and is to be from {python}"
        if not os.path.exists(python):
            return f"{python} is gone, which it was made from"
        return ""


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
    """Returns the lock for running and, for testing, the one that goes on top."""
    names = [f"{lock.name}.txt"] + ([f"{lock.name}-dev.txt"] if dev else [])
    return [root / "requirements" / name for name in names]
