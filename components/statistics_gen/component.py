"""The component: inputs, parameter, output."""

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.statistics_gen import executor
from contract import nodes, properties
from contract.code import code_digest


class StatisticsGenSpec(types.ComponentSpec):
    """What goes in and out of StatisticsGen; the keys are those of TFX's own."""

    PARAMETERS = {properties.CODE: ExecutionParameter(type=str)}
    INPUTS = {
        nodes.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
        nodes.SCHEMA: ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {
        nodes.STATISTICS: ChannelParameter(type=standard_artifacts.ExampleStatistics)
    }


class StatisticsGen(base_beam_component.BaseBeamComponent):
    """Describes the examples: TFDV's statistics of each feature, by split.

    They are those of TFX's StatisticsGen. On one machine half of its time is Beam's
    own work, so there TFDV's combiners are fed without it; as soon as another runner
    is named, TFX's executor does all of it.

    Output `statistics`: `Split-<name>/FeatureStats.pb` for each split, a
    `DatasetFeatureStatisticsList`.
    """

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(self, examples: types.BaseChannel, schema: types.BaseChannel) -> None:
        """Construct the component.

        Args:
            examples: From ExampleGen.
            schema: Says which integers are categories.
        """
        super().__init__(
            spec=StatisticsGenSpec(
                examples=examples,
                schema=schema,
                code=code_digest(executor.__name__),
                statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            )
        )
