"""Compiles the pipeline to a document for open-source Kubeflow Pipelines.

TFX's own compiler makes the document. Then the parts that it omits or gets wrong for
open-source KFP are added; see `document`.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)
from tfx.orchestration.pipeline import Pipeline

from components.champion.executor import LATEST
from components.traffic_verdict.component import TrafficVerdict
from components.verdict.component import Verdict
from contract import nodes as graph
from contract.provenance import Provenance
from pipeline import monitoring
from pipeline.config import Config
from pipeline.pipeline import Surroundings, create_components
from pipeline.schema import judgement
from runner.kubeflow import document
from runner.kubeflow.deployment import (
    IMAGE_LOCK,
    MODELS_FOLDER,
    Deployment,
)
from runner.kubeflow.origin import Origin, of
from runner.kubeflow.parameters import (
    PARAMETERS,
    PREFIX,
    another_value,
    with_values,
)
from runner.provenance import find_provenance
from runner.recipe import recipe

Json = dict[str, Any]

COMMAND = ["python", "-m", "runner.kubeflow.entrypoint"]

# KFP's driver replaces this constant by the name of the run
# (backend/src/v2/driver/resolve.go).
_RUN_NAME = "{{$.pipeline_job_resource_name}}"


def nodes(config: Config, around: Surroundings) -> list[BaseNode]:
    """Returns the nodes of the local runner's pipeline and a Verdict node.

    The exit code of the local runner says whether a gate refused. On Kubeflow the state
    of the run says so: the Verdict node fails if a gate refused.
    """
    components = create_components(config, around)
    outputs = {component.id: component.outputs for component in components}
    verdict = Verdict(
        verdict=outputs[graph.DATA_GATE][graph.DATA_VERDICT],
        evaluation=outputs[graph.EVALUATOR][graph.EVALUATION],
        infra_blessing=outputs[graph.SERVING_VALIDATOR][graph.BLESSING],
        replay=outputs[graph.REPLAY][graph.BLESSING]
        if graph.REPLAY in outputs
        else None,
        pushed_model=outputs[graph.PUSHER][graph.PUSHED_MODEL],
    )
    # The verdict waits for the report, so that a failing run has a report, too.
    verdict.add_upstream_node(components[-1])
    return [*components, verdict]


def nodes_of(origin: Origin, values: dict[str, Any] | None = None) -> list[BaseNode]:
    """Returns the pipeline's nodes, both in a pod and when compiling."""
    config = with_values(origin.config, values) if values else origin.config
    if origin.log:
        return _monitoring_nodes(config, origin)
    around = Surroundings(
        source=origin.data,
        fingerprint=origin.fingerprint,
        hints=origin.hints,
        judgement=origin.schema or judgement(),
        models=f"{MODELS_FOLDER}/{origin.name}",
        champion=LATEST,
        run=_RUN_NAME,
        # The state of the request log is unknown when compiling, so each run reads it.
        log_state=_RUN_NAME,
        recipe=recipe(config, origin.fingerprint, origin.hints, LATEST),
        provenance=origin.provenance,
    )
    return nodes(config, around)


def _monitoring_nodes(config: Config, origin: Origin) -> list[BaseNode]:
    """Returns the nodes of the monitoring pipeline and a TrafficVerdict node.

    For KFP the page must be a single file, so that it links no pictures.
    """
    settings = config.monitoring.model_copy(update={"pictures": 0})
    traffic = monitoring.Traffic(
        log=origin.log,
        models=f"{MODELS_FOLDER}/{origin.name}",
        judgement=origin.schema or judgement(),
    )
    components = monitoring.create_components(
        config.model_copy(update={"monitoring": settings}), traffic
    )
    verdict = TrafficVerdict(verdict=components[-1].outputs[graph.DATA_VERDICT])
    return [*components, verdict]


def is_on_engine(node: BaseNode, config: Config) -> bool:
    """Tells whether the workers of a Beam engine, as Flink, do a node's work."""
    return config.beam.on_engine and isinstance(node.executor_spec, BeamExecutorSpec)


def properties_of(nodes: Iterable[BaseNode]) -> dict[str, Json]:
    """Returns each node's exec properties, by node."""
    return {
        str(node.id): {
            key: value
            for key, value in node.exec_properties.items()
            if value is not None
        }
        for node in nodes
    }


def compile_pipeline(
    config: Config, deployment: Deployment, name: str, data: str, fingerprint: str = ""
) -> str:
    """Returns the compiled pipeline: two YAML documents, always the same bytes.

    Args:
        config: Configuration of the runs; a run may change those in `PARAMETERS`.
        deployment: The cluster's image, volumes and so on.
        name: Name of the model and of the pipeline.
        data: The data set: `mnist` (from its public mirrors), `digits` (embedded),
            a path below `/data` on the data volume, or the URI of a folder or npz
            in an object store that the cluster has credentials for (`minio://`,
            `s3://`, `gs://`).
        fingerprint: Digest of the data's content, with which KFP may reuse the
            examples. If it is empty, every run reads the data again.
    """
    origin = of(config, name, data, fingerprint, _provenance())
    components = nodes_of(origin)
    spec = _compiled(components, deployment, name)
    _leave_to_image(spec, components, origin)
    _add_parameters(spec, origin)
    document.add_data(spec, data)
    document.add_limits(spec, fingerprint)
    on_engine = [node.id for node in components if is_on_engine(node, config)]
    platform = document.platform(spec, deployment, data, on_engine)
    return document.to_yaml([spec, platform])


