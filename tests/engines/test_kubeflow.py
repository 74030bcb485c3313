"""Nodes of a compiled pipeline, started in KFP's way, on the cluster of k8s/flink."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ml_metadata.proto import metadata_store_pb2
from tfx.types import Artifact

from contract import nodes
from runner.kubeflow import flags
from runner.kubeflow.entrypoint import command, contract
from runner.kubeflow.origin import VARIABLE
from runner.kubeflow.specification import compile_pipeline
from runner.records import read_outputs
from tests.engines import processes
from tests.engines.comparing import approximately, statistics_in, values_in
from tests.kubeflow.emulation import driver

Json = dict[str, Any]
ROOT = "minio://bucket/run"


@pytest.fixture(scope="module")
def spec() -> Json:
    """The digits' pipeline, compiled with only Flink's name and slots."""
    settings = ("beam.runner=FlinkRunner", "beam.parallelism=2")
    bounds = ("gates.min_accuracy=0.0", "gates.min_class_accuracy=0.0")
    recipe = flags.recipe(data="digits", settings=(*settings, *bounds))
    text = compile_pipeline(
        recipe.config, recipe.deployment, recipe.name, recipe.data, recipe.fingerprint
    )
    found: Json = next(yaml.safe_load_all(text))
    return found


class Pod:
    """A node's pod; one folder replaces the store, and another one the volume."""

    def __init__(self, spec: Json, made: Path, folder: Path) -> None:
        """Takes the pipeline, the output of a local run, and an empty folder."""
        self.spec = spec
        self.folder = folder
        self.volume = folder / "beam"
        self.volume.mkdir()
        [run] = (made / "runs").iterdir()
        self.made = read_outputs(str(made / "metadata.sqlite"), run.name)

    def run(self, node: str, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Runs a node; returns the folder in which the launcher finds its outputs."""
        task = self.spec["root"]["dag"]["tasks"][node]
        component = self.spec["components"][node]
        sources = task["inputs"].get("artifacts", {})
        given = driver.executor_input(
            component,
            driver.parameters(task, component, self._defaults(), {}),
            {key: self._brought(source) for key, source in sources.items()},
            f"{ROOT}/{node}",
            "2.17.0",
        )
        given["outputs"]["outputFile"] = str(self.folder / f"{node}.json")
        executor = self.spec["deploymentSpec"]["executors"][component["executorLabel"]]
        container = executor["container"]
        # These nodes run on an engine, so that they are told Beam's settings.
        [variable] = container["env"]
        assert variable["name"] == VARIABLE
        monkeypatch.setenv(variable["name"], variable["value"])
        text = json.dumps(given)
        # TFX also reads the flags of its process.
        monkeypatch.setattr(sys, "argv", container["command"])
        command.run([word.replace("{{$}}", text) for word in container["args"]])
        return Path(contract.local_path(f"{ROOT}/{node}"))

    def _defaults(self) -> Json:
        declared = self.spec["root"]["inputDefinitions"]["parameters"]
        return {key: each["defaultValue"] for key, each in declared.items()}

    def _brought(self, source: Json) -> Json:
        """Puts an earlier node's output where the launcher does; returns it."""
        output = source["taskOutputArtifact"]
        artifact = self.made[output["producerTask"], output["outputArtifactKey"]]
        uri = f"{ROOT}/{output['producerTask']}/{output['outputArtifactKey']}"
        shutil.copytree(artifact.uri, contract.local_path(uri), dirs_exist_ok=True)
        return {"uri": uri, "metadata": _properties(artifact)}


def _properties(artifact: Artifact) -> Json:
    held: metadata_store_pb2.Artifact = artifact.mlmd_artifact
    return {
        key: getattr(value, value.WhichOneof("value"))
        for side in (held.properties, held.custom_properties)
        for key, value in side.items()
    }


@pytest.fixture
def pod(
    spec: Json, in_process: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Pod:
    found = Pod(spec, in_process, tmp_path)
    monkeypatch.setattr(contract, "_LOCAL_ROOTS", {"minio://": f"{tmp_path}/minio/"})
    monkeypatch.setattr(command, "BEAM_FOLDER", str(found.volume))
    return found


@pytest.mark.usefixtures("installation")
def test_nodes_come_to_the_same_on_the_cluster_and_leave_nothing_on_the_volume(
    pod: Pod, in_process: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = in_process / "artifacts" / "digits"
    before = {job["jid"] for job in processes.flink("jobs/overview")["jobs"]}
    statistics = statistics_in(pod.run(nodes.STATISTICS_GEN, monkeypatch))
    assert statistics == approximately(statistics_in(made / nodes.STATISTICS_GEN))
    transformed = pod.run(nodes.TRANSFORM, monkeypatch)
    assert list(transformed.glob("transform_graph/**/saved_model.pb"))
    values = values_in(pod.run(nodes.EVALUATOR, monkeypatch))
    assert values == approximately(values_in(made / nodes.EVALUATOR))
    after = processes.flink("jobs/overview")["jobs"]
    states = [job["state"] for job in after if job["jid"] not in before]
    # The jobs of the probe, StatisticsGen and Evaluator. A Transform without analyzers
    # has no job for the engine.
    assert states == ["FINISHED"] * 3
    assert not list(pod.volume.iterdir())
