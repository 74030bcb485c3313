"""A small repository, with a fake installer that records its calls."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

# Stands in for uv: notes each call, and on `pip sync` waits or fails when told to.
FAKE_UV = """#!/bin/sh
echo "$*" >> {folder}/calls
case "$*" in
  venv*)
    for target; do :; done
    mkdir -p "$target/bin" && ln -s {python} "$target/bin/python" ;;
  "python install"*)
    if [ -e {folder}/broken ]; then echo "error: no such Python" >&2; exit 2; fi
    mkdir -p "$HOME/.local/share/uv/python"
    mv {folder}/fetchable "$HOME/.local/share/uv/python/cpython-3.99.1-here" ;;
  *"pip sync"*)
    mkdir -p {root}/.venv/lib/python3.11/site-packages/click
    echo "Resolved 2 packages"
    echo " + tensorflow==2.16.2"
    if [ -e {folder}/slow ]; then sleep 30 & echo $! > {folder}/pid; wait; fi
    if [ -e {folder}/broken ]; then echo "error: no such wheel" >&2; exit 2; fi ;;
esac
"""


def pretend_python(path: Path, version: tuple[int, int, int], **facts: Any) -> str:
    """Writes an executable that answers like a Python of that version."""
    answer = {
        "path": "$0",
        "version": version,
        "usual": True,
        "headers": ["/usr/include/python"],
        "compilers": [["gcc"], ["g++"]],
        "installers": ["pip"],
        **facts,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<E\n{json.dumps(answer)}\nE\n")
    path.chmod(0o755)
    return str(path)


@dataclass
class Miniature:
    """A folder with the inputs of the set-up, and its fake installer's notes."""

    root: Path
    notes: Path
    environ: dict[str, str] = field(default_factory=dict)

    def command(self, *options: str) -> list[str]:
        return [sys.executable, "-m", "bootstrap", *options]

    def set_up(
        self, *options: str, timeout: float = 60, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*options),
            cwd=self.root,
            env={**self.environ, **variables},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*options),
            cwd=self.root,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A shell's background job, which a test may be, ignores Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def calls(self) -> list[str]:
        """Returns the installer's commands since the last call of this method."""
        path = self.notes / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line.replace("--directory ", "").split(" --")[0] for line in lines]

    def tell(self, word: str) -> None:
        (self.notes / word).touch()

    def forget(self, word: str) -> None:
        (self.notes / word).unlink()

    @property
    def fetchable(self) -> Path:
        """The Python that the installer can download, if there is one."""
        return self.notes / "fetchable"

    @property
    def stamp(self) -> Path:
        return self.root / ".venv" / "set-up.json"


@pytest.fixture
def miniature(tmp_path: Path) -> Miniature:
    root, notes = tmp_path / "repository", tmp_path / "notes"
    notes.mkdir()
    shutil.copytree(
        ROOT / "bootstrap",
        root / "bootstrap",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (root / "setup.py").write_text("# the package\n")
    requirements = root / "requirements"
    requirements.mkdir()
    for name in ("compat", "compat-dev", "current", "current-dev"):
        (requirements / f"{name}.txt").write_text(f"# {name}\n")
    (requirements / "uv.txt").write_text("uv==0.0.1 --hash=sha256:00\n")
    uv = root / ".uv" / "uv-0.0.1" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(FAKE_UV.format(folder=notes, root=root, python=sys.executable))
    uv.chmod(0o755)
    # The compiler check has separate tests; here it would only cost time.
    compiler = {"CC": "true", "CXX": "true"}
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **compiler}
    return Miniature(root, notes, environ)
