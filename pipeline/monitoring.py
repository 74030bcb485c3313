"""Connects the components of the monitoring pipeline, which checks logged requests."""

from dataclasses import dataclass

from tensorflow_data_validation import StatsOptions
from tfx.dsl.components.base.base_node import BaseNode

from components.request_log_example_gen.component import RequestLogExampleGen
from components.statistics_gen.component import StatisticsGen
from components.task_schema_gen.component import TaskSchemaGen
from components.traffic_gate.component import TrafficGate
from contract import nodes
from contract.features import IMAGE
from pipeline.config import Config


@dataclass(frozen=True)
class Traffic:
    """The requests that are checked.

    Attributes:
        log: Prefix or folder of the log; see `serving.request_logs.reading`.
        models: Folder of the model's versions.
        judgement: The curated schema, in text format; see `TaskSchemaGen`.
        version: Version to check; empty for all.
        since: First second to check, since 1970; -1 for no limit.
        until: First second after the checked ones, since 1970; -1 for no limit.
        labels: CSV file with labels that arrived later; empty if there is none.
    """

    log: str
    models: str
    judgement: str
    version: str = ""
    since: int = -1
    until: int = -1
    labels: str = ""


def create_components(config: Config, traffic: Traffic) -> list[BaseNode]:
    """Returns the pipeline's nodes in topological order."""
    settings = config.monitoring
    example_gen = RequestLogExampleGen(
        log=traffic.log,
        models=traffic.models,
        version=traffic.version,
        since=traffic.since,
        until=traffic.until,
        hours=settings.hours or 0,
        labels=traffic.labels,
        max_requests=settings.max_requests,
    )
    examples = example_gen.outputs[nodes.EXAMPLES]
    schema_gen = TaskSchemaGen(examples=examples, judgement=traffic.judgement)
    schema = schema_gen.outputs[nodes.SCHEMA]
    # Statistics of all features would keep request ids, which must stay erasable.
    only_images = StatsOptions(feature_allowlist=[IMAGE]).to_json()
    statistics_gen = StatisticsGen(
        examples=examples, schema=schema, stats_options_json=only_images
    )
    traffic_gate = TrafficGate(
        examples=examples,
        statistics=statistics_gen.outputs[nodes.STATISTICS],
        schema=schema,
        models=traffic.models,
        max_novel_share=settings.max_novel_share,
        max_accuracy_fall=settings.max_accuracy_fall,
        pictures=settings.pictures,
    )
    return [example_gen, schema_gen, statistics_gen, traffic_gate]
