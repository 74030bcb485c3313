"""A command is measured with everything that it starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.pipeline.process import ROOT, run
from contract.errors import BrokenError

PARENT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
"""
CHILD = """
import time
block = b"x" * 120_000_000
end = time.process_time() + 0.6
while time.process_time() < end: pass
"""


def test_children_count(tmp_path: Path) -> None:
    usage = run([sys.executable, "-c", PARENT, CHILD], tmp_path / "log")
    assert usage.seconds >= usage.cpu_seconds / 4
    assert usage.cpu_seconds >= 0.6
    assert usage.peak_mb >= 120
    assert usage.peaks["run's child"] >= 120
    assert usage.peaks["run"] < 120
    assert usage.started < usage.samples[0].time


def test_it_runs_in_the_repository_without_this_processes_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    code = (
        "import os; print(os.getcwd()); "
        "print(sorted(k for k in os.environ if k.startswith(('TF_', 'PYTHOND'))))"
    )
    log = tmp_path / "log"
    run([sys.executable, "-c", code], log, {"TF_USE_LEGACY_KERAS": "1"})
    assert log.read_text().splitlines() == [str(ROOT), "['TF_USE_LEGACY_KERAS']"]


def test_a_command_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    code = "print('first', flush=True); raise SystemExit('last words')"
    with pytest.raises(BrokenError, match=r"expected exit code 0, found 1: last words"):
        run([sys.executable, "-c", code], tmp_path / "log")


def test_servers_that_work_for_it_are_watched(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as server:
        usage = run(
            [sys.executable, "-c", "import time; time.sleep(0.5)"],
            tmp_path / "log",
            servers={"server": server.pid},
        )
        server.communicate(b"\n")
    assert usage.peaks["server"] > 1
    assert usage.peak_mb > usage.peaks["server"]
