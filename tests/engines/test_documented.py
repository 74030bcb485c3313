"""The commands of docs/more-than-one-machine.md work in a fresh clone, as printed."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import processes
from tests.engines.comparing import assert_equal
from tests.engines.conftest import Runs
from tests.engines.page import commands
from tests.k8s.rendering import ROOT

ALONE = [
    *("unshare", "--net", sys.executable, "-c"),
    "import os, sys; from tests.engines import processes as p; p.loopback_up(); "
    "os.execvp(sys.argv[1], sys.argv[1:])",
]
"""Runs a command in a network namespace without the ports of other tests."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of the committed files, with the environment of `make setup`."""
    folder = tmp_path / "clone"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    folder.mkdir()
    packed = ["tar", "--null", "--files-from=-", "--create"]
    archive = subprocess.run(packed, cwd=ROOT, input=files, capture_output=True)
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def test_the_five_commands_come_to_the_same(
    clone: Path, tmp_path: Path, in_process: Path
) -> None:
    *before, run = commands()
    runs = Runs(tmp_path / "output")
    added = shlex.join([*runs.ARGS, "--output", str(runs.folder)])
    script = "\n".join([*before, f"{run} {added}"])
    log = tmp_path / "screen"
    with processes.process([*ALONE, "bash", "-ec", script], log, cwd=clone) as typed:
        assert typed.wait() == 0, log.read_text()
    assert_equal(runs.folder, in_process)
