"""A Python without the environment prints how to get one."""

import os
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


@pytest.mark.parametrize(
    "command", [["local_runner.py", "check"], ["-m", "serving.client", "status"]]
)
def test_a_module_that_hides_a_library_is_named(
    tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "numpy.py").write_text("print('this is not NumPy')")
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    [line] = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert line.startswith(f"error: {tmp_path}/numpy.py: it hides the library numpy ")
    assert f"take {tmp_path} out of PYTHONPATH" in line


def test_the_environments_own_libraries_hide_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "serving.client", "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
