"""The whole pipeline on real engines, and what a person sees where one fails."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format

from tests.engines import processes
from tests.engines.conftest import SEPARATE, Runs

Cluster = dict[str, subprocess.Popen[bytes]]


def after_probe_in_flink() -> None:
    """Waits until the job is in Flink itself, and not only in the job server."""
    processes.wait_for(
        "a job after the probe's",
        lambda: sorted(processes.flink_jobs()) == ["FINISHED", "RUNNING"],
    )


def one(folder: Path, pattern: str) -> Path:
    [found] = folder.glob(f"artifacts/digits/{pattern}")
    return found


def what_came_out(folder: Path) -> Any:
    """Statistics, the model's answers and the evaluation of a folder's only run."""
    import tensorflow_data_validation as tfdv

    statistics = {}
    for path in folder.glob("artifacts/digits/StatisticsGen/statistics/*/*/*.pb"):
        content = json_format.MessageToDict(tfdv.load_stats_binary(str(path)))
        # Their order is not kept.
        content["datasets"][0]["features"].sort(key=lambda f: f["path"]["step"])
        statistics[path.parent.name] = content
    assert len(statistics) == 3
    answers = np.load(one(folder, "Trainer/model_run/*/answers.npy"))
    demands = one(folder, "Evaluator/evaluation/*/demands.json").read_text()
    return approximately([statistics, json.loads(demands)["values"]]), answers


def approximately(content: Any) -> Any:
    """The same content, with fractions equal to 1e-12 of their size."""
    if isinstance(content, dict):
        return {key: approximately(value) for key, value in content.items()}
    if isinstance(content, list):
        return [approximately(value) for value in content]
    if isinstance(content, float):
        return pytest.approx(content, rel=1e-12)
    return content


def assert_equal(folder: Path, expected: Path) -> None:
    (values, answers), (of_expected, expected_answers) = map(
        what_came_out, (folder, expected)
    )
    assert plain(values) == of_expected
    np.testing.assert_array_equal(answers, expected_answers)


def plain(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: plain(value) for key, value in content.items()}
    if isinstance(content, list):
        return [plain(value) for value in content]
    return getattr(content, "expected", content)


@pytest.mark.usefixtures("embedded_flink")
def test_on_an_embedded_flink_a_run_comes_to_the_same(
    runs: Runs, in_process: Path
) -> None:
    code, screen = runs.run("--beam-runner", "FlinkRunner")
    assert code == 0, screen
    assert_equal(runs.folder, in_process)
    assert not list(runs.folder.glob("artifacts/digits/.probe*"))


def test_a_run_that_is_answered_from_the_cache_needs_no_engine(
    runs: Runs, embedded_flink: subprocess.Popen[bytes]
) -> None:
    code, screen = runs.run("--beam-runner", "FlinkRunner")
    assert code == 0, screen
    os.killpg(embedded_flink.pid, signal.SIGKILL)
    code, screen = runs.run("--beam-runner", "FlinkRunner")
    assert code == 0, screen


@pytest.mark.usefixtures("spark")
def test_on_spark_a_run_comes_to_the_same(runs: Runs, in_process: Path) -> None:
    code, screen = runs.run("--beam-runner", "SparkRunner")
    assert code == 0, screen
    assert_equal(runs.folder, in_process)


@pytest.mark.usefixtures("cluster")
def test_on_a_separate_flink_with_a_worker_pool_a_run_comes_to_the_same(
    runs: Runs, in_process: Path, start_pool: Callable[..., None]
) -> None:
    start_pool()
    code, screen = runs.run(*SEPARATE)
    assert code == 0, screen
    assert_equal(runs.folder, in_process)
    assert set(processes.flink_jobs()) == {"FINISHED"}


def test_nobody_at_the_endpoint_is_bad_input(runs: Runs) -> None:
    code, screen = runs.run("--beam-runner", "FlinkRunner")
    assert code == 2
    assert "beam.endpoint: expected a Beam job server at localhost:8099" in screen


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_run_that_is_ended_leaves_no_job(
    runs: Runs, start_pool: Callable[..., None], sent: signal.Signals, code: int
) -> None:
    start_pool()
    run = runs.start(*SEPARATE)
    runs.job_runs(run)
    after_probe_in_flink()
    run.send_signal(sent)
    screen, _ = run.communicate(timeout=60)
    assert run.returncode == code, screen
    processes.wait_for(
        "the end of the job",
        lambda: sorted(processes.flink_jobs()) == ["CANCELED", "FINISHED"],
        30,
    )


def test_a_taskmanager_that_dies_is_one_line(
    runs: Runs, cluster: Cluster, start_pool: Callable[..., None]
) -> None:
    start_pool()
    run = runs.start(*SEPARATE)
    runs.job_runs(run)
    after_probe_in_flink()
    os.killpg(cluster["taskmanager"].pid, signal.SIGKILL)
    screen, _ = run.communicate(timeout=200)
    assert run.returncode == 1
    assert "the job server at localhost:8099 says: " in screen
    assert not list((runs.folder / "models").glob("*/*"))


def test_a_job_server_that_dies_is_one_line_and_the_next_run_writes_elsewhere(
    runs: Runs, embedded_flink: subprocess.Popen[bytes]
) -> None:
    run = runs.start("--beam-runner", "FlinkRunner")
    runs.job_runs(run)
    os.killpg(embedded_flink.pid, signal.SIGKILL)
    screen, _ = run.communicate(timeout=100)
    assert run.returncode == 1
    assert "the job server at localhost:8099 is gone" in screen
    failed = {
        path.name
        for path in runs.folder.glob("artifacts/digits/StatisticsGen/.system/*/*")
    }
    code, screen = runs.run()
    assert code == 0, screen
    written = one(runs.folder, "StatisticsGen/statistics/*").name
    assert written not in failed


@pytest.mark.usefixtures("cluster")
def test_a_pool_with_another_python_is_bad_input(
    runs: Runs, start_pool: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    start_pool(path=f"{tmp_path}:{os.environ['PATH']}")
    code, screen = runs.run(*SEPARATE, "--set", "beam.start_seconds=20")
    assert code == 2
    assert "beam.workers: no worker answered within 20 s" in screen


@pytest.mark.usefixtures("cluster")
def test_workers_that_do_not_see_the_folder_are_bad_input(
    runs: Runs, start_pool: Callable[..., None]
) -> None:
    runs.folder.mkdir()
    hide = f'mount -t tmpfs none {runs.folder} && exec "$@"'
    start_pool("unshare", "--mount", "sh", "-c", hide, "sh")
    code, screen = runs.run(*SEPARATE)
    assert code == 2
    assert f"workers cannot use {runs.folder}" in screen.replace("\n", "")
