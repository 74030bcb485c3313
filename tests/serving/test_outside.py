"""Started outside of the environment, a command line says how to start it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("module", ["serving.client", "serving.launch"])
def test_a_python_without_the_libraries_is_one_line(module: str) -> None:
    result = subprocess.run(
        [sys.executable, "-S", "-E", "-m", module, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"python -m {module}: No module named ")
    assert ".venv/bin/python (`make setup` makes that)" in result.stderr
