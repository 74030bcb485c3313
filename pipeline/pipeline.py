"""Connects the components of the pipeline."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from tfx.components import ExampleValidator, Trainer, Transform
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import trainer_pb2, transform_pb2

from components.champion.component import Champion
from components.data_gate.component import DataGate
from components.evaluator.component import Evaluator
from components.image_example_gen.component import ImageExampleGen
from components.image_example_gen.hints import Hints
from components.pusher.component import Pusher
from components.replay.component import Replay
from components.report.component import Report
from components.serving_validator.component import ServingValidator
from components.statistics_gen.component import StatisticsGen
from components.task_schema_gen.component import TaskSchemaGen
from contract import nodes
from contract.code import code_among, code_digest
from contract.features import EVAL, TEST, TRAIN
from contract.provenance import Provenance
from pipeline.config import Config
from version_store.manifest import Facts, LockFile

PREPROCESSING = "pipeline.preprocessing"
TRAINER = "pipeline.training.trainer"


@dataclass(frozen=True)
class Surroundings:
    """Paths and other values of a run that only the runner knows.

    Attributes:
        source: The data set; see `ImageExampleGen`.
        fingerprint: Fingerprint of its content; empty if it is not known beforehand.
        hints: The user's hints about the data.
        judgement: The curated schema, in text format; see `TaskSchemaGen`.
        models: Folder of the model's versions.
        champion: The version to compare with; see `Champion`.
        run: Name of this run.
        recipe: Digest of everything that goes into the model.
        description: Description of the data for the user; may be empty.
        provenance: Code and environment that the run is started from.
        log_state: A text that changes with the log of requests; empty if no log is
            read.
    """

    source: str
    fingerprint: str
    hints: Hints
    judgement: str
    models: str
    champion: str
    run: str
    recipe: str
    description: str = ""
    provenance: Provenance = field(default_factory=Provenance)
    log_state: str = ""


def create_components(config: Config, around: Surroundings) -> list[BaseNode]:
    """Returns the pipeline's nodes in topological order."""
    # Data: read it, describe it, and stop here if it breaks the schema.
    example_gen = ImageExampleGen(
        source=around.source,
        fingerprint=around.fingerprint,
        hints=around.hints,
        eval_fraction=config.data.eval_fraction,
        test_fraction=config.data.test_fraction,
        split=config.data.split,
        split_seed=config.data.split_seed,
        shard_rows=config.data.shard_rows,
    )
    examples = example_gen.outputs[nodes.EXAMPLES]
    schema_gen = TaskSchemaGen(examples=examples, judgement=around.judgement)
    schema = schema_gen.outputs[nodes.SCHEMA]
    statistics_gen = StatisticsGen(examples=examples, schema=schema)
    statistics = statistics_gen.outputs[nodes.STATISTICS]
    example_validator = ExampleValidator(statistics=statistics, schema=schema)
    champion = Champion(
        examples=examples,
        models=around.models,
        version=around.champion,
        replace_task=config.gates.replace_task,
    )
    data_gate = DataGate(
        examples=examples,
        statistics=statistics,
        schema=schema,
        anomalies=example_validator.outputs[nodes.ANOMALIES],
        champion_statistics=champion.outputs[nodes.STATISTICS],
        allow_anomalies=config.gates.allow_anomalies,
        max_duplicates=config.data.max_duplicates,
    )

    # The report comes before the gate, as no node runs after one that fails.
    model_name = os.path.basename(around.models)
    data_report = Report(
        model_name=model_name,
        allow_anomalies=config.gates.allow_anomalies,
        examples=examples,
        statistics=statistics,
        schema=schema,
        anomalies=example_validator.outputs[nodes.ANOMALIES],
        champion_statistics=champion.outputs[nodes.STATISTICS],
    ).with_id(nodes.DATA_REPORT)
    data_gate.add_upstream_node(data_report)

    # Model: Transform only makes the graph. The Trainer applies it once while it reads,
    # which is faster than to write transformed examples and to read them.
    transform = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=f"{PREPROCESSING}.preprocessing_fn",
        splits_config=transform_pb2.SplitsConfig(analyze=[TRAIN], transform=[TRAIN]),
        materialize=False,
        disable_analyzer_cache=True,
        disable_statistics=True,
        custom_config={"code": code_digest(PREPROCESSING)},
    )
    transform.add_upstream_node(data_gate)
    trainer = Trainer(
        examples=examples,
        transform_graph=transform.outputs[nodes.TRANSFORM_GRAPH],
        schema=schema,
        base_model=champion.outputs[nodes.MODEL]
        if config.training.warm_start
        else None,
        run_fn=f"{TRAINER}.run_fn",
        train_args=trainer_pb2.TrainArgs(splits=[TRAIN]),
        eval_args=trainer_pb2.EvalArgs(splits=[EVAL, TEST]),
        custom_config={
            "training": config.training.model_dump(mode="json"),
            "code": code_digest(TRAINER),
            # This is the digest of the user's own network.
            "network": config.training.code(),
        },
    )
    model = trainer.outputs[nodes.MODEL]

    # Gates: is it good enough, not worse than the champion, and can it be served?
    evaluator = Evaluator(
        examples=examples,
        model=model,
        baseline_model=champion.outputs[nodes.MODEL],
        schema=schema,
        example_splits=[TEST],
        bounds=config.gates.bounds(),
        max_champion_fall=config.gates.max_champion_fall,
        allow_champion_fall=config.gates.allow_champion_fall,
    )
    serving_validator = ServingValidator(
        model=model, model_run=trainer.outputs[nodes.MODEL_RUN], examples=examples
    )
    # Replay shows what would change for callers, if their requests were logged.
    replays = []
    if config.gates.replay_log:
        replays.append(
            Replay(
                model=model,
                champion=champion.outputs[nodes.MODEL],
                examples=examples,
                log_state=around.log_state,
                model_name=model_name,
                **config.gates.replay(),
            )
        )
    replayed = replays[0].outputs[nodes.BLESSING] if replays else None
    model_report = Report(
        model_name=model_name,
        allow_anomalies=config.gates.allow_anomalies,
        so_far=data_report.outputs[nodes.PAGE],
        examples=examples,
        model_run=trainer.outputs[nodes.MODEL_RUN],
        evaluation=evaluator.outputs[nodes.EVALUATION],
        infra_blessing=serving_validator.outputs[nodes.BLESSING],
        replay=replayed,
    ).with_id(nodes.MODEL_REPORT)
    pusher = Pusher(
        model=model,
        model_blessing=evaluator.outputs[nodes.BLESSING],
        infra_blessing=serving_validator.outputs[nodes.BLESSING],
        replay=replayed,
        examples=examples,
        schema=schema,
        statistics=statistics,
        verdict=data_gate.outputs[nodes.DATA_VERDICT],
        transform_graph=transform.outputs[nodes.TRANSFORM_GRAPH],
        model_run=trainer.outputs[nodes.MODEL_RUN],
        evaluation=evaluator.outputs[nodes.EVALUATION],
        champion=champion.outputs[nodes.MODEL],
        models=around.models,
        run=around.run,
        recipe=around.recipe,
        arrive_as=config.push.arrive_as,
        server=config.push.server,
        facts=_facts(
            around,
            code_of=(
                example_gen,
                schema_gen,
                champion,
                data_gate,
                transform,
                trainer,
                evaluator,
                serving_validator,
                *replays,
            ),
        ),
    )
    report = Report(
        model_name=model_name,
        allow_anomalies=config.gates.allow_anomalies,
        so_far=model_report.outputs[nodes.PAGE],
        pushed_model=pusher.outputs[nodes.PUSHED_MODEL],
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
        *replays,
        model_report,
        pusher,
        report,
    ]


def _facts(around: Surroundings, code_of: Sequence[BaseNode]) -> str:
    """Returns facts for the Pusher that no artifact has; unknown ones are left out."""
    origin = around.provenance
    lock = LockFile(name=origin.lock, digest=origin.lock_digest)
    return Facts(
        data_source=around.description or None,
        commit=origin.commit or None,
        tree_clean=origin.clean,
        lock=lock if origin.lock else None,
        code={str(node.id): code_among(node.exec_properties) for node in code_of},
    ).model_dump_json(exclude_none=True)