def compile_monitoring(
    config: Config, deployment: Deployment, name: str, log: str
) -> str:
    """Returns the compiled monitoring pipeline; see `compile_pipeline`."""
    origin = replace(of(config, name, "", "", _provenance()), log=log)
    components = nodes_of(origin)
    spec = _compiled(components, deployment, f"{name}-monitor")
    _leave_to_image(spec, components, origin)
    document.add_limits(spec, "")
    on_engine = [node.id for node in components if is_on_engine(node, config)]
    platform = document.platform(spec, deployment, "", on_engine)
    return document.to_yaml([spec, platform])


def _compiled(components: list[BaseNode], deployment: Deployment, name: str) -> Json:
    runner = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(
            default_image=deployment.image,
            default_commands=COMMAND,
            use_pipeline_spec_2_1=True,
        )
    )
    compiled = runner.run(
        Pipeline(
            pipeline_name=name,
            pipeline_root=deployment.pipeline_root,
            components=components,
        ),
        write_out=False,
    )
    spec: Json = compiled["pipelineSpec"]
    if deployment.pipeline_root:
        spec["defaultPipelineRoot"] = deployment.pipeline_root
    document.shorten_labels(spec)
    document.shorten_types(spec)
    return spec


def _leave_to_image(spec: Json, components: list[BaseNode], origin: Origin) -> None:
    """Replaces each node's properties by the origin from which a pod builds them.

    In KFP's cache, a digest stands for the node's properties.
    """
    told = _told(origin)
    for node, properties in properties_of(components).items():
        text = json.dumps(properties, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        document.leave_to_image(spec, node, digest, told[node].to_json())


def _told(origin: Origin) -> dict[str, Origin]:
    """Returns, by node, the origin without the parts that do not change this node.

    So the workflow contains a name, a hundred classes or the user's schema only for the
    nodes that need it. All nodes get the settings of Beam, which a pod also reads.
    """
    other = {each.name: another_value(each, origin.config) for each in PARAMETERS}
    values: tuple[Json, Json] = ({}, other)
    built = [_described(origin, asked) for asked in values]
    told = dict.fromkeys(built[0], origin)
    sections = [section for section in origin.settings if section != "beam"]
    for part in (*_PARTS, *sections):
        for whole in {each.to_json(): each for each in told.values()}.values():
            less = _without(whole, part)
            if less == whole:
                continue
            rebuilt = [_described(less, asked) for asked in values]
            for node in told:
                if told[node] == whole and all(
                    now.get(node) == before[node]
                    for now, before in zip(rebuilt, built, strict=True)
                ):
                    told[node] = less
    return told


_PARTS: dict[str, Json] = {
    "provenance of who compiled": {"provenance": Provenance()},
    "fingerprint of the data": {"fingerprint": ""},
    "place of the data": {"data": ""},
    "schema of the user": {"schema": ""},
    "name of the model": {"name": ""},
}
"""Parts of an origin beside the sections of its settings, and their empty values."""


def _without(origin: Origin, part: str) -> Origin:
    if part in _PARTS:
        return replace(origin, **_PARTS[part])
    left = {key: value for key, value in origin.settings.items() if key != part}
    return replace(origin, settings=left)


def _described(origin: Origin, asked: Json) -> dict[str, Json]:
    """Returns what a pod takes from each node; see `entrypoint.settings.step`."""
    nodes = nodes_of(origin, asked)
    properties = properties_of(nodes)
    return {
        str(node.id): {
            "executor": node.executor_spec.class_path,
            "properties": properties[node.id],
            "inputs": {key: each.type for key, each in node.inputs.items()},
            "outputs": {key: each.type for key, each in node.outputs.items()},
        }
        for node in nodes
    }


def _provenance() -> Provenance:
    """Returns this checkout's commit and the image's lock file.

    Each pod checks that it has the same code. The image's lock may differ from that of
    the environment that compiles.
    """
    root = Path(__file__).resolve().parents[2]
    lock = root / "requirements" / f"{IMAGE_LOCK}.txt"
    if not lock.is_file():
        return find_provenance()
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return replace(find_provenance(), lock=IMAGE_LOCK, lock_digest=digest)


def _add_parameters(spec: Json, origin: Origin) -> None:
    """Declares the run-time parameters and passes each to the nodes that it changes.

    In TFX a run-time parameter replaces a whole exec property, but ours are parts of
    properties (a Trainer's epochs are a key in its JSON). So this function changes
    each parameter to find the nodes that depend on it. Those nodes get it as one more
    input, with which the entry point builds the node again. Other nodes do not get it,
    so that KFP's cache still finds their results.
    """
    declared = (
        spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    )
    compiled = properties_of(nodes_of(origin))
    for parameter in PARAMETERS:
        declared[parameter.name] = {
            "parameterType": parameter.type,
            "defaultValue": parameter.value(origin.config),
            "description": parameter.description,
            "isOptional": True,
        }
        other = {parameter.name: another_value(parameter, origin.config)}
        changed = properties_of(nodes_of(origin, other))
        for node in compiled:
            if changed[node] != compiled[node]:
                document.hand_on(spec, node, PREFIX + parameter.name, parameter.name)
