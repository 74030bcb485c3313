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
        executor.MAX_DUPLICATES_KEY: ExecutionParameter(type=float),
        properties.CODE: ExecutionParameter(type=str),
    }
    INPUTS = {
        nodes.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
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
    served beyond its `drift_comparator`; too large a share of the test split that is
    in the training part as well. A difference of labels that chance alone makes at
    so many rows is none. Make what must not see bad data depend
    on it.

    Output `verdict`: `verdict.json` with what was found, whether it was
    overridden, and the version whose data it was compared with; custom
    properties `findings` (how many) and `overridden` (0 or 1).
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        anomalies: types.BaseChannel,
        champion_statistics: types.BaseChannel,
        allow_anomalies: bool = False,
        max_duplicates: float = 0.01,
    ) -> None:
        """Construct the component.

        Args:
            examples: From ImageExampleGen, which counts the duplicates.
            statistics: From StatisticsGen.
            schema: With the bounds.
            anomalies: From ExampleValidator.
            champion_statistics: From Champion.
            allow_anomalies: Go on in spite of findings; they are recorded.
            max_duplicates: Most of the test split, as a share, that may be in the
                training part as well.
        """
        super().__init__(
            spec=DataGateSpec(
                examples=examples,
                statistics=statistics,
                schema=schema,
                anomalies=anomalies,
                champion_statistics=champion_statistics,
                allow_anomalies=int(allow_anomalies),
                max_duplicates=float(max_duplicates),
                code=code_digest(executor.__name__),
                verdict=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
