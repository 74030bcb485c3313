"""Reads a compiled pipeline from a file, and checks a run's parameters."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from contract import nodes
from contract.errors import BadInputError
from contract.special_files import file_only
from pipeline.config import Config
from runner.kubeflow import places
from runner.kubeflow.flags import Recipe
from runner.kubeflow.parameters import DATA, PARAMETERS, with_values


@dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Attributes:
        path: Path of the file.
        name: Name of the pipeline.
        digest: SHA-256 of the file.
        parameters: Run-time parameters by name: KFP's name of the type, and the
            default value; None if a run must give a value.
        nodes: The tasks, each after those that it needs.
        ours: Whether this project compiled it.
        fingerprinted: Whether it was compiled for data of known content.
        pipeline_root: The pipeline root in the file, or empty; KFP does not read it.
        has_secret: Whether a node gets credentials for data in another store.
    """

    path: str
    name: str
    digest: str
    parameters: dict[str, tuple[str, Any]]
    nodes: tuple[str, ...]
    ours: bool
    fingerprinted: bool
    pipeline_root: str = ""
    has_secret: bool = False


def check_name(path: str) -> None:
    """Refuses a name that KFP's client and user interface would refuse later.

    Raises:
        BadInputError: The name does not end like that of a YAML file.
    """
    if not path.endswith((".yaml", ".yml")):
        raise BadInputError(
            f"{path}: expected a name that ends in .yaml, the one form of a compiled "
            "pipeline that open-source Kubeflow takes"
        )


def read(path: str) -> Package:
    """Reads a compiled pipeline.

    Raises:
        BadInputError: The file cannot be read, or open-source KFP would not accept it.
    """
    check_name(path)
    try:
        with open(path, "rb", opener=file_only) as stream:
            content = stream.read()
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        spec, *others = [*yaml.safe_load_all(content)] or [None]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first_line = str(error).splitlines()[0]
        raise BadInputError(f"{path}: expected YAML, found: {first_line}") from error
    try:
        version = spec["schemaVersion"]
        name = spec["pipelineInfo"]["name"]
        tasks = spec["root"]["dag"]["tasks"]
    except (KeyError, TypeError) as error:
        raise BadInputError(
            f"{path}: expected a compiled pipeline, as {_COMPILE} writes it"
        ) from error
    if version != "2.1.0":
        raise BadInputError(
            f"{path}: expected schema version 2.1.0, found {version}: "
            f"compile it with {_COMPILE}"
        )
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    example_gen = tasks.get(nodes.EXAMPLE_GEN, {})
    return Package(
        path=path,
        name=name,
        digest=hashlib.sha256(content).hexdigest(),
        parameters={
            key: (
                definition["parameterType"],
                definition.get(
                    "defaultValue", "" if definition.get("isOptional") else None
                ),
            )
            for key, definition in declared.items()
        },
        nodes=_in_order(tasks),
        ours=nodes.VERDICT in tasks and bool(example_gen),
        fingerprinted=bool(example_gen.get("cachingOptions", {}).get("enableCache")),
        pipeline_root=str(spec.get("defaultPipelineRoot") or ""),
        has_secret="secretAsEnv" in json.dumps(others),
    )


def planned(recipe: Recipe) -> Package:
    """Returns the package that the compiler would make, to check a run before that."""
    parameters: dict[str, tuple[str, Any]] = {
        parameter.name: (parameter.type, parameter.value(recipe.config))
        for parameter in PARAMETERS
    }
    parameters[DATA] = ("STRING", recipe.data)
    return Package(
        path="",
        name=recipe.name,
        digest="",
        parameters=parameters,
        nodes=(),
        ours=True,
        fingerprinted=bool(recipe.fingerprint),
        pipeline_root=recipe.deployment.pipeline_root,
        has_secret=bool(recipe.deployment.data_secret),
    )


_COMPILE = "`kubeflow_runner.py compile`"


def _in_order(tasks: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the tasks' names, each after those that it depends on."""
    done: list[str] = []
    waiting = sorted(tasks)
    while waiting:
        ready = [
            name
            for name in waiting
            if set(tasks[name].get("dependentTasks", [])) <= set(done)
        ]
        done += ready or waiting
        waiting = [name for name in waiting if name not in done]
    return tuple(done)


def arguments(package: Package, given: Sequence[str]) -> dict[str, Any]:
    """Returns the values of run-time parameters, checked and converted.

    Args:
        package: The pipeline to run.
        given: Texts `name=value`; later ones win.

    Raises:
        BadInputError: A parameter is unknown or missing, or its value has the wrong
            type or would be refused by the pipeline's pods.
    """
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInputError(f"parameter {text}: expected name=value, as epochs=5")
        if name not in package.parameters:
            known = ", ".join(sorted(package.parameters)) or "none"
            raise BadInputError(
                f"parameter {name}: the pipeline has no such one, expected one of "
                f"{known}"
            )
        values[name] = _typed(name, package.parameters[name][0], value)
    missing = [
        name
        for name, (_, default) in package.parameters.items()
        if default is None and name not in values
    ]
    if missing:
        raise BadInputError(
            f"parameter {missing[0]}: expected a value, as it has no default: "
            f"-p {missing[0]}=..."
        )
    if package.ours:
        _check_values(package, values)
    return values


def _typed(name: str, type_name: str, text: str) -> Any:
    """Returns a text as a value of a type.

    The types are KFP's (kfp-pipeline-spec: `ParameterType.ParameterTypeEnum`).
    """
    value: Any = text
    try:
        if type_name == "NUMBER_INTEGER":
            value = int(text)
        elif type_name == "NUMBER_DOUBLE":
            value = float(text)
            if not math.isfinite(value):
                raise ValueError
        elif type_name == "BOOLEAN":
            value = {"true": True, "false": False}[text.lower()]
        elif type_name in ("LIST", "STRUCT"):
            value = json.loads(text)
            if not isinstance(value, list if type_name == "LIST" else dict):
                raise ValueError
    except (ValueError, KeyError) as error:
        raise BadInputError(
            f"parameter {name}: expected {_TYPES[type_name]}, found {text!r}"
        ) from error
    return value


_TYPES = {
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a list in JSON",
    "STRUCT": "an object in JSON",
}


def _check_values(package: Package, values: Mapping[str, Any]) -> None:
    """Refuses at once the values that every pod would refuse minutes later."""
    for parameter in PARAMETERS:
        if parameter.name in values:
            try:
                with_values(Config(), {parameter.name: values[parameter.name]})
            except BadInputError as error:
                reason = str(error).removeprefix(f"setting {parameter.setting}: ")
                raise BadInputError(f"parameter {parameter.name}: {reason}") from error
    if DATA not in values:
        return
    compiled_for = str(package.parameters[DATA][1])
    asked = str(values[DATA])
    if places.kind(asked) != places.kind(compiled_for):
        raise BadInputError(
            f"parameter {DATA}: {asked}: the pipeline was compiled for "
            f"{compiled_for}, and reaches no other kind of place: compile it again "
            f"with --data {asked}"
        )
    if package.fingerprinted and asked != compiled_for:
        raise BadInputError(
            f"parameter {DATA}: {asked}: the pipeline was compiled with the "
            f"fingerprint of {compiled_for}, and would refuse other content: compile "
            f"it again with --data {asked}"
        )
