"""The pipeline that monitors traffic is compiled for Kubeflow."""

from functools import cache
from typing import Any

import kfp.components
import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from contract.errors import BadInputError
from pipeline.config import load_config
from runner.kubeflow import flags
from runner.kubeflow.entrypoint import settings
from runner.kubeflow.origin import VARIABLE, from_json
from runner.kubeflow.specification import compile_monitoring
from tests.runner.kubeflow.compiled import DEPLOYMENT

LOG = "/requests/letters"


@cache
def text() -> str:
    config = load_config(settings=["monitoring.hours=24"])
    return compile_monitoring(config, DEPLOYMENT, "letters", LOG)


def documents() -> tuple[Any, Any]:
    spec, platform = yaml.safe_load_all(text())
    return spec, platform


def test_kfp_takes_it() -> None:
    spec, platform = documents()
    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    assert parsed.pipeline_info.name == "letters-monitor"
    assert kfp.components.load_component_from_text(text()).required_inputs == []


def test_the_nodes_are_the_local_runners_and_the_verdict() -> None:
    spec, _ = documents()
    assert set(spec["root"]["dag"]["tasks"]) == {
        *("RequestLogExampleGen", "TaskSchemaGen", "StatisticsGen"),
        *("TrafficGate", "TrafficVerdict"),
    }


def test_the_log_and_the_models_are_mounted_where_they_are_read() -> None:
    _, platform = documents()
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    mounts = {
        name.removesuffix("_executor"): [one["mountPath"] for one in of["pvcMount"]]
        for name, of in executors.items()
        if "pvcMount" in of
    }
    assert mounts == {
        "RequestLogExampleGen": ["/models", "/requests"],
        "TrafficGate": ["/models"],
    }


@pytest.mark.parametrize("node", ["RequestLogExampleGen", "TrafficGate"])
def test_what_reads_a_volume_is_never_taken_from_kfps_cache(node: str) -> None:
    spec, _ = documents()
    assert spec["root"]["dag"]["tasks"][node]["cachingOptions"] == {}


def test_a_pod_builds_the_node_that_was_compiled() -> None:
    spec, _ = documents()
    label = spec["components"]["RequestLogExampleGen"]["executorLabel"]
    container = spec["deploymentSpec"]["executors"][label]["container"]
    [variable] = container["env"]
    assert variable["name"] == VARIABLE
    step = settings.step("RequestLogExampleGen", from_json(variable["value"]), {})
    assert step.properties["log"] == LOG
    assert step.properties["models"] == "/models/letters"
    assert step.properties["hours"] == 24


def test_a_log_beside_the_volume_is_refused() -> None:
    given = {"image": "i", "models_volume": "m", "log_volume": "l"}
    with pytest.raises(BadInputError, match="--log: expected a path below /requests"):
        flags.monitoring("letters", "/var/log", None, (), **given, pipeline_root=None)
