"""The compiled pipeline is valid for open-source KFP, and has what the nodes need.

The published format is in kubeflow/pipelines: api/v2alpha1/pipeline_spec.proto; the
backend's own rules apply as well.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import kfp.components
import pytest
import yaml
from google.protobuf import json_format
from kfp.dsl import HTML, ClassificationMetrics, Metrics
from kfp.pipeline_spec import pipeline_spec_pb2

from contract.task import Task
from pipeline.config import Config, load_config
from runner.kubeflow.deployment import limits
from runner.kubeflow.entrypoint.settings import step
from runner.kubeflow.flags import Recipe
from runner.kubeflow.origin import NOTHING, Origin, from_json
from runner.kubeflow.package import planned
from runner.kubeflow.parameters import PARAMETERS, PREFIX
from runner.kubeflow.specification import compile_pipeline, nodes_of, properties_of
from tests.runner.kubeflow.compiled import (
    DEPLOYMENT,
    FINGERPRINT,
    NODES,
    PLACES,
    compiled,
    container,
    of_task,
    origin,
    tasks,
    text_of,
)
from tests.tasks import LETTERS, SHAPES

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("data", PLACES)
class TestFormat:
    def test_kfps_own_parser_knows_every_field(self, data: str) -> None:
        spec, _ = compiled(data)
        parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        assert parsed.schema_version == "2.1.0"
        assert parsed.pipeline_info.name == "mnist"
        _, platform = yaml.safe_load_all(text_of(data))
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())

    def test_kfp_loads_it_as_a_component(self, data: str) -> None:
        loaded = kfp.components.load_component_from_text(text_of(data))
        assert loaded.name == "mnist"
        inputs = set(loaded.component_spec.inputs)
        assert inputs == {"data", *(parameter.name for parameter in PARAMETERS)}
        assert loaded.required_inputs == []

    def test_what_is_checked_before_compiling_is_what_is_declared(
        self, data: str
    ) -> None:
        expected = planned(Recipe(Config(), DEPLOYMENT, "mnist", data, ""))
        declared = compiled(data)[0]["root"]["inputDefinitions"]["parameters"]
        assert expected.parameters == {
            name: (definition["parameterType"], definition["defaultValue"])
            for name, definition in declared.items()
        }

    def test_only_executors_that_open_source_kfp_runs(self, data: str) -> None:
        spec, _ = compiled(data)
        kinds = {
            kind
            for executor in spec["deploymentSpec"]["executors"].values()
            for kind in executor
        }
        assert kinds == {"container"} | ({"importer"} if "://" in data else set())

    def test_argo_takes_the_names_of_tasks(self, data: str) -> None:
        spec, _ = compiled(data)
        for name in tasks(spec):
            assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", name)

    def test_what_refers_to_a_task_or_a_component_finds_it(self, data: str) -> None:
        spec, _ = compiled(data)
        for name, task in tasks(spec).items():
            component = spec["components"][task["componentRef"]["name"]]
            inputs = component.get("inputDefinitions", {})
            given = task.get("inputs", {})
            assert set(task.get("dependentTasks", [])) <= set(tasks(spec))
            for kind in ("artifacts", "parameters"):
                assert set(given.get(kind, {})) == set(inputs.get(kind, {})), name
            for artifact in given.get("artifacts", {}).values():
                source = artifact["taskOutputArtifact"]
                producer = spec["components"][source["producerTask"]]
                outputs = producer["outputDefinitions"]["artifacts"]
                assert source["outputArtifactKey"] in outputs
                assert source["producerTask"] in task["dependentTasks"]
            for parameter in given.get("parameters", {}).values():
                if "componentInputParameter" in parameter:
                    declared = spec["root"]["inputDefinitions"]["parameters"]
                    assert parameter["componentInputParameter"] in declared


class TestEachNode:
    def test_they_are_the_local_runners_and_the_verdict(self) -> None:
        spec, _ = compiled()
        assert set(tasks(spec)) == NODES
        assert "Report" in tasks(spec)["Verdict"]["dependentTasks"]

    def test_each_runs_the_entry_point_in_the_projects_image(self) -> None:
        spec, _ = compiled()
        for node in NODES:
            run = container(spec, node)
            assert run["image"] == "mnist-tfx-pipeline:0.1.0"
            assert run["command"] == ["python", "-m", "runner.kubeflow.entrypoint"]

    def test_each_has_resources_and_a_deadline(self) -> None:
        spec, platform = compiled()
        for node in NODES:
            given = limits(node)
            assert container(spec, node)["resources"] == {
                "cpuLimit": given.cpu,
                "cpuRequest": given.cpu / 4,
                "memoryLimit": given.memory,
                "memoryRequest": given.memory,
            }
            executor = platform[spec["components"][node]["executorLabel"]]
            assert executor["activeDeadlineSeconds"] == str(given.seconds)

    def test_gates_are_not_tried_again(self) -> None:
        spec, _ = compiled()
        retried = {
            node: task["retryPolicy"]["maxRetryCount"]
            for node, task in tasks(spec).items()
            if "retryPolicy" in task
        }
        assert set(retried) == NODES - {"DataGate", "Verdict"}
        assert set(retried.values()) == {1}

    def test_the_window_of_retries_holds_every_try_to_its_deadline(self) -> None:
        """Argo counts the window from the start of the first try."""
        spec, platform = compiled()
        for node, task in tasks(spec).items():
            if "retryPolicy" in task:
                executor = platform[spec["components"][node]["executorLabel"]]
                deadline = int(executor["activeDeadlineSeconds"])
                tries = task["retryPolicy"]["maxRetryCount"] + 1
                window = int(task["retryPolicy"]["backoffMaxDuration"].rstrip("s"))
                assert window > tries * deadline

    def test_each_is_told_its_name_and_the_digests_of_what_it_is(self) -> None:
        spec, _ = compiled()
        for node in NODES:
            *given, properties, code = container(spec, node)["args"]
            assert given == ["--executor_input", "{{$}}", f"--node={node}"]
            assert re.fullmatch(r"--properties=[0-9a-f]{16}", properties)
            assert re.fullmatch(r"--project_digest=[0-9a-f]{16}", code)

    def test_no_two_have_the_same_container(self) -> None:
        """KFP's compiler would merge their components."""
        spec, _ = compiled()
        texts = {json.dumps(container(spec, node)) for node in NODES}
        assert len(texts) == len(NODES)

    def test_a_setting_changes_the_digest_of_whom_it_concerns(self) -> None:
        before, _ = compiled()
        config = load_config(settings=["training.epochs=7"])
        after = yaml.safe_load(
            compile_pipeline(config, DEPLOYMENT, "mnist", "mnist").split("---")[0]
        )
        changed = {
            node
            for node in NODES
            if container(before, node)["args"] != container(after, node)["args"]
        }
        assert changed == {"Trainer", "Pusher"}
        assert origin(after, "Trainer").config.training.epochs == 7

    def test_who_compiled_is_told_only_to_the_one_that_writes_it_down(self) -> None:
        spec, _ = compiled()
        told = {node for node in NODES if origin(spec, node).provenance.lock_digest}
        assert told == {"Pusher"}

    def test_what_is_left_of_the_parameters_is_what_kfp_fills_in(self) -> None:
        spec, _ = compiled()
        left = {
            (node, key)
            for node, task in tasks(spec).items()
            for key in task.get("inputs", {}).get("parameters", {})
            if not key.startswith(PREFIX)
        }
        assert left == {
            ("ImageExampleGen", "source"),
            ("Pusher", "run"),
            ("Report", "run"),
        }

    def test_types_are_the_titles_of_outputs(self) -> None:
        """KFP reads no other; see `document.shorten_types`."""
        spec, _ = compiled()
        for component in spec["components"].values():
            outputs = component.get("outputDefinitions", {}).get("artifacts", {})
            for artifact in outputs.values():
                assert set(artifact["artifactType"]) == {"schemaTitle"}
            inputs = component.get("inputDefinitions", {}).get("artifacts", {})
            assert all(artifact == {} for artifact in inputs.values())

    def test_what_kfps_user_interface_shows_has_kfps_types(self) -> None:
        spec, _ = compiled()
        shown = {
            (node, key): kind
            for node, component in spec["components"].items()
            for key, artifact in component.get("outputDefinitions", {})
            .get("artifacts", {})
            .items()
            if (kind := artifact["artifactType"]["schemaTitle"]).startswith("system.")
        }
        assert shown == {
            ("DataReport", "page"): HTML.schema_title,
            ("ModelReport", "page"): HTML.schema_title,
            ("ModelReport", "metrics"): Metrics.schema_title,
            ("ModelReport", "classification"): ClassificationMetrics.schema_title,
            ("Report", "page"): HTML.schema_title,
        }


