"""The wiring: which component gets what from which."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfx.components import ExampleValidator, StatisticsGen, Trainer, Transform
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import trainer_pb2, transform_pb2

from components.champion.component import Champion
from components.data_gate.component import DataGate
from components.evaluator.component import Evaluator
from components.evaluator.results import eval_config
from components.image_example_gen.component import ImageExampleGen
from components.pusher.component import Pusher
from components.report.component import Report
from components.serving_validator.component import ServingValidator
from contract.code import code_digest
from contract.features import EVAL, TEST, TRAIN
from contract.provenance import Provenance
from pipeline.config import Config, Gates
from version_store.manifest import Facts, LockFile

PREPROCESSING_FN = "pipeline.preprocessing.preprocessing_fn"
RUN_FN = "pipeline.training.trainer.run_fn"


@dataclass(frozen=True)
class Surroundings:
    """What only the runner knows: where things are, and what is there now.

    Attributes:
        source: The data set; see `ImageExampleGen`.
        fingerprint: Of its content; empty if not known beforehand.
        schema: Path of the schema. TFX caches by path, so a runner that caches
            has another path for another content.
        models: The folder of the model's versions.
        champion: The version to beat; see `Champion`.
        run: Name of this run.
        recipe: Digest of everything that goes into the model.
        description: Of the data, for people; empty if nobody gave one.
        provenance: What the run is started from.
    """

    source: str
    fingerprint: str
    schema: str
    models: str
    champion: str
    run: str
    recipe: str
    description: str = ""
    provenance: Provenance = field(default_factory=Provenance)


def create_components(config: Config, around: Surroundings) -> list[BaseNode]:
    """Returns the pipeline's nodes, in an order in which they can run."""
    # Data: read it, describe it, and stop here if it is not what it should be.
    example_gen = ImageExampleGen(
        source=around.source,
        fingerprint=around.fingerprint,
        eval_fraction=config.data.eval_fraction,
        shard_rows=config.data.shard_rows,
    )
    examples = example_gen.outputs["examples"]
    schema_gen = ImportSchemaGen(schema_file=around.schema)
    schema = schema_gen.outputs["schema"]
    statistics_gen = StatisticsGen(examples=examples, schema=schema)
    statistics = statistics_gen.outputs["statistics"]
    example_validator = ExampleValidator(statistics=statistics, schema=schema)
    champion = Champion(models=around.models, version=around.champion)
    data_gate = DataGate(
        statistics=statistics,
        schema=schema,
        anomalies=example_validator.outputs["anomalies"],
        champion_statistics=champion.outputs["statistics"],
        allow_anomalies=config.gates.allow_anomalies,
    )

    # Before the gate: nothing runs after a node that fails.
    model_name = os.path.basename(around.models)
    data_report = Report(
        model_name=model_name,
        # The others are no matter of the data, and are not to draw it again.
        gates=Gates(allow_anomalies=config.gates.allow_anomalies),
        examples=examples,
        statistics=statistics,
        schema=schema,
        anomalies=example_validator.outputs["anomalies"],
        champion_statistics=champion.outputs["statistics"],
    ).with_id("DataReport")
    data_gate.add_upstream_node(data_report)

    # Model: Transform only makes the graph; the Trainer reads through it once,
    # which is quicker than writing transformed examples and reading those.
    transform = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=PREPROCESSING_FN,
        splits_config=transform_pb2.SplitsConfig(analyze=[TRAIN], transform=[TRAIN]),
        materialize=False,
        disable_analyzer_cache=True,
        disable_statistics=True,
        custom_config={"code": code_digest(_module(PREPROCESSING_FN))},
    )
    transform.add_upstream_node(data_gate)
    trainer = Trainer(
        examples=examples,
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        run_fn=RUN_FN,
        train_args=trainer_pb2.TrainArgs(splits=[TRAIN]),
        eval_args=trainer_pb2.EvalArgs(splits=[EVAL, TEST]),
        custom_config={
            "training": config.training.model_dump(mode="json"),
            "code": code_digest(_module(RUN_FN)),
        },
    )
    model = trainer.outputs["model"]

    # Gates: good enough, not worse than what is served, and does it serve?
    evaluator = Evaluator(
        examples=examples,
        model=model,
        baseline_model=champion.outputs["model"],
        example_splits=[TEST],
        eval_config=eval_config(config.gates),
        schema=schema,
    )
    serving_validator = ServingValidator(
        model=model, model_run=trainer.outputs["model_run"], examples=examples
    )
    model_report = Report(
        model_name=model_name,
        gates=config.gates,
        so_far=data_report.outputs["page"],
        examples=examples,
        model_run=trainer.outputs["model_run"],
        evaluation=evaluator.outputs["evaluation"],
        infra_blessing=serving_validator.outputs["blessing"],
    ).with_id("ModelReport")
    pusher = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=serving_validator.outputs["blessing"],
        examples=examples,
        schema=schema,
        statistics=statistics,
        verdict=data_gate.outputs["verdict"],
        transform_graph=transform.outputs["transform_graph"],
        model_run=trainer.outputs["model_run"],
        evaluation=evaluator.outputs["evaluation"],
        champion=champion.outputs["model"],
        models=around.models,
        run=around.run,
        recipe=around.recipe,
        facts=_facts(
            around,
            code_of=(
                example_gen,
                champion,
                data_gate,
                transform,
                trainer,
                serving_validator,
            ),
        ),
    )
    report = Report(
        model_name=model_name,
        gates=config.gates,
        so_far=model_report.outputs["page"],
        pushed_model=pusher.outputs["pushed_model"],
        run=around.run,
    )
    return [
        example_gen,
        schema_gen,
        statistics_gen,
        example_validator,
        champion,
        data_report,
        data_gate,
        transform,
        trainer,
        evaluator,
        serving_validator,
        model_report,
        pusher,
        report,
    ]


def _facts(around: Surroundings, code_of: Sequence[BaseNode]) -> str:
    """Returns what the Pusher cannot find in artifacts; what is empty is unknown."""
    origin = around.provenance
    lock = LockFile(name=origin.lock, digest=origin.lock_digest)
    return Facts(
        data_source=around.description or None,
        commit=origin.commit or None,
        tree_clean=origin.clean,
        lock=lock if origin.lock else None,
        code={str(node.id): code_of_node(node.exec_properties) for node in code_of},
    ).model_dump_json(exclude_none=True)


def code_of_node(properties: Mapping[str, Any]) -> str:
    """Returns the digest of a node's code; it stands among its parameters.

    Args:
        properties: Its parameters, as the component has them or ML Metadata.
            StatisticsGen, ExampleValidator and Evaluator take none: empty.
    """
    custom = properties.get("custom_config")
    of_custom = json.loads(custom).get("code", "") if isinstance(custom, str) else ""
    return str(properties.get("code") or of_custom)


def _module(function: str) -> str:
    """Returns the module part of a function's dotted path."""
    return function.rpartition(".")[0]
