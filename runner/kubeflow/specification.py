"""The pipeline as a document that open-source Kubeflow Pipelines takes.

TFX's own compiler does the work; what it leaves out or gets wrong for
open-source KFP is added to its result; see `document`.
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

# What KFP's driver puts in the place of such a constant: the run's own name
# (backend/src/v2/driver/resolve.go).
_RUN_NAME = "{{$.pipeline_job_resource_name}}"


def surroundings(origin: Origin) -> Surroundings:
    """Returns what the pipeline finds around it in a pod."""
    return Surroundings(
        source=origin.data,
        fingerprint=origin.fingerprint,
        hints=origin.hints,
        judgement=origin.schema or judgement(),
        models=f"{MODELS_FOLDER}/{origin.name}",
        champion=LATEST,
        run=_RUN_NAME,
        # What is logged when a run comes to it nobody knows now.
        log_state=_RUN_NAME,
        recipe=recipe(origin.config, origin.fingerprint, origin.hints, LATEST),
        provenance=origin.provenance,
    )


def nodes(config: Config, around: Surroundings) -> list[BaseNode]:
    """Returns the pipeline of the local runner, and what its exit code is here.

    A run of the local runner ends with a code that says whether a gate refused.
    On Kubeflow that is the state of the run, and the last node makes it so.
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
    # The report is the last of them, and is to be there also when the run fails.
    verdict.add_upstream_node(components[-1])
    return [*components, verdict]


def nodes_of(origin: Origin, values: dict[str, Any] | None = None) -> list[BaseNode]:
    """Returns the pipeline's nodes, in a pod as when compiling."""
    config = with_values(origin.config, values) if values else origin.config
    if origin.log:
        return _monitoring_nodes(config, origin)
    around = surroundings(origin)
    own_recipe = recipe(config, around.fingerprint, around.hints, LATEST)
    return nodes(config, replace(around, recipe=own_recipe))


def _monitoring_nodes(config: Config, origin: Origin) -> list[BaseNode]:
    """Returns the pipeline that watches traffic, and what its exit code is here.

    The page is one file for KFP, so that it links no pictures.
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
    """Tells whether the workers of an engine do a node's work."""
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
        config: Of the run; see `PARAMETERS` for what a run may change of it.
        deployment: Where it runs.
        name: Of the model, and so of the pipeline.
        data: The data set: `mnist` (from its public mirrors), `digits` (embedded),
            a path below `/data` on the data volume, or the URI of a folder or npz
            in an object store that the cluster has credentials for (`minio://`,
            `s3://`, `gs://`).
        fingerprint: Of the data's content, by which KFP may reuse what was read;
            empty: not known, so it is read in every run.
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
    """Returns the pipeline that watches traffic; see `compile_pipeline`."""
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
    document.shorten_types(spec)
    return spec


def _leave_to_image(spec: Json, components: list[BaseNode], origin: Origin) -> None:
    """Takes out what a pod can build from the code, and tells it from what to.

    A digest of the node's properties stands for them in KFP's cache. What does not
    change a node is not told to it, so that a hundred names of classes, or a schema of
    one's own, are in the workflow for one node and not for all.
    """
    known = properties_of(components)
    told = dict.fromkeys(known, origin)
    settings = {key: of for key, of in origin.settings.items() if key != "data"}
    for less in (
        {"fingerprint": ""},
        {"provenance": Provenance()},
        {"schema": ""},
        {"settings": settings},
    ):
        without = properties_of(nodes_of(replace(origin, **less)))
        for node, properties in known.items():
            if without[node] == properties:
                told[node] = replace(told[node], **less)
    for node, properties in known.items():
        text = json.dumps(properties, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        document.leave_to_image(spec, node, digest, told[node].to_json())


def _provenance() -> Provenance:
    """Returns this checkout's commit and the image's lock.

    The pods hold their code to the one; the other need not be what is installed
    here.
    """
    root = Path(__file__).resolve().parents[2]
    lock = root / "requirements" / f"{IMAGE_LOCK}.txt"
    if not lock.is_file():
        return find_provenance()
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return replace(find_provenance(), lock=IMAGE_LOCK, lock_digest=digest)


def _add_parameters(spec: Json, origin: Origin) -> None:
    """Declares the run-time parameters, and hands each to the nodes it changes.

    TFX has run-time parameters only in the place of a whole exec property, and
    ours are parts of some (a Trainer's epochs are a key in its JSON). So which
    nodes a parameter changes is found by changing it, and those get it as one
    more input, with which the entry point builds the node anew. Other nodes do not
    see it, so that KFP's cache still knows them.
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
