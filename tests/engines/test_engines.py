"""The whole pipeline on real engines, and the messages when one of them fails."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import processes
from tests.engines.comparing import assert_equal
from tests.engines.conftest import FLINK_PORT, SPARK_PORT, Runs
from tests.engines.page import is_documented
from tests.engines.processes import Installation

EMBEDDED = (
    *("--beam-runner", "FlinkRunner"),
    *("--set", f"beam.endpoint=localhost:{FLINK_PORT}"),
)
OTHER_POOL_PORT = 50100


def in_flink(runs: Runs) -> bool:
    """Tells whether a taskmanager works on a job after the probe's job."""
    working = sum(job["tasks"]["running"] for job in runs.jobs())
    return working > 0 and runs.states() == ["FINISHED", "RUNNING"]


def test_on_an_embedded_flink_a_run_comes_to_the_same_and_once_more_needs_no_engine(
    runs: Runs, in_process: Path, embedded_flink: subprocess.Popen[bytes]
) -> None:
    code, screen = runs.run(*EMBEDDED)
    assert code == 0, screen
    assert_equal(runs.folder, in_process)
    assert not list(runs.folder.glob("artifacts/digits/.probe*"))
    os.killpg(embedded_flink.pid, signal.SIGKILL)
    # The cache answers for its nodes.
    code, screen = runs.run(*EMBEDDED)
    assert code == 0, screen


@pytest.mark.usefixtures("spark")
def test_on_spark_a_run_comes_to_the_same(runs: Runs, in_process: Path) -> None:
    endpoint = f"beam.endpoint=localhost:{SPARK_PORT}"
    code, screen = runs.run("--beam-runner", "SparkRunner", "--set", endpoint)
    assert code == 0, screen
    assert_equal(runs.folder, in_process)


@pytest.mark.usefixtures("installation")
def test_on_a_separate_flink_with_a_worker_pool_a_run_comes_to_the_same(
    runs: Runs, in_process: Path
) -> None:
    code, screen = runs.run(*runs.on_installation())
    assert code == 0, screen
    assert_equal(runs.folder, in_process)
    assert set(runs.states()) == {"FINISHED"}


def test_nobody_at_the_endpoint_is_bad_input(runs: Runs) -> None:
    code, screen = runs.run(*EMBEDDED)
    assert code == 2
    assert is_documented("beam.endpoint: ", screen)
    assert f"localhost:{FLINK_PORT}" in screen


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_run_that_is_ended_leaves_no_job(
    runs: Runs, installation: Installation, sent: signal.Signals, code: int
) -> None:
    run = runs.start(*runs.on_installation())
    runs.job_runs(run)
    with installation.standing_still():
        processes.wait_for("a job in Flink", lambda: in_flink(runs))
        run.send_signal(sent)
        screen, _ = run.communicate()
        assert run.returncode == code, screen
    processes.wait_for(
        "the end of the job", lambda: runs.states() == ["CANCELED", "FINISHED"]
    )


def test_a_taskmanager_that_dies_is_one_line(
    runs: Runs, installation: Installation
) -> None:
    run = runs.start(*runs.on_installation())
    runs.job_runs(run)
    with installation.standing_still():
        processes.wait_for("a job in Flink", lambda: in_flink(runs))
        installation.kill("taskmanager")
    screen, _ = run.communicate()
    assert run.returncode == 1
    assert is_documented("the job server at ... says: ", screen)
    assert not list((runs.folder / "models").glob("*/*"))


def test_a_job_server_that_dies_is_one_line_and_the_next_run_writes_elsewhere(
    runs: Runs, embedded_flink: subprocess.Popen[bytes]
) -> None:
    run = runs.start(*EMBEDDED)
    runs.job_runs(run)
    os.killpg(embedded_flink.pid, signal.SIGKILL)
    screen, _ = run.communicate()
    assert run.returncode == 1
    assert is_documented("the job server at ... is gone", screen)
    failed = {
        path.name
        for path in runs.folder.glob("artifacts/digits/StatisticsGen/.system/*/*")
    }
    code, screen = runs.run()
    assert code == 0, screen
    statistics = runs.folder / "artifacts/digits/StatisticsGen/statistics"
    [written] = statistics.iterdir()
    assert written.name not in failed


@pytest.mark.usefixtures("installation")
def test_a_pool_with_another_python_is_bad_input(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    pool = [sys.executable, *processes.pool(OTHER_POOL_PORT)[1:]]
    log = tmp_path / "pool.log"
    with processes.process(pool, log, [OTHER_POOL_PORT], PATH=path):
        code, screen = runs.run(
            *runs.on_installation(OTHER_POOL_PORT), "--set", "beam.start_seconds=5"
        )
    assert code == 2
    assert is_documented("beam.workers: no worker answered within ", screen)
    processes.wait_for("the end of the job", lambda: runs.states() == ["CANCELED"])


@pytest.mark.usefixtures("installation")
def test_workers_that_do_not_see_the_folder_are_bad_input(
    runs: Runs, tmp_path: Path
) -> None:
    runs.folder.mkdir()
    hide = f'mount -t tmpfs none {runs.folder} && exec "$@"'
    pool = ["unshare", "--mount", "sh", "-c", hide, "sh"]
    pool += processes.pool(OTHER_POOL_PORT)
    with processes.process(pool, tmp_path / "pool.log", [OTHER_POOL_PORT]):
        code, screen = runs.run(*runs.on_installation(OTHER_POOL_PORT))
    assert code == 2
    assert is_documented("beam.workers: workers cannot use ", screen)
