"""A KFP server, a short compiled pipeline, and the command line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import Config
from runner.kubeflow import client
from runner.kubeflow.cli import main
from runner.kubeflow.parameters import PARAMETERS
from tests.runner.kubeflow.fake_kfp import FakeKfp, serve

NODES = ("ImageExampleGen", "DataGate", "Trainer", "Verdict")


@pytest.fixture
def fake() -> Iterator[FakeKfp]:
    fake = FakeKfp()
    server = serve(fake)
    yield fake
    server.shutdown()
    server.server_close()


def specification(
    data: str = "mnist", *, cached: bool = False, root: str = ""
) -> dict[str, Any]:
    """Returns the parts of a compiled pipeline that the client reads."""
    parameters: dict[str, Any] = {
        parameter.name: {
            "parameterType": parameter.type,
            "defaultValue": parameter.value(Config()),
            "isOptional": True,
        }
        for parameter in PARAMETERS
    }
    parameters["data"] = {"parameterType": "STRING", "defaultValue": data}
    executor = {"container": {"image": "image:1", "command": ["true"]}}
    return {
        **({"defaultPipelineRoot": root} if root else {}),
        "schemaVersion": "2.1.0",
        "sdkVersion": "tfx-1.16.0",
        "pipelineInfo": {"name": "mnist"},
        "components": {name: {"executorLabel": f"{name}_executor"} for name in NODES},
        "deploymentSpec": {
            "executors": {f"{name}_executor": executor for name in NODES}
        },
        "root": {
            "inputDefinitions": {"parameters": parameters},
            "dag": {
                "tasks": {
                    name: {
                        "componentRef": {"name": name},
                        "taskInfo": {"name": name},
                        "cachingOptions": {"enableCache": True} if cached else {},
                        "dependentTasks": [*NODES[: NODES.index(name)]],
                    }
                    for name in NODES
                }
            },
        },
    }


WritePackage = Callable[..., Path]


@pytest.fixture
def write_package(tmp_path: Path) -> WritePackage:
    """Returns a function that writes a short compiled pipeline, with its documents."""

    def write(name: str = "mnist.yaml", *, secret: str = "", **how: Any) -> Path:
        path = tmp_path / name
        executors = {"x": {"secretAsEnv": [{"secretName": secret}]}} if secret else {}
        platform: dict[str, Any] = {
            "platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}
        }
        path.write_text(yaml.safe_dump_all([specification(**how), platform]))
        return path

    return write


@dataclass(frozen=True)
class Ended:
    """The result of the command line."""

    code: int
    screen: str
    errors: str


Run = Callable[..., Ended]


@pytest.fixture
def run(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    """Runs the command line in this process, without the user's own settings."""
    for name in ("KF_PIPELINES_ENDPOINT", "KFP_TOKEN", "KF_PIPELINES_SA_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "_POLL_SECONDS", 0.01)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["kubeflow_runner.py", *arguments])
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        screen, errors = capfd.readouterr()
        return Ended(code, screen, errors)

    return run
