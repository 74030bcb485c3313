"""Runs a command to its end and takes its measure: wall, processor, memory."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
"""The repository, from which every command is run."""

SAMPLE_SECONDS = 0.1


class CommandError(Exception):
    """A command failed; says what it printed last."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The resident memory of a process and all its descendants.

    Attributes:
        time: Seconds since 1970.
        mb: Sum of the resident sets in MB (10**6 bytes). Pages that processes share
            count in each, so it is an upper bound.
    """

    time: float
    mb: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and all its descendants took.

    Attributes:
        started: Seconds since 1970.
        seconds: From its start to its end.
        cpu_seconds: User and system time.
        peak_mb: The largest of the samples' memory, in MB.
        samples: Memory over time, every `SAMPLE_SECONDS`.
    """

    started: float
    seconds: float
    cpu_seconds: float
    peak_mb: float
    samples: tuple[Sample, ...]


def run(
    command: Sequence[str], log: Path, variables: Mapping[str, str] | None = None
) -> Usage:
    """Runs a command in the repository and waits for it.

    Args:
        command: Program and arguments.
        log: Where its output goes.
        variables: Of the environment, on top of this process's.

    Raises:
        CommandError: It ended with another code than 0.
    """
    # A benchmark of start-up must not write bytecode anew at every import, and
    # what the caller set for its own process is not the contender's.
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("TF_") and key != "PYTHONDONTWRITEBYTECODE"
    } | dict(variables or {})
    samples: list[Sample] = []
    with log.open("wb") as stream:
        before = os.times()
        began, started = time.time(), time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        ended = threading.Event()
        sampler = threading.Thread(target=_sample, args=(process.pid, samples, ended))
        sampler.start()
        try:
            code = process.wait()
        except BaseException:
            _end_tree(process)
            raise
        finally:
            seconds = time.perf_counter() - started
            ended.set()
            sampler.join()
        after = os.times()
    if code != 0:
        lines = log.read_text(errors="replace").strip().splitlines()
        raise CommandError(
            f"{' '.join(command[:4])} ...: expected exit code 0, found {code}: "
            f"{lines[-1] if lines else 'no output'} (see {log})"
        )
    # Of children that were waited for, theirs included: all of the tree.
    cpu = (
        after.children_user
        - before.children_user
        + after.children_system
        - before.children_system
    )
    peak = max((sample.mb for sample in samples), default=0.0)
    return Usage(began, seconds, cpu, peak, tuple(samples))


def _sample(pid: int, samples: list[Sample], ended: threading.Event) -> None:
    try:
        root = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    while not ended.wait(SAMPLE_SECONDS):
        samples.append(Sample(time.time(), _tree_mb(root)))


def _tree_mb(root: psutil.Process) -> float:
    total = 0
    try:
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in tree:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def _end_tree(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that is no longer waited for, and what it started."""
    try:
        tree = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        tree = []
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in tree:
        if child.is_running():
            child.kill()
