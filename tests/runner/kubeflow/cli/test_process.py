"""Behaviour of the command that only a separate process shows."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.runner.kubeflow.conftest import WritePackage
from tests.runner.kubeflow.fake_kfp import FakeKfp
from tests.runner.kubeflow.frames import Ran, frame

REPOSITORY = Path(__file__).resolve().parents[4]


def start(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    clean = {
        key: value
        for key, value in os.environ.items()
        if key not in ("KF_PIPELINES_ENDPOINT", "KFP_TOKEN")
    }
    return subprocess.Popen(
        [sys.executable, str(REPOSITORY / "kubeflow_runner.py"), *arguments],
        env={**clean, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_no_host() -> None:
    process = start("submit", "--wait")
    screen, errors = process.communicate(timeout=60)
    assert (process.returncode, screen) == (2, "")
    assert errors.startswith("error: --host: expected the address of Kubeflow")
    assert errors.count("\n") == 1


def test_a_refused_connection_imports_no_tensorflow(
    write_package: WritePackage,
) -> None:
    process = start(
        *("submit", "--package", str(write_package())),
        *("--host", "http://localhost:1"),
        PYTHONVERBOSE="1",
    )
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "error: http://localhost:1: nothing listens there" in errors
    imported = set(re.findall(r"^import '([\w.]+)'", errors, re.MULTILINE))
    assert "requests" in imported
    assert not {"tensorflow", "tfx", "kfp", "rich"} & imported


def test_ctrl_c_leaves_the_run_running(
    fake: FakeKfp, write_package: WritePackage
) -> None:
    fake.frames = [
        frame("RUNNING", Ran("ImageExampleGen", "done", 0, 9)),
    ]
    process = start(
        *("submit", "--package", str(write_package()), "--host", fake.host),
        "--wait",
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "ImageExampleGen" in line:
            process.send_signal(signal.SIGINT)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    page = f"{fake.host}/#/runs/details/run-1"
    assert errors == f"interrupted: the run goes on: {page}\n"
    assert not fake.sent("POST", "/runs/run-1:terminate")
