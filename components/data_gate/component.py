"""The component: inputs, parameter, output."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.data_gate import executor
from contract import nodes, properties
from contract.code import code_digest


class DataGateSpec(types.ComponentSpec):
    """What goes in and out of DataGate."""

    PARAMETERS = {
        executor.ALLOW_KEY: ExecutionParameter(type=int),
        properties.CODE: ExecutionParameter(type=str),
    }
    INPUTS = {
        nodes.STATISTICS: ChannelParameter(type=standard_artifacts.ExampleStatistics),
        nodes.SCHEMA: ChannelParameter(type=standard_artifacts.Schema),
        nodes.ANOMALIES: ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        executor.CHAMPION_STATISTICS_KEY: ChannelParameter(
            type=standard_artifacts.ExampleStatistics
        ),
    }
    OUTPUTS = {
        nodes.DATA_VERDICT: ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }


class DataGate(base_component.BaseComponent):
    """Stops the run where ExampleValidator only takes note.

    It fails, with one line a finding, on: what ExampleValidator found against
    the schema, in any split; a split without examples; a distribution that
    differs between the train split and another beyond the schema's
    `skew_comparator`; drift against the statistics of the model that is being
    served beyond its `drift_comparator`. Make what must not see bad data depend
    on it.

    Output `verdict`: `verdict.json` with what was found, whether it was
    overridden, and the version whose data it was compared with; custom
    properties `findings` (how many) and `overridden` (0 or 1).
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        anomalies: types.BaseChannel,
        champion_statistics: types.BaseChannel,
        allow_anomalies: bool = False,
    ) -> None:
        """Construct the component.

        Args:
            statistics: From StatisticsGen.
            schema: With the bounds.
            anomalies: From ExampleValidator.
            champion_statistics: From Champion.
            allow_anomalies: Go on in spite of findings; they are recorded.
        """
        super().__init__(
            spec=DataGateSpec(
                statistics=statistics,
                schema=schema,
                anomalies=anomalies,
                champion_statistics=champion_statistics,
                allow_anomalies=int(allow_anomalies),
                code=code_digest(executor.__name__),
                verdict=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
