"""What open-source KFP needs in the document that TFX's compiler writes.

Pure functions over the document, by fields of the published format
(kubeflow/pipelines: api/v2alpha1/pipeline_spec.proto and
kubernetes_platform/proto/kubernetes_executor_config.proto).
"""

import json
from typing import Any

from contract import nodes
from runner.kubeflow.deployment import (
    DATA_FOLDER,
    MODELS_FOLDER,
    Deployment,
    limits,
)
from runner.kubeflow.entrypoint.contract import HTML_TYPE, is_remote
from runner.kubeflow.fingerprints import project_digest
from runner.kubeflow.parameters import DATA

Json = dict[str, Any]

IMPORTER = "Data"
_IMPORTED = "imported_data"
_HTML = {"schemaTitle": HTML_TYPE, "schemaVersion": "0.0.1"}


def executor_of(spec: Json, node: str) -> Json:
    """Returns what runs a node."""
    label = spec["components"][node]["executorLabel"]
    executor: Json = spec["deploymentSpec"]["executors"][label]
    return executor


def add_arguments(spec: Json) -> None:
    """Tells each container what it cannot see: its outputs' types, and its code."""
    code = project_digest()
    for component in spec["components"].values():
        executor = spec["deploymentSpec"]["executors"][component["executorLabel"]]
        executor["container"]["args"] += [
            f"--outputs_spec={text(component.get('outputDefinitions', {}))}",
            f"--project_digest={code}",
        ]


def hand_on(spec: Json, node: str, key: str, parameter: str) -> None:
    """Connects an input of a node to a run-time parameter."""
    component, task = spec["components"][node], spec["root"]["dag"]["tasks"][node]
    declared = spec["root"]["inputDefinitions"]["parameters"][parameter]
    component["inputDefinitions"].setdefault("parameters", {})[key] = {
        "parameterType": declared["parameterType"]
    }
    task.setdefault("inputs", {}).setdefault("parameters", {})[key] = {
        "componentInputParameter": parameter
    }


def add_data(spec: Json, data: str) -> None:
    """Makes the data's place a run-time parameter, and fetches it if it is remote.

    What is in an object store comes by an importer, so that KFP's launcher, which
    has the credentials, brings it, and the run's lineage shows it.
    """
    spec["root"]["inputDefinitions"]["parameters"][DATA] = {
        "parameterType": "STRING",
        "defaultValue": data,
        "description": "The data set: a name, a path or a URI, as when compiled.",
        "isOptional": True,
    }
    hand_on(spec, nodes.EXAMPLE_GEN, "source", DATA)
    if not is_remote(data):
        return
    artifact = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}
    spec["components"][IMPORTER] = {
        "executorLabel": f"{IMPORTER}_executor",
        "inputDefinitions": {"parameters": {"uri": {"parameterType": "STRING"}}},
        "outputDefinitions": {"artifacts": {"artifact": {"artifactType": artifact}}},
    }
    spec["deploymentSpec"]["executors"][f"{IMPORTER}_executor"] = {
        "importer": {
            "artifactUri": {"runtimeParameter": "uri"},
            "typeSchema": artifact,
        }
    }
    tasks = spec["root"]["dag"]["tasks"]
    tasks[IMPORTER] = {
        "cachingOptions": {},
        "componentRef": {"name": IMPORTER},
        "inputs": {"parameters": {"uri": {"componentInputParameter": DATA}}},
        "taskInfo": {"name": IMPORTER},
    }
    spec["components"][nodes.EXAMPLE_GEN]["inputDefinitions"]["artifacts"] = {
        _IMPORTED: {"artifactType": artifact}
    }
    example_gen = tasks[nodes.EXAMPLE_GEN]
    example_gen["inputs"]["artifacts"] = {
        _IMPORTED: {
            "taskOutputArtifact": {
                "producerTask": IMPORTER,
                "outputArtifactKey": "artifact",
            }
        }
    }
    example_gen["dependentTasks"] = [IMPORTER]


def use_html(spec: Json, type_name: str) -> None:
    """Gives pages the type by which KFP's user interface knows them.

    Args:
        spec: The document.
        type_name: That TFX knows them by.
    """
    for component in spec["components"].values():
        artifacts = component.get("outputDefinitions", {}).get("artifacts", {})
        for artifact in artifacts.values():
            if type_name in artifact["artifactType"].get("instanceSchema", ""):
                artifact["artifactType"] = _HTML


def add_limits(spec: Json, fingerprint: str) -> None:
    """Gives each node its resources, retries, and a place in KFP's cache or none.

    Args:
        spec: The document.
        fingerprint: Of the data's content, or empty; see `compile_pipeline`.
    """
    for node, task in spec["root"]["dag"]["tasks"].items():
        executor = executor_of(spec, node)
        if "container" not in executor:
            continue
        given = limits(node)
        executor["container"]["resources"] = {
            "cpuLimit": given.cpu,
            "cpuRequest": given.cpu / 4,
            "memoryLimit": given.memory,
            "memoryRequest": given.memory,
        }
        if given.retries:
            task["retryPolicy"] = {
                "maxRetryCount": given.retries,
                "backoffDuration": "30s",
                "backoffFactor": 2.0,
                "backoffMaxDuration": "600s",
            }
        known = bool(fingerprint) or node != nodes.EXAMPLE_GEN
        task["cachingOptions"] = {"enableCache": True} if given.cached and known else {}


def platform(spec: Json, deployment: Deployment, data: str) -> Json:
    """Returns the document with what only Kubernetes knows: volumes, deadlines."""
    mounts = {
        nodes.CHAMPION: (deployment.models_volume, MODELS_FOLDER),
        nodes.PUSHER: (deployment.models_volume, MODELS_FOLDER),
    }
    if data.startswith("/"):
        mounts[nodes.EXAMPLE_GEN] = (deployment.data_volume, DATA_FOLDER)
    executors: Json = {}
    for node, component in spec["components"].items():
        if "container" not in executor_of(spec, node):
            continue
        # The limit also stops a pod that never starts, which KFP's would not.
        of_node: Json = {"activeDeadlineSeconds": str(limits(node).seconds)}
        executors[component["executorLabel"]] = of_node
        if node in mounts:
            volume, path = mounts[node]
            # The deprecated field is the one that every KFP from 2.0 reads
            # (backend/src/v2/driver/k8s.go: makeVolumeMountPatch).
            of_node["pvcMount"] = [{"constant": volume, "mountPath": path}]
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def text(value: Json) -> str:
    """Returns a value as the same JSON every time."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
