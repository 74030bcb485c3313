"""The server counts CPUs as TensorFlow does."""

import os

import pytest

from serving.server import cpus


def test_only_the_cpus_of_this_process_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with a limit of processes has a few CPUs of a large machine."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 4}, raising=False)
    assert cpus.usable() == 2