@pytest.mark.parametrize("task", [LETTERS, SHAPES], ids=lambda task: task.name)
class TestTasksOfOnesOwn:
    """Tasks with 26 grey letters, and with four shapes in colour."""

    def test_the_pipeline_has_the_tasks_name_and_the_same_nodes(
        self, task: Task
    ) -> None:
        spec, platform = yaml.safe_load_all(of_task(task))
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
        assert spec["pipelineInfo"]["name"] == task.name
        assert set(tasks(spec)) == NODES
        told = {name for node in NODES if (name := origin(spec, node).name)}
        assert told == {task.name}

    def test_the_parameters_are_those_of_any_task(self, task: Task) -> None:
        declared = yaml.safe_load(of_task(task).split("---")[0])["root"][
            "inputDefinitions"
        ]["parameters"]
        mnist = compiled()[0]["root"]["inputDefinitions"]["parameters"]
        assert declared.pop("data")["defaultValue"] == f"/data/{task.name}"
        assert declared == {key: mnist[key] for key in mnist if key != "data"}

    def test_no_other_task_is_spoken_of(self, task: Task) -> None:
        assert not re.search("digit|mnist(?!-)", of_task(task))

    def test_classes_and_noun_are_told_to_the_nodes_that_they_change(
        self, task: Task
    ) -> None:
        """If all nodes got them, a hundred classes would not fit in a workflow."""
        spec, _ = yaml.safe_load_all(of_task(task))
        told = {node: origin(spec, node).config.data for node in NODES}
        knowing = {node for node in NODES if told[node].classes}
        assert knowing == {"ImageExampleGen", "Pusher"}
        assert {told[node].classes for node in knowing} == {task.classes}
        assert {told[node].noun for node in knowing} == {task.noun}

    def test_a_pod_builds_each_node_as_it_was_compiled(self, task: Task) -> None:
        spec, _ = yaml.safe_load_all(of_task(task))
        parts = origin(spec, "ImageExampleGen"), origin(spec, "Pusher")
        compiled_from = replace(parts[0], provenance=parts[1].provenance)
        whole = properties_of(nodes_of(compiled_from))
        told = {origin(spec, node).to_json() for node in NODES}
        assert NOTHING in told
        assert len(told) > 2
        for text in told:
            built = properties_of(nodes_of(from_json(text)))
            for node in NODES:
                if origin(spec, node).to_json() == text:
                    assert built[node] == whole[node], node


