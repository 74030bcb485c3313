"""Runs a command to its end and takes its measure: wall, processor, memory."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from contract.errors import BrokenError

ROOT = Path(__file__).resolve().parents[2]
"""The repository, from which every command is run."""

SAMPLE_SECONDS = 0.1
_STOP_SECONDS = 10.0

RUN = "run"
"""Name of the command's own process among those that are watched."""


class CommandError(BrokenError):
    """A command failed; says what it printed last."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What some processes have and took at one moment.

    Attributes:
        time: Seconds since 1970.
        mb: Resident memory by name of process, in MB (10**6 bytes); of each one's
            descendants, the largest alone, as `<name>'s child`.
        total_mb: Of all processes together. Pages that they share count in each, so
            it is an upper bound.
        cpu_seconds: That the command's own process took so far, without descendants.
    """

    time: float
    mb: dict[str, float]
    total_mb: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and all its descendants took.

    Attributes:
        started: Seconds since 1970.
        seconds: From its start to its end.
        cpu_seconds: User and system time.
        samples: Over time, every `SAMPLE_SECONDS`.
    """

    started: float
    seconds: float
    cpu_seconds: float
    samples: tuple[Sample, ...]

    @property
    def peak_mb(self) -> float:
        """The most memory of all processes at one moment, in MB."""
        return max((sample.total_mb for sample in self.samples), default=0.0)

    @property
    def peaks(self) -> dict[str, float]:
        """The most memory of each process, in MB, by its name."""
        names = {name: None for sample in self.samples for name in sample.mb}
        return {n: max(s.mb.get(n, 0.0) for s in self.samples) for n in names}

    def cpu_between(self, start: float, end: float) -> float:
        """Processor seconds of the command's own process between two moments."""
        first, last = (
            min(self.samples, key=lambda sample: abs(sample.time - moment))
            for moment in (start, end)
        )
        return last.cpu_seconds - first.cpu_seconds


def run(
    command: Sequence[str],
    log: Path,
    variables: Mapping[str, str] | None = None,
    tree: Path = ROOT,
    servers: Mapping[str, int] | None = None,
) -> Usage:
    """Runs a command and waits for it.

    Args:
        command: Program and arguments.
        log: File for what it prints.
        variables: Of the environment, on top of this process's.
        tree: Folder that it runs in.
        servers: Process ids by name of what else works for it and is watched.

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
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        watched = {RUN: process.pid, **(servers or {})}
        ended = threading.Event()
        sampler = threading.Thread(target=_sample, args=(watched, samples, ended))
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
    return Usage(began, seconds, cpu, tuple(samples))


def _sample(
    watched: Mapping[str, int], samples: list[Sample], ended: threading.Event
) -> None:
    processes = {name: psutil.Process(pid) for name, pid in watched.items()}
    while not ended.wait(SAMPLE_SECONDS):
        mb: dict[str, float] = {}
        total = 0.0
        try:
            times = processes[RUN].cpu_times()
            for name, process in processes.items():
                mb[name] = process.memory_info().rss / 1e6
                children = _children_mb(process)
                if children:
                    mb[f"{name}'s child"] = max(children)
                total += mb[name] + sum(children)
        except psutil.NoSuchProcess:
            continue
        samples.append(Sample(time.time(), mb, total, times.user + times.system))


def _children_mb(process: psutil.Process) -> list[float]:
    found = []
    for child in process.children(recursive=True):
        try:
            found.append(child.memory_info().rss / 1e6)
        except psutil.NoSuchProcess:
            continue
    return found


def _end_tree(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that is no longer waited for, and what it started."""
    try:
        tree = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        tree = []
    end(process)
    for child in tree:
        if child.is_running():
            child.kill()


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process; by force if it does not within some seconds."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
