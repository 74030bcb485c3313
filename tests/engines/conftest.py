"""Real engines, whose jars `tests/engines/run` (`make test-engines`) names."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from runner.kubeflow.deployment import ENGINE
from tests.engines import processes
from tests.engines.processes import Installation
from tests.k8s import rendering

FLINK_PORT, SPARK_PORT = 8199, 8299
"""Ports of job servers besides that of k8s/flink."""


@pytest.fixture(scope="session", autouse=True)
def network(tmp_path_factory: pytest.TempPathFactory) -> None:
    if not {"FLINK_JARS", "SPARK_JARS"} <= set(os.environ):
        pytest.skip("make test-engines runs these")
    processes.loopback_up()
    processes.name_services(tmp_path_factory.mktemp("hosts"))


class Runs:
    """Runs of the pipeline on the embedded digits, each in a separate process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    ARGS = (
        *("--dataset", "digits", "--epochs", "1"),
        *("--min-accuracy", "0", "--min-class-accuracy", "0"),
    )

    def start(self, *args: str) -> subprocess.Popen[str]:
        command = [sys.executable, "local_runner.py", *self.ARGS]
        return subprocess.Popen(
            [*command, "--output", str(self.folder), *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=rendering.ROOT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def run(self, *args: str) -> tuple[int, str]:
        run = self.start(*args)
        screen, _ = run.communicate()
        return run.returncode, screen

    def on_installation(self, workers: int = processes.POOL_PORT) -> tuple[str, ...]:
        """Returns the arguments of a run on the cluster of k8s/flink."""
        named = {**ENGINE, "workers": f"localhost:{workers}"}
        settings = [f'beam.{key}="{value}"' for key, value in named.items()]
        return (
            *("--beam-runner=FlinkRunner", "--set", "beam.parallelism=2"),
            *(word for setting in settings for word in ("--set", setting)),
        )

    def jobs(self) -> list[Any]:
        """Returns this folder's jobs on the separate Flink."""
        return processes.flink_jobs(str(self.folder / "artifacts" / "digits"))

    def states(self) -> list[str]:
        """Returns their states, sorted."""
        return sorted(job["state"] for job in self.jobs())

    def log(self) -> str:
        logs = sorted((self.folder / "runs").glob("*/run.log"), key=os.path.getmtime)
        return logs[-1].read_text() if logs else ""

    def job_runs(self, run: subprocess.Popen[str]) -> None:
        """Waits until a job after the probe's job runs on the engine."""
        processes.wait_for(
            "a job that runs",
            lambda: (
                self.log().count("Job state changed to RUNNING") >= 2
                or run.poll() is not None
            ),
        )
        assert run.poll() is None, run.communicate()[0]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "output")


@pytest.fixture(scope="session")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a run without an engine."""
    runs = Runs(tmp_path_factory.mktemp("in_process"))
    code, screen = runs.run()
    assert code == 0, screen
    return runs.folder


@pytest.fixture
def embedded_flink(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Flink within Beam's job server; yields its process."""
    command = processes.job_server(
        os.environ["FLINK_JARS"],
        "org.apache.beam.runners.flink.FlinkJobServerDriver",
        FLINK_PORT,
        tmp_path,
        "--flink-master=[local]",
    )
    log = tmp_path / "job_server.log"
    with processes.process(command, log, [FLINK_PORT]) as server:
        yield server


@pytest.fixture
def spark(tmp_path: Path) -> Iterator[None]:
    command = processes.job_server(
        os.environ["SPARK_JARS"],
        "org.apache.beam.runners.spark.SparkJobServerDriver",
        SPARK_PORT,
        tmp_path,
        "--spark-master-url=local[2]",
    )
    with processes.process(command, tmp_path / "spark.log", [SPARK_PORT]):
        yield


@pytest.fixture(scope="session")
def _installation(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    manifests = rendering.render("flink", folder)
    with ExitStack() as stack:
        yield Installation(manifests, os.environ["FLINK_JARS"], folder, stack)


@pytest.fixture
def installation(_installation: Installation) -> Installation:
    """The cluster of k8s/flink; a test may kill any part of it."""
    _installation.complete()
    return _installation
