"""KFP's driver: makes an ExecutorInput from a task of the compiled pipeline.

Source: backend/src/v2/driver/resolve.go and container.go.
"""

import json
from typing import Any

from tests.kubeflow.emulation.rules import EMPTY_TYPES, OUTPUT_FILE

Json = dict[str, Any]


class DriverError(Exception):
    """The driver's pod would fail, and the run with it."""


def parameters(
    task: Json, component: Json, of_run: Json, placeholders: dict[str, str]
) -> Json:
    """Returns a task's input parameters, converted and checked as the driver does."""
    resolved: Json = {}
    for name, spec in task.get("inputs", {}).get("parameters", {}).items():
        if "componentInputParameter" in spec:
            key = spec["componentInputParameter"]
            if key not in of_run:
                raise DriverError(f"parent DAG does not have input parameter {key}")
            resolved[name] = of_run[key]
        else:
            constant = spec["runtimeValue"]["constant"]
            if isinstance(constant, str):
                constant = placeholders.get(constant, constant)
            resolved[name] = constant
    declared = component.get("inputDefinitions", {}).get("parameters", {})
    for name, spec in declared.items():
        if name not in resolved:
            if not spec.get("isOptional") and "defaultValue" not in spec:
                raise DriverError(f"neither value nor default for parameter {name}")
            continue
        resolved[name] = _converted(name, resolved[name], spec["parameterType"])
    return resolved


def executor_input(
    component: Json,
    parameter_values: Json,
    artifacts: dict[str, Json],
    task_root: str,
    version: str,
) -> Json:
    """Returns the value of `{{$}}`, as the JSON that Go's protojson writes.

    Args:
        component: Its specification.
        parameter_values: See `parameters`.
        artifacts: The inputs, as the launcher recorded them.
        task_root: URI of the folder of the outputs.
        version: KFP's version.
    """
    folder = "/" + task_root.replace("://", "/")
    return {
        "inputs": {
            "parameterValues": parameter_values,
            "artifacts": {
                # This is why stock TFX fails: the type is always empty.
                key: {"artifacts": [{**artifact, "type": EMPTY_TYPES.at(version)}]}
                for key, artifact in artifacts.items()
            },
        },
        "outputs": {
            "artifacts": {
                key: {
                    "artifacts": [
                        {"uri": f"{task_root}/{key}", "type": spec["artifactType"]}
                    ]
                }
                for key, spec in component.get("outputDefinitions", {})
                .get("artifacts", {})
                .items()
            },
            "outputFile": OUTPUT_FILE.at(version).format(folder=folder),
        },
    }


def cache_key(task: Json, container: Json, inputs: Json) -> str:
    """Returns the key by which KFP compares executions (cacheutils/cache.go).

    The environment is not part of it.
    """
    return json.dumps(
        {
            "image": container["image"],
            "command": container["command"] + container["args"],
            "parameters": inputs["parameterValues"],
            "artifacts": {
                key: listed["artifacts"][0]["uri"]
                for key, listed in inputs["artifacts"].items()
            },
            "task": task["componentRef"]["name"],
        },
        sort_keys=True,
    )


def _converted(name: str, value: Any, kind: str) -> Any:
    if kind == "STRING":
        return value if isinstance(value, str) else json.dumps(value)
    fits = {
        "BOOLEAN": isinstance(value, bool),
        "NUMBER_DOUBLE": _is_number(value),
        "NUMBER_INTEGER": _is_number(value),
        "LIST": isinstance(value, list),
        "STRUCT": isinstance(value, dict),
    }
    if not fits[kind]:
        raise DriverError(
            f'input parameter "{name}" type mismatch: expect {kind}, got {value!r}'
        )
    # A google.protobuf.Value has only one kind of number.
    return float(value) if _is_number(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
