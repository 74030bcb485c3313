"""Adapts the document of TFX's compiler to open-source KFP.

These are pure functions on the document, by the fields of the published format
(kubeflow/pipelines: api/v2alpha1/pipeline_spec.proto and
kubernetes_platform/proto/kubernetes_executor_config.proto).
"""

from collections.abc import Iterable
from typing import Any

import yaml

from contract import nodes
from runner.kubeflow.deployment import (
    BEAM_FOLDER,
    DATA_FOLDER,
    LOG_FOLDER,
    MODELS_FOLDER,
    SECRET_KEYS,
    Deployment,
    limits,
)
from runner.kubeflow.entrypoint.contract import is_remote
from runner.kubeflow.fingerprints import project_digest
from runner.kubeflow.origin import NOTHING, VARIABLE
from runner.kubeflow.parameters import DATA

Json = dict[str, Any]

IMPORTER = "Data"
_IMPORTED = "imported_data"


def executor_of(spec: Json, node: str) -> Json:
    """Returns the executor of a node."""
    label = spec["components"][node]["executorLabel"]
    return spec["deploymentSpec"]["executors"][label]


def leave_to_image(spec: Json, node: str, digest: str, origin: str) -> None:
    """Replaces a node's properties by the origin from which a pod builds them.

    KFP and Argo write a node's parameters and arguments into the workflow about nine
    times, and the workflow must stay below 1 MiB. Only the parameters that KFP fills in
    stay in the document. Each node has its name as an argument, because KFP identifies
    components by their container and would treat two equal ones as the same
    (backend/src/v2/compiler/argocompiler/argo.go, hashComponentContainer).
    """
    definitions = spec["components"][node].get("inputDefinitions", {})
    inputs = spec["root"]["dag"]["tasks"][node].get("inputs", {})
    for key, value in [*inputs.get("parameters", {}).items()]:
        constant = value.get("runtimeValue", {}).get("constant")
        if not (isinstance(constant, str) and constant.startswith("{{$")):
            del inputs["parameters"][key]
            del definitions["parameters"][key]
    for side in (inputs, definitions):
        if not side.get("parameters", True):
            del side["parameters"]
    container = executor_of(spec, node)["container"]
    container["args"] = [
        *("--executor_input", "{{$}}", f"--node={node}"),
        *(f"--properties={digest}", f"--project_digest={project_digest()}"),
    ]
    if origin != NOTHING:
        container["env"] = [{"name": VARIABLE, "value": origin}]


def shorten_labels(spec: Json) -> None:
    """Names each executor as its component, without TFX's suffix."""
    executors = spec["deploymentSpec"]["executors"]
    for node, component in spec["components"].items():
        executors[node] = executors.pop(component["executorLabel"])
        component["executorLabel"] = node


def shorten_types(spec: Json) -> None:
    """Replaces the schemas of artifact types by their titles; inputs get no type.

    KFP reads only the title of a schema, and only that of an output
    (backend/src/v2/metadata/client.go: SchemaToArtifactType; driver/driver.go:
    provisionOutputs). An input's type is that of the output that it comes from, and the
    entry point knows the class. Argo's workflow contains each component nine times.
    """
    for component in spec["components"].values():
        for artifact in component.get("inputDefinitions", {}).get("artifacts", {}):
            component["inputDefinitions"]["artifacts"][artifact] = {}
        for artifact in (
            component.get("outputDefinitions", {}).get("artifacts", {}).values()
        ):
            schema = artifact["artifactType"].get("instanceSchema")
            if schema is not None:
                title = str(yaml.safe_load(schema)["title"])
                artifact["artifactType"] = _type(title)


def hand_on(spec: Json, node: str, key: str, parameter: str) -> None:
    """Connects an input of a node to a run-time parameter."""
    component, task = spec["components"][node], spec["root"]["dag"]["tasks"][node]
    declared = spec["root"]["inputDefinitions"]["parameters"][parameter]
    definitions = component.setdefault("inputDefinitions", {})
    definitions.setdefault("parameters", {})[key] = {
        "parameterType": declared["parameterType"]
    }
    task.setdefault("inputs", {}).setdefault("parameters", {})[key] = {
        "componentInputParameter": parameter
    }


def add_data(spec: Json, data: str) -> None:
    """Makes the place of the data a run-time parameter; adds an importer if remote.

    With an importer, KFP's launcher fetches the data from the object store with its
    credentials, and the run's lineage shows the data.
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
    artifact = _type("system.Dataset")
    spec["components"][IMPORTER] = {
        "executorLabel": IMPORTER,
        "inputDefinitions": {"parameters": {"uri": {"parameterType": "STRING"}}},
        "outputDefinitions": {"artifacts": {"artifact": {"artifactType": artifact}}},
    }
    spec["deploymentSpec"]["executors"][IMPORTER] = {
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
        _IMPORTED: {}
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


def add_limits(spec: Json, fingerprint: str) -> None:
    """Sets each node's resources and retries, and whether KFP may cache it."""
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
                "backoffDuration": "10s",
                "backoffFactor": 2.0,
                "backoffMaxDuration": f"{given.window}s",
            }
        known = bool(fingerprint) or node != nodes.EXAMPLE_GEN
        task["cachingOptions"] = {"enableCache": True} if given.cached and known else {}


def platform(
    spec: Json, deployment: Deployment, data: str, on_engine: Iterable[str] = ()
) -> Json:
    """Returns the Kubernetes part of the document: volumes, secrets and deadlines."""
    models = (deployment.models_volume, MODELS_FOLDER)
    mounts = {node: [(deployment.beam_volume, BEAM_FOLDER)] for node in on_engine}
    mounts |= {
        nodes.CHAMPION: [models],
        nodes.PUSHER: [models],
        nodes.REPLAY: [(deployment.log_volume, LOG_FOLDER)],
        nodes.REQUEST_LOG_EXAMPLE_GEN: [models, (deployment.log_volume, LOG_FOLDER)],
        nodes.TRAFFIC_GATE: [models],
    }
    if data.startswith("/"):
        mounts[nodes.EXAMPLE_GEN] = [(deployment.data_volume, DATA_FOLDER)]
    executors: Json = {}
    for node, component in spec["components"].items():
        if "container" not in executor_of(spec, node):
            continue
        # The time counts from the pod's start: a pod that never starts waits forever.
        of_node: Json = {"activeDeadlineSeconds": str(limits(node).seconds)}
        executors[component["executorLabel"]] = of_node
        if node in mounts:
            # The deprecated field is the one that every KFP from 2.0 reads
            # (backend/src/v2/driver/k8s.go: makeVolumeMountPatch).
            of_node["pvcMount"] = [
                {"constant": volume, "mountPath": path} for volume, path in mounts[node]
            ]
        if node == nodes.EXAMPLE_GEN and deployment.data_secret:
            of_node["secretAsEnv"] = [
                {
                    "secretName": deployment.data_secret,
                    "keyToEnv": [{"secretKey": key, "envVar": key}],
                    "optional": not is_needed,
                }
                for key, is_needed in SECRET_KEYS.items()
            ]
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def to_yaml(documents: Iterable[Json]) -> str:
    """Returns documents as YAML in which every string is quoted.

    The YAML reader of KFP's API server differs from Python's: it would read a digest
    like 1234567890123e12 as a number.
    """
    return yaml.dump_all(documents, Dumper=_Quoting, sort_keys=True)


class _Quoting(yaml.SafeDumper):
    """Writes strings in double quotes."""


_Quoting.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style='"'
    ),
)


def _type(title: str) -> Json:
    return {"schemaTitle": title}
