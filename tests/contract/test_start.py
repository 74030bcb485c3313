"""A Python without the environment prints how to get one."""

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
    # -S leaves out site-packages, as with a system's own Python.
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


SHOWING = """
import os, warnings
def main():
    warnings.warn("a library's")
    print(os.environ.get("HOME"), os.environ.get("PYTHONWARNINGS"), "\u2264")
"""


def test_settings_that_would_break_libraries_are_taken_away(tmp_path: Path) -> None:
    (tmp_path / "showing.py").write_text(SHOWING)
    done = subprocess.run(
        [sys.executable, "-c", "from contract.start import start; start('showing')"],
        env={
            "PYTHONPATH": f"{ROOT}:{tmp_path}",
            "PYTHONWARNINGS": "error",
            "HOME": "relative",
            "LC_ALL": "POSIX",
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "None None \\u2264\n")
    assert "UserWarning: a library's" in done.stderr
