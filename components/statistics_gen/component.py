"""Declares the component `StatisticsGen`."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.types import standard_artifacts
from tfx.types.standard_component_specs import STATS_OPTIONS_JSON_KEY

from components.declaration import Component
from components.statistics_gen import executor
from contract import nodes


class StatisticsGen(Component, BaseBeamComponent):
    """Computes TFDV's statistics of each feature, by split.

    The results are those of TFX's StatisticsGen. On one machine half of its time is
    Beam's own work, so there TFDV's combiners run without Beam. With any other Beam
    runner, TFX's executor does all the work.

    Inputs: `examples`; `schema`, which tells which integers are categories. Parameter
    `stats_options_json`, from TFX: `StatsOptions` as JSON. Only its `feature_allowlist`
    is used: the features with statistics.

    Output `statistics`: `Split-<name>/FeatureStats.pb` for each split, a
    `DatasetFeatureStatisticsList`.
    """

    EXECUTOR = executor.Executor
    INPUTS = {
        nodes.EXAMPLES: standard_artifacts.Examples,
        nodes.SCHEMA: standard_artifacts.Schema,
    }
    PARAMETERS = {STATS_OPTIONS_JSON_KEY: str}
    OUTPUTS = {nodes.STATISTICS: standard_artifacts.ExampleStatistics}
    DEFAULTS = {STATS_OPTIONS_JSON_KEY: None}
