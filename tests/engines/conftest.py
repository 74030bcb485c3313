"""Real engines; `tests/engines/run` (`make test-engines`) says where their jars are."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.engines import processes

SEPARATE = (
    "--beam-runner=FlinkRunner",
    *("--set", f'beam.workers="localhost:{processes.POOL_PORT}"'),
    *("--set", "beam.parallelism=2"),
    *("--set", f"beam.flink_rest=localhost:{processes.REST_PORT}"),
)


@pytest.fixture(scope="session", autouse=True)
def network() -> None:
    if not {"FLINK_JARS", "SPARK_JARS"} <= set(os.environ):
        pytest.skip("make test-engines runs these")
    processes.loopback_up()


class Runs:
    """Runs of the pipeline on the embedded digits, each in a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *args: str) -> subprocess.Popen[str]:
        command = [sys.executable, "local_runner.py", "--dataset", "digits"]
        bounds = ["--epochs", "1", "--min-accuracy", "0", "--min-class-accuracy", "0"]
        return subprocess.Popen(
            [*command, *bounds, "--output", str(self.folder), *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=processes.ROOT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def run(self, *args: str) -> tuple[int, str]:
        run = self.start(*args)
        screen, _ = run.communicate(timeout=400)
        return run.returncode, screen

    def log(self) -> str:
        logs = sorted((self.folder / "runs").glob("*/run.log"), key=os.path.getmtime)
        return logs[-1].read_text() if logs else ""

    def job_runs(self, run: subprocess.Popen[str]) -> None:
        """Waits until the first job after the probe runs on the engine."""
        processes.wait_for(
            "a job that runs",
            lambda: (
                self.log().count("Job state changed to RUNNING") >= 2
                or run.poll() is not None
            ),
            200,
        )
        assert run.poll() is None, run.communicate()[0]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "output")


@pytest.fixture(scope="session")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run without an engine leaves."""
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
        tmp_path,
        "--flink-master=[local]",
    )
    log = tmp_path / "job_server.log"
    with processes.process(command, log, processes.JOB_PORT) as server:
        yield server


@pytest.fixture
def spark(tmp_path: Path) -> Iterator[None]:
    command = processes.job_server(
        os.environ["SPARK_JARS"],
        "org.apache.beam.runners.spark.SparkJobServerDriver",
        tmp_path,
        "--spark-master-url=local[2]",
    )
    with processes.process(command, tmp_path / "spark.log", processes.JOB_PORT):
        yield


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """A jobmanager, a taskmanager and a job server; yields them by name."""
    config = tmp_path / "flink"
    config.mkdir()
    (config / "config.yaml").write_text(processes.FLINK_CONFIG)
    folder = os.environ["FLINK_JARS"]
    runtime = "org.apache.flink.runtime"
    started = {}
    with ExitStack() as stack:
        for name, main, port in (
            (
                "jobmanager",
                "entrypoint.StandaloneSessionClusterEntrypoint",
                processes.REST_PORT,
            ),
            ("taskmanager", "taskexecutor.TaskManagerRunner", None),
        ):
            command = processes.java(
                folder, f"{runtime}.{main}", "--configDir", str(config)
            )
            log = tmp_path / f"{name}.log"
            started[name] = stack.enter_context(processes.process(command, log, port))
        processes.wait_for(
            "two slots", lambda: processes.flink("overview")["slots-total"] == 2
        )
        command = processes.job_server(
            folder,
            "org.apache.beam.runners.flink.FlinkJobServerDriver",
            tmp_path,
            f"--flink-master=localhost:{processes.REST_PORT}",
        )
        started["job_server"] = stack.enter_context(
            processes.process(command, tmp_path / "server.log", processes.JOB_PORT)
        )
        yield started


@pytest.fixture
def start_pool(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Starts a worker pool; called with what stands before its command, and PATH."""
    with ExitStack() as stack:

        def start(*before: str, path: str | None = None) -> None:
            here = os.path.dirname(sys.executable)
            stack.enter_context(
                processes.process(
                    [*before, *processes.pool()],
                    tmp_path / "pool.log",
                    processes.POOL_PORT,
                    PATH=path or f"{here}:{os.environ['PATH']}",
                )
            )

        yield start
