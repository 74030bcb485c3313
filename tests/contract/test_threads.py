"""The number of threads that can be started is tried, whatever limits it."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from contract import environment
from contract.errors import BrokenError
from contract.threads import startable, usable_cpus

ROOT = Path(__file__).resolve().parents[2]

LIMITED = """
import resource, sys
from contract.threads import startable
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (100 << 20), hard))
print(startable(1000))
"""
"""Leaves 100 MB for the threads' stacks. The number of processes of root has no limit,
so that this limit stands for `ulimit -u`: both make the start of a thread fail."""


def test_all_that_are_wanted_and_none_of_them_stays() -> None:
    before = threading.active_count()
    assert startable(50) == 50
    assert threading.active_count() == before


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_under_a_limit_it_is_their_number() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert 1 <= int(done.stdout) < 1000


def test_only_the_cpus_of_this_process_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with a limit of processes has a few CPUs of a large machine."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 4}, raising=False)
    assert usable_cpus() == 2


def test_without_room_for_them_tensorflow_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "startable", lambda wanted: 10)
    with (
        pytest.raises(BrokenError, match="only 10 are allowed here: raise `ulimit -u`"),
        environment.heavy_imports(),
    ):
        pytest.fail("it would abort the process")
