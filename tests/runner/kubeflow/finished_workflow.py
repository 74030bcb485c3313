"""Computes the size of Argo's workflow when a run of a compiled pipeline has ended.

Above 1 MiB Argo packs the nodes, and KFP cannot read their states. A workflow is large
not because of the package itself, but because KFP and Argo repeat it: a node's
component, task and container are inputs of its driver, and the driver's results are
outputs, and inputs of each group and pod below.

The rules are those of KFP's compiler and driver and of Argo's controller
(kubeflow/pipelines: backend/src/v2/compiler/argocompiler: argo.go, dag.go,
container.go; backend/src/v2/driver/driver.go: initPodSpecPatch; argo-workflows:
NodeStatus in pkg/apis/workflow/v1alpha1/workflow_types.go). Parts that do not depend on
the package are constants here, and the result is compared with recorded sizes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

Json = dict[str, Any]

_TEMPLATES = 12_400
"""Bytes of KFP's own templates, the same for each pipeline (wf, KFP 2.17.0)."""

_ROOT = "minio://mlpipeline/v2/artifacts"
_UUID = "123e4567-e89b-12d3-a456-426655440000"
_DIGEST = "a" * 64
_LAUNCHER = [
    *("/kfp-launcher/launch", "--pipeline_name", "mnist", "--run_id", _UUID),
    *("--execution_id", "12", "--pod_name", "$(KFP_POD_NAME)"),
    *("--pod_uid", "$(KFP_POD_UID)", "--ml_pipeline_server_address"),
    *("ml-pipeline.kubeflow.svc.cluster.local", "--ml_pipeline_server_port", "8887"),
    *("--mlmd_server_address", "metadata-grpc-service.kubeflow.svc.cluster.local"),
    *("--mlmd_server_port", "8080", "--publish_logs", "true"),
    *("--publish_logs", "true", "--executor_input"),
]
_TIME = "2026-01-01T00:00:00Z"
_POD = "mnist-abcde-retry-system-container-impl-1234567890"

_STORE = {
    "Provider": "minio",
    "Params": {
        "accessKeyKey": "accesskey",
        "disableSSL": "true",
        "endpoint": "seaweedfs.kubeflow:9000",
        "fromEnv": "false",
        "maxRetries": "5",
        "region": "minio",
        "secretKeyKey": "secretkey",
        "secretName": "mlpipeline-minio-artifact",
    },
}

_LOG = {"artifactType": {"schemaTitle": "system.Artifact"}}
"""KFP's own output, which its driver adds to the component."""

_SPLITS = '["train", "eval", "test"]'

_RECORDED = {
    "examples": {
        "counts": '{"train": 48000, "eval": 12000, "test": 10000}',
        "file_format": "tfrecords_gzip",
        "fingerprint": _DIGEST,
        "payload_format": "FORMAT_TF_EXAMPLE",
        "split_names": _SPLITS,
        "test_rows_in_training": 0,
    },
    "statistics": {
        "sample_rate_by_split": '{"eval": 1.0, "test": 1.0, "train": 1.0}',
        "span": 0,
        "split_names": _SPLITS,
        "stats_dashboard_link": "",
    },
    "anomalies": {
        "blessed": {"struct": {"eval": 1, "test": 1, "train": 1}},
        "span": 0,
        "split_names": _SPLITS,
    },
}
"""Further custom properties of an artifact when it is a later node's input, by output
key (digits, KFP 2.16.1)."""


