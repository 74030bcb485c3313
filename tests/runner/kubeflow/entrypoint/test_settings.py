"""A pod builds the same node as TFX's compiler."""

import json
from typing import Any

import pytest
import yaml
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)
from tfx.orchestration.pipeline import Pipeline
from tfx.utils import import_utils

from contract.errors import BadInputError
from runner.kubeflow.entrypoint.settings import step, take_asked
from runner.kubeflow.origin import Origin
from runner.kubeflow.specification import nodes_of

ORIGIN = Origin({}, "mnist", "mnist", "ab" * 32)


@pytest.fixture(scope="module")
def compiled() -> dict[str, Any]:
    """The pipeline as TFX's own compiler writes it."""
    config = KubeflowV2DagRunnerConfig(
        default_image="image:1", use_pipeline_spec_2_1=True
    )
    pipeline = Pipeline("mnist", "/tmp/root", components=nodes_of(ORIGIN))
    spec = KubeflowV2DagRunner(config).run(pipeline, write_out=False)
    found: dict[str, Any] = spec["pipelineSpec"]
    return found


NODES = [str(node.id) for node in nodes_of(ORIGIN)]


@pytest.mark.parametrize("node", NODES)
def test_executor_properties_and_sides_are_the_compilers(
    node: str, compiled: dict[str, Any]
) -> None:
    made = step(node, ORIGIN, {})

    label = compiled["components"][node]["executorLabel"]
    arguments = compiled["deploymentSpec"]["executors"][label]["container"]["args"]
    assert made.executor == arguments[arguments.index("--executor_class_path") + 1]

    given = compiled["root"]["dag"]["tasks"][node].get("inputs", {})
    assert made.properties == {
        key: value["runtimeValue"]["constant"]
        for key, value in given.get("parameters", {}).items()
    }
    component = compiled["components"][node]
    inputs = component.get("inputDefinitions", {})
    assert set(inputs.get("artifacts", {})) == set(made.inputs["artifacts"])
    whole = {
        key
        for key, parameter in inputs.get("parameters", {}).items()
        if parameter["parameterType"] == "NUMBER_INTEGER"
    }
    assert whole == set(made.inputs["parameters"]) & set(made.properties)
    outputs = component.get("outputDefinitions", {}).get("artifacts", {})
    assert set(outputs) == set(made.outputs["artifacts"])


def titles(artifacts: dict[str, Any]) -> dict[str, str]:
    return {
        key: str(yaml.safe_load(each["artifactType"]["instanceSchema"])["title"])
        for key, each in artifacts.items()
    }


@pytest.mark.parametrize("node", NODES)
def test_types_are_the_compilers(node: str, compiled: dict[str, Any]) -> None:
    made = step(node, ORIGIN, {})
    component = compiled["components"][node]
    for definitions, built in (
        (component.get("inputDefinitions", {}), made.inputs),
        (component.get("outputDefinitions", {}), made.outputs),
    ):
        for key, title in titles(definitions.get("artifacts", {})).items():
            path = built["artifacts"][key]["artifactType"]["schemaTitle"]
            name = import_utils.import_class_by_path(path).TYPE_NAME
            assert title in (name, f"tfx.{name}")


def test_the_trainer_gets_the_runs_epochs_within_its_json() -> None:
    before = step("Trainer", ORIGIN, {})
    made = step("Trainer", ORIGIN, {"epochs": 3.0, "seed": 9})
    told = json.loads(made.properties["custom_config"])["training"]
    assert (told["epochs"], told["seed"]) == (3, 9)
    unchanged = {
        key for key, value in before.properties.items() if made.properties[key] == value
    }
    assert set(before.properties) - unchanged == {"custom_config"}


def test_settings_that_were_compiled_stay_where_a_run_has_its_own() -> None:
    compiled_with = Origin({"training": {"epochs": 7}}, "mnist", "mnist", "")
    made = step("Trainer", compiled_with, {"seed": 9})
    told = json.loads(made.properties["custom_config"])["training"]
    assert (told["epochs"], told["seed"]) == (7, 9)


def test_an_impossible_value() -> None:
    with pytest.raises(BadInputError, match=r"setting training\.epochs: "):
        step("Trainer", ORIGIN, {"epochs": 0})


def test_a_runs_own_values_are_taken_out_of_the_inputs() -> None:
    parameters = {"source": "mnist", "run_time_epochs": 3.0}
    assert take_asked(parameters) == {"epochs": 3.0}
    assert parameters == {"source": "mnist"}
