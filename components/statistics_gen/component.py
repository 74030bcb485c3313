"""The component: inputs, output."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.types import standard_artifacts
from tfx.types.standard_component_specs import STATS_OPTIONS_JSON_KEY

from components.declaration import Component
from components.statistics_gen import executor
from contract import nodes


class StatisticsGen(Component, BaseBeamComponent):
    """Describes the examples: TFDV's statistics of each feature, by split.

    They are those of TFX's StatisticsGen. On one machine half of its time is Beam's
    own work, so there TFDV's combiners are fed without it; as soon as another runner
    is named, TFX's executor does all of it.

    Inputs: `examples`; `schema`, which says which integers are categories. Parameter
    `stats_options_json`, TFX's: `StatsOptions` as JSON, of which `feature_allowlist` is
    honoured: the features that are described; the others are left out.

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