@dataclass(frozen=True)
class Finished:
    """The workflow of a run in which all nodes succeeded.

    Attributes:
        package: The compiled pipeline's text.
        every_level_retries: Whether Argo is configured as by KFP from 2.17 on.
        all_properties: Whether artifacts have the properties that today's entry point
            leaves out: TFX's version, and how KFP's user interface reaches their store,
            which KFP adds if a pod does not; see `contract.to_remote`.
    """

    package: str
    every_level_retries: bool
    all_properties: bool = False

    @property
    def size(self) -> int:
        """Returns the workflow's bytes, including inputs and outputs of all nodes."""
        return (
            _TEMPLATES
            + _length(list(self._arguments()))
            + sum(_task_length(name, task) for name, task in self._tasks.items())
            + sum(self._nodes_length(name) for name in self._tasks)
            + self._root_length()
        )

    @cached_property
    def _documents(self) -> tuple[Json, Json]:
        spec, platform = yaml.safe_load_all(self.package)
        return spec, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]

    @property
    def _spec(self) -> Json:
        return self._documents[0]

    @property
    def _tasks(self) -> Json:
        found: Json = self._spec["root"]["dag"]["tasks"]
        return found

    def _arguments(self) -> Iterator[Json]:
        """Yields the workflow's arguments: the description of each node, once."""
        for name, component in self._spec["components"].items():
            label = component["executorLabel"]
            executor = self._spec["deploymentSpec"]["executors"][label]
            yield _parameter(f"components-{_DIGEST}", _text(component))
            yield _parameter(f"implementations-{_DIGEST}", _text(executor))
            kubernetes = self._documents[1].get(label, {})
            yield _parameter(f"kubernetes-{name}", _text(kubernetes))
        yield _parameter("components-root", _text(self._spec["root"]))

    def _root_length(self) -> int:
        """Returns the bytes of the nodes above the tasks: workflow, driver, root."""
        declared = self._spec["root"]["inputDefinitions"]["parameters"]
        values = {key: each["defaultValue"] for key, each in declared.items()}
        driver = [
            _parameter("component", _text(self._spec["root"])),
            _parameter("runtime-config", _text({"parameterValues": values})),
            _parameter("driver-type", "ROOT_DAG"),
        ]
        once = _node(driver) + 2 * _node([_parameter("parent-dag-id", "1")])
        return 2 * once if self.every_level_retries else once

    def _nodes_length(self, name: str) -> int:
        """Returns the bytes of a task's nodes in the workflow's status."""
        task = self._tasks[name]
        component = self._spec["components"][task["componentRef"]["name"]]
        label = component["executorLabel"]
        groups = 2 if self.every_level_retries else 1
        executor = self._spec["deploymentSpec"]["executors"][label]
        if "container" not in executor:
            # An importer is one pod, without a driver.
            given = [_text(each) for each in (component, task, executor)]
            return groups * _node([_parameter("component", each) for each in given])
        container = executor["container"]
        kubernetes = self._documents[1][label]
        retry = _RETRY if "retryPolicy" in task else []
        driver_inputs = [
            _parameter("component", _text(component)),
            _parameter("task", _text(task)),
            _parameter("container", _text(container)),
            _parameter("task-name", name),
            _parameter("parent-dag-id", "1"),
            {**_parameter("iteration-index", "-1"), "default": "-1"},
            {**_parameter("kubernetes-config", _text(kubernetes)), "default": ""},
        ]
        outputs = component.get("outputDefinitions", {}).get("artifacts", {})
        seen = {
            **component,
            "outputDefinitions": {"artifacts": {**outputs, "executor-logs": _LOG}},
        }
        patch = _text(
            _patch(seen, container, kubernetes, self._executor_input(name, seen))
        )
        driver_outputs = {
            "parameters": [
                {**_parameter("pod-spec-patch", patch), **_from("pod-spec-patch")},
                {**_parameter("cached-decision", "false"), **_from("cached-decision")},
                {**_parameter("condition", "true"), **_from("condition")},
            ],
            "exitCode": "0",
        }
        in_pod = [_parameter("pod-spec-patch", patch), *retry]
        in_group = [
            *in_pod,
            {**_parameter("cached-decision", "false"), "default": "false"},
        ]
        pods = 2 if self.every_level_retries or retry else 1
        return (
            groups * (_node(driver_inputs, driver_outputs) + _node(in_group))
        ) + pods * _node(in_pod)

    def _executor_input(self, name: str, component: Json) -> Json:
        """Returns the input that KFP's driver passes to the launcher."""
        given = self._tasks[name].get("inputs", {})
        defaults = self._spec["root"]["inputDefinitions"]["parameters"]
        root = self._spec.get("defaultPipelineRoot", _ROOT)
        root = f"{root}/{self._spec['pipelineInfo']['name']}/{_UUID}"
        return {
            "inputs": {
                "parameterValues": {
                    key: value["runtimeValue"]["constant"]
                    if "runtimeValue" in value
                    else defaults[value["componentInputParameter"]]["defaultValue"]
                    for key, value in given.get("parameters", {}).items()
                },
                "artifacts": {
                    key: {
                        "artifacts": [
                            {
                                "name": "12",
                                "type": {"instanceSchema": ""},
                                "uri": f"{root}/{producer}/{_UUID}/{key}",
                                "metadata": self._metadata(output),
                            }
                        ]
                    }
                    for key, value in given.get("artifacts", {}).items()
                    for source in [value["taskOutputArtifact"]]
                    for producer in [source["producerTask"]]
                    for output in [source["outputArtifactKey"]]
                },
            },
            "outputs": {
                "artifacts": {
                    key: {
                        "artifacts": [
                            {
                                "name": key,
                                "type": output["artifactType"],
                                "uri": f"{root}/{name}/{_UUID}/{key}",
                            }
                        ]
                    }
                    for key, output in component["outputDefinitions"][
                        "artifacts"
                    ].items()
                },
                "outputFile": f"{root}/{name}/{_UUID}/output_metadata.json",
            },
        }

    def _metadata(self, output: str) -> Json:
        """Returns the custom properties of an artifact."""
        # A page always tells how the user interface reaches its store.
        store = _text(_STORE) if self.all_properties or output == "page" else ""
        return {
            "display_name": output,
            "store_session_info": store,
            **({"tfx_version": "1.21.0"} if self.all_properties else {}),
            **_RECORDED.get(output, {}),
        }


