"""Tells which nodes the next run would execute, and why.

TFX's launcher decides by a cache key over a node's inputs, parameters, executor and
outputs. This module calls the same functions on a copy of the store, because they write
the key into it. They are no public API
(tfx/orchestration/portable/{cache_utils,inputs_utils,outputs_utils}.py, as used by
launcher.py); `tests/local_runner/test_runs.py` compares them with real runs.
"""

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration import data_types_utils, metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import cache_utils, inputs_utils, outputs_utils
from tfx.proto.orchestration import pipeline_pb2

from lineage.explain import flat
from lineage.records import Run, Step, read_runs
from pipeline.config import Config
from runner.datasets import DataSet
from runner.local import compiled
from runner.workspace import Workspace
from version_store.sqlite_file import is_new, reading

NEW_EACH_TIME = "run"
"""The parameter with the run's name, which makes a node execute in every run."""

_NEXT = "(the next run)"
_ALWAYS = "always: it checks the current state"
_FINISHED = ("complete", "cached")


@dataclass(frozen=True)
class Plan:
    """The plan of the next run for a node.

    Attributes:
        node: Node id.
        executes: Whether the node executes; otherwise its outputs are reused.
        reasons: The changes since the last run that make it execute, one line each.
    """

    node: str
    executes: bool
    reasons: list[str]


def plan(
    config: Config, dataset: DataSet, workspace: Workspace, *, reuse: bool
) -> list[Plan]:
    """Returns the plan of a run that would start now, in the order of the nodes.

    Writes neither to the store nor to the workspace.
    """
    components, pipeline = compiled(config, dataset, workspace, _NEXT, reuse=reuse)
    if not reuse:
        return [Plan(str(node.id), True, ["--no-reuse"]) for node in components]
    with (
        _copy_of(workspace.metadata) as copy,
        metadata.Metadata(metadata.sqlite_metadata_connection_config(copy)) as handle,
    ):
        last = next(
            (r for r in read_runs(handle.store) if r.model == dataset.name), None
        )
        return _plan(pipeline, components, handle, last)


def _plan(
    ir: pipeline_pb2.Pipeline,
    components: list[BaseNode],
    handle: metadata.Metadata,
    last: Run | None,
) -> list[Plan]:
    deployment = runner_utils.extract_local_deployment_config(ir)
    by_id = {node.pipeline_node.node_info.id: node.pipeline_node for node in ir.nodes}
    outputs: dict[str, Mapping[str, list[Any]]] = {}
    plans = []
    for component in components:
        node = str(component.id)
        step = last.steps.get(node) if last else None
        parameters = data_types_utils.build_parsed_value_dict(
            inputs_utils.resolve_parameters_with_schema(
                node_parameters=by_id[node].parameters
            )
        )
        waiting = _waits_for(component, outputs)
        found = None
        if not waiting:
            inputs = {
                key: outputs[producer][output]
                for key, producer, output in _inputs(component)
            }
            key = cache_utils.get_cache_context(
                metadata_handle=handle,
                pipeline_node=by_id[node],
                pipeline_info=ir.pipeline_info,
                executor_spec=runner_utils.extract_executor_spec(deployment, node),
                input_artifacts=inputs,
                output_artifacts=outputs_utils.OutputsResolver(
                    pipeline_node=by_id[node],
                    pipeline_info=ir.pipeline_info,
                    pipeline_runtime_spec=ir.runtime_spec,
                ).generate_output_artifacts(0),
                parameters=parameters,
            )
            found = cache_utils.get_cached_outputs(handle, cache_context=key)
        if found is not None:
            outputs[node] = found
            plans.append(Plan(node, False, []))
            continue
        if waiting:
            makers = ", ".join(dict.fromkeys(producer for _, producer in waiting))
            reasons = [f"it uses new output of {makers}"]
        else:
            reasons = _changed_inputs(component, inputs, step)
        reasons = [*_changed_parameters(parameters, step), *reasons]
        plans.append(Plan(node, True, reasons or [_otherwise(last, step)]))
    return plans


@contextmanager
def _copy_of(database: str) -> Iterator[str]:
    """Yields the path of a copy of the store, or of a new one if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "metadata.sqlite")
        # A run that was killed early leaves a database without tables.
        if os.path.exists(database) and not is_new(database):
            with reading(database) as source, closing(sqlite3.connect(path)) as target:
                source.backup(target)
        yield path


def _inputs(component: BaseNode) -> Iterator[tuple[str, str, str]]:
    """Yields (input key, producing node, that node's output key)."""
    for key, channel in component.inputs.items():
        yield key, str(channel.producer_component_id), str(channel.output_key)


def _waits_for(
    component: BaseNode, outputs: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Returns (input key, producing node) for inputs that will be made anew."""
    return [
        (key, producer)
        for key, producer, _ in _inputs(component)
        if producer not in outputs
    ]


def _changed_inputs(
    component: BaseNode, inputs: Mapping[str, list[Any]], step: Step | None
) -> list[str]:
    """Returns a reason for each node whose output differs from the last run's."""
    if step is None:
        return []
    makers = dict.fromkeys(
        producer
        for key, producer, _ in _inputs(component)
        if [artifact.id for artifact in inputs[key]]
        != [artifact.id for artifact in step.inputs.get(key, [])]
    )
    return [f"the output of {maker} is not the one of the last run" for maker in makers]


def _changed_parameters(parameters: Mapping[str, Any], step: Step | None) -> list[str]:
    """Returns a reason for each parameter, or setting in one, that has changed."""
    if step is None:
        return []
    reasons = []
    now, before = _settings(parameters), _settings(step.parameters)
    for name in dict.fromkeys((*now, *before)):
        old, new = before.get(name), now.get(name)
        if old == new or (name not in now and name not in parameters):
            continue
        if name == NEW_EACH_TIME:
            reasons.append(_ALWAYS)
        elif name.rpartition(".")[2] == "code":
            reasons.append("code: its module, one it imports, or an installed library")
        else:
            reasons.append(f"parameter {name}: {_short(old)} -> {_short(new)}")
    # The other parameters of a node that always executes are only records.
    return [reason for reason in reasons if reason == _ALWAYS] or reasons


def _settings(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns parameters by name, and settings in JSON parameters by `name.a.b`."""
    found: dict[str, Any] = {}
    for key, value in parameters.items():
        try:
            content = json.loads(value) if isinstance(value, str) else None
        except ValueError:
            content = None
        if isinstance(content, dict | list):
            content = _keyed(content)
        if isinstance(content, dict):
            # The name `custom_config` tells nothing.
            before = "" if key == "custom_config" else f"{key}."
            found |= {f"{before}{name}": one for name, one in flat(content).items()}
        else:
            found[key] = value
    return found


def _keyed(content: Any) -> Any:
    """Returns JSON in which arrays of objects are replaced by objects with indices."""
    if isinstance(content, dict):
        return {key: _keyed(value) for key, value in content.items()}
    if isinstance(content, list) and any(isinstance(one, dict) for one in content):
        return {str(index): _keyed(one) for index, one in enumerate(content)}
    return content


def _otherwise(last: Run | None, step: Step | None) -> str:
    if last is None:
        return "there was no run before"
    if step is None:
        return "the last run did not reach it"
    if step.state not in _FINISHED:
        return f"it did not finish in the last run: {step.state}"
    if any(one.folder is None for some in step.outputs.values() for one in some):
        return "its outputs are gone"
    return "its class, or the way TFX runs it, has changed"


def _short(value: Any, most: int = 60) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."
