"""A Python without the environment is told how to get one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "command",
    [
        ["local_runner.py"],
        ["kubeflow_runner.py"],
        ["-m", "version_store"],
        ["-m", "lineage"],
        ["-m", "serving.client"],
        ["-m", "serving.launch"],
    ],
)
def test_without_the_environment_one_line_says_what_to_do(command: list[str]) -> None:
    # -S: nothing of site-packages, as with a system's own Python.
    done = subprocess.run(
        [sys.executable, "-S", *command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    [line] = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("error: ")
    assert "is not installed for" in line
    assert "`make setup`" in line