def _task_length(name: str, task: Json) -> int:
    """Returns the bytes of a task's two entries in the root's template."""
    depends = " && ".join(
        f"{other}.Succeeded" for other in task.get("dependentTasks", [])
    )
    driver = {
        "name": f"{name}-driver",
        "template": "system-container-driver",
        "arguments": {
            "parameters": [
                _parameter("component", f"{{{{workflow.parameters.comp-{_DIGEST}}}}}"),
                _parameter("task", _text(task)),
                _parameter("container", f"{{{{workflow.parameters.impl-{_DIGEST}}}}}"),
                _parameter("task-name", name),
                _parameter("parent-dag-id", "{{inputs.parameters.parent-dag-id}}"),
                _parameter("kubernetes-config", f"{{{{kubernetes-{name}}}}}"),
            ]
        },
        "depends": depends,
    }
    executor = {
        "name": name,
        "template": "retry-system-container-executor",
        "arguments": {
            "parameters": [
                _parameter("pod-spec-patch", f"{{{{tasks.{name}-driver.outputs}}}}"),
                _parameter("cached-decision", f"{{{{tasks.{name}-driver.outputs}}}}"),
                *(_RETRY if "retryPolicy" in task else []),
            ]
        },
        "depends": f"{name}-driver.Succeeded",
    }
    return _length(driver) + _length(executor)


def _patch(
    component: Json, container: Json, kubernetes: Json, executor_input: Json
) -> Json:
    """Returns the patch that the driver makes from a task for a pod."""
    mounts = kubernetes.get("pvcMount", [])
    return {
        "containers": [
            {
                "name": "main",
                "image": container["image"],
                "command": [
                    *(*_LAUNCHER, _text(executor_input)),
                    *("--component_spec", _text(component), "--"),
                ],
                "args": [*container["command"], *container["args"]],
                "env": container.get("env", []),
                "resources": container.get("resources", {}),
                "volumeMounts": [
                    {"name": each["constant"], "mountPath": each["mountPath"]}
                    for each in mounts
                ],
            }
        ],
        "volumes": [
            {
                "name": each["constant"],
                "persistentVolumeClaim": {"claimName": each["constant"]},
            }
            for each in mounts
        ],
        "activeDeadlineSeconds": 900,
    }


def _node(inputs: list[Json], outputs: Json | None = None) -> int:
    """Returns the bytes of one Argo node."""
    node = {
        "id": "mnist-abcde-1234567890",
        "name": "mnist-abcde(0).root(0).StatisticsGen(0).executor",
        "displayName": "StatisticsGen-driver",
        "type": "Retry",
        "templateName": "retry-system-container-executor",
        "templateScope": "local/mnist-abcde",
        "phase": "Succeeded",
        "boundaryID": "mnist-abcde-1234567890",
        "startedAt": _TIME,
        "finishedAt": _TIME,
        "progress": "1/1",
        "resourcesDuration": {"cpu": 10, "memory": 100},
        "nodeFlag": {"retried": True},
        "inputs": {"parameters": inputs},
        "children": ["mnist-abcde-1234567890"] * 3,
        "hostNodeName": "node",
        "taskResultSynced": True,
    }
    return _length({"mnist-abcde-1234567890": {**node, "outputs": outputs or {}}})


def _from(name: str) -> Json:
    return {"valueFrom": {"path": f"/tmp/outputs/{name}", "default": "false"}}


def _depends_on(task: Json) -> list[str]:
    found: list[str] = task.get("dependentTasks", [])
    return found


def _parameter(name: str, value: str) -> Json:
    return {"name": name, "value": value}


_RETRY = [_parameter("retry-backoff-max-duration", "1234")] * 4


def _length(value: Any) -> int:
    return len(_text(value))


def _text(value: Any) -> str:
    """Returns a value in Go's JSON form."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
