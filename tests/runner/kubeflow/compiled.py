"""The compiled pipeline in forms that tests can inspect."""

import json
from dataclasses import replace
from typing import Any

import yaml

from contract.task import Task
from pipeline.config import Config, load_config
from runner.kubeflow.deployment import Deployment
from runner.kubeflow.origin import NOTHING, VARIABLE, Origin, from_json
from runner.kubeflow.specification import compile_pipeline

DEPLOYMENT = Deployment(image="mnist-tfx-pipeline:0.1.0")
FINGERPRINT = "ab" * 32

NODES = {
    "Champion",
    "DataGate",
    "DataReport",
    "Evaluator",
    "ExampleValidator",
    "TaskSchemaGen",
    "ImageExampleGen",
    "ModelReport",
    "Pusher",
    "Report",
    "ServingValidator",
    "StatisticsGen",
    "Trainer",
    "Transform",
    "Verdict",
}

_cache: dict[tuple[Any, ...], str] = {}


def text_of(data: str = "mnist", fingerprint: str = "", **more: Any) -> str:
    key = (data, fingerprint, *sorted(more.items()))
    if key not in _cache:
        deployment = replace(DEPLOYMENT, **more)
        _cache[key] = compile_pipeline(Config(), deployment, "mnist", data, fingerprint)
    return _cache[key]


def flags_of(task: Task) -> list[str]:
    """Returns the values of `--set` with which a user describes a task."""
    return [f"data.classes={json.dumps(task.classes)}", f"data.noun={task.noun}"]


def of_task(task: Task) -> str:
    """Returns the pipeline of a user's task, on the data volume, by settings alone."""
    key = (task.name,)
    if key not in _cache:
        _cache[key] = compile_pipeline(
            load_config(settings=flags_of(task)),
            DEPLOYMENT,
            task.name,
            f"/data/{task.name}",
            FINGERPRINT,
        )
    return _cache[key]


def compiled(*arguments: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the pipeline and its Kubernetes document."""
    spec, platform = yaml.safe_load_all(text_of(*arguments, **more))
    return spec, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def tasks(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec["root"]["dag"]["tasks"]
    return found


def container(spec: dict[str, Any], node: str) -> dict[str, Any]:
    executors = spec["deploymentSpec"]["executors"]
    found: dict[str, Any] = executors[spec["components"][node]["executorLabel"]]
    return found["container"]


def origin(spec: dict[str, Any], node: str) -> Origin:
    """Returns the settings from which a pod builds its node."""
    environment = {
        variable["name"]: variable["value"]
        for variable in container(spec, node).get("env", [])
    }
    assert set(environment) <= {VARIABLE}
    return from_json(environment.get(VARIABLE, NOTHING))


PLACES = ["mnist", "/data/mnist", "s3://bucket/mnist"]
"""One data location of each kind."""
