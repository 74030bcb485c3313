"""Runs a command to its end and measures wall time, processor time and memory."""

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
"""Name of the command's own process among the watched processes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory and processor time of the watched processes at one moment.

    Attributes:
        time: Seconds since 1970.
        mb: Resident memory by name of process, in MB (10**6 bytes). The largest
            descendant of each process is `<name>'s child`.
        total_mb: Memory of all processes together. Shared pages count in each process,
            so that this is an upper bound.
        cpu_seconds: Processor time of the command's own process so far, without
            descendants.
    """

    time: float
    mb: dict[str, float]
    total_mb: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources that a process and all its descendants used.

    Attributes:
        started: Time of the start, in seconds since 1970.
        seconds: Wall time.
        cpu_seconds: User and system time.
        samples: One sample for every `SAMPLE_SECONDS`.
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
        """Returns the processor seconds of the command's own process in a period."""
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
        log: File for the command's output.
        variables: Environment variables, in addition to this process's.
        tree: Working directory.
        servers: Process ids, by name, of other processes that work for the command and
            are also watched.

    Raises:
        BrokenError: The command ended with another code than 0.
    """
    # A benchmark of start-up must not write bytecode again at every import. The
    # caller's own settings of TensorFlow do not apply to the contender.
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
        raise BrokenError(
            f"{' '.join(command[:4])} ...: expected exit code 0, found {code}: "
            f"{lines[-1] if lines else 'no output'} (see {log})"
        )
    # These times include all children that were waited for, and their children.
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
    """Ends a process and all its descendants."""
    try:
        tree = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        tree = []
    end(process)
    for child in tree:
        if child.is_running():
            child.kill()


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process; kills it if it has not ended after `_STOP_SECONDS`."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