def test_a_setting_is_told_to_the_nodes_whose_inputs_it_changes() -> None:
    """Verdict's properties do not depend on Replay, but one of its inputs does."""
    config = load_config(settings=["gates.replay_log=/requests/mnist"])
    spec, _ = yaml.safe_load_all(compile_pipeline(config, DEPLOYMENT, "mnist", "mnist"))
    made = step("Verdict", origin(spec, "Verdict"), {})
    inputs = spec["components"]["Verdict"]["inputDefinitions"]["artifacts"]
    assert set(made.inputs["artifacts"]) == set(inputs)
    assert "replay" in inputs


class TestRunTimeParameters:
    def test_defaults_and_types_are_the_configurations(self) -> None:
        declared = compiled()[0]["root"]["inputDefinitions"]["parameters"]
        shown = {
            name: (definition["parameterType"], definition["defaultValue"])
            for name, definition in declared.items()
        }
        assert shown == {
            "data": ("STRING", "mnist"),
            "epochs": ("NUMBER_INTEGER", 25),
            "batch_size": ("NUMBER_INTEGER", 32),
            "learning_rate": ("NUMBER_DOUBLE", 0.001),
            "seed": ("NUMBER_INTEGER", 1),
            "min_accuracy": ("NUMBER_DOUBLE", 0.97),
            "min_class_accuracy": ("NUMBER_DOUBLE", 0.93),
            "max_champion_loss": ("NUMBER_DOUBLE", 0.005),
            "allow_anomalies": ("BOOLEAN", False),
        }

    @pytest.mark.parametrize(
        ("parameter", "nodes"),
        [
            ("data", {"ImageExampleGen"}),
            # The Pusher records the recipe.
            ("epochs", {"Trainer", "Pusher"}),
            ("batch_size", {"Trainer", "Pusher"}),
            ("learning_rate", {"Trainer", "Pusher"}),
            ("seed", {"Trainer", "Pusher"}),
            # The other nodes read the bounds from Evaluator's output.
            ("min_accuracy", {"Evaluator"}),
            ("min_class_accuracy", {"Evaluator"}),
            ("max_champion_loss", {"Evaluator"}),
            (
                "allow_anomalies",
                {"DataGate", "DataReport", "ModelReport", "Report"},
            ),
        ],
    )
    def test_each_goes_to_the_nodes_that_it_changes_and_no_other(
        self, parameter: str, nodes: set[str]
    ) -> None:
        spec, _ = compiled()
        takers = {
            node
            for node, task in tasks(spec).items()
            for given in task.get("inputs", {}).get("parameters", {}).values()
            if given.get("componentInputParameter") == parameter
        }
        assert takers == nodes

    def test_what_is_computed_is_what_would_have_been_compiled(self) -> None:
        made = Origin({}, "mnist", "mnist", "")
        before = properties_of(nodes_of(made))
        now = properties_of(nodes_of(made, {"epochs": 3}))
        changed = {node for node in now if now[node] != before[node]}
        assert changed == {"Trainer", "Pusher"}
        told = json.loads(now["Trainer"]["custom_config"])["training"]
        assert told["epochs"] == 3
        assert now["Pusher"]["recipe"] != before["Pusher"]["recipe"]


class TestSameInputSameBytes:
    @pytest.fixture(scope="class")
    def written(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The file from the command line, in a process with another order of hashes."""
        folder = tmp_path_factory.mktemp("compiled")
        process = subprocess.run(
            [
                *(sys.executable, str(REPOSITORY / "kubeflow_runner.py"), "compile"),
                *("--set", "training.epochs=7", "--fingerprint", FINGERPRINT),
            ],
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": "7"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert (process.returncode, process.stderr) == (0, "")
        assert process.stdout == (
            "mnist.yaml: pipeline mnist, 15 nodes, data mnist, image "
            "mnist-tfx-pipeline:0.1.0\n"
            f"next: {sys.executable} {REPOSITORY}/kubeflow_runner.py submit "
            "--package mnist.yaml --wait\n"
        )
        return folder / "mnist.yaml"

    def test_in_another_process(self, written: Path) -> None:
        config = load_config(settings=["training.epochs=7"])
        here = compile_pipeline(config, DEPLOYMENT, "mnist", "mnist", FINGERPRINT)
        assert written.read_text() == here

    def test_nothing_of_this_machine_is_in_it(self, written: Path) -> None:
        text = written.read_text()
        assert str(REPOSITORY) not in text
        assert str(Path.home()) not in text
