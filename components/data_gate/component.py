"""Declares the component `DataGate`."""

from tfx.types import standard_artifacts

from components.data_gate import executor
from components.declaration import Component
from contract import nodes


class DataGate(Component):
    """Stops the run on findings in the data; ExampleValidator only records them.

    It fails, with one line for each finding, in these cases:
    - ExampleValidator found an anomaly against the schema in any split.
    - A split has no examples.
    - A distribution differs between the train split and another one by more than the
      schema's `skew_comparator`.
    - A distribution drifted from the statistics of the served model's data by more than
      the schema's `drift_comparator`.
    - Too large a share of the test split is also in the training part.

    A difference between the shares of labels that chance explains is not a finding.
    Nodes that must not get bad data have to depend on this one.

    Inputs: `examples`, from ImageExampleGen, which counts the duplicates; `statistics`,
    from StatisticsGen; `schema`, with the bounds; `anomalies`, from ExampleValidator;
    `champion_statistics`, from Champion. Parameters: `allow_anomalies`, whether to go
    on in spite of findings (they are recorded); `max_duplicates`, maximum share of the
    test split that may also be in the training part.

    Output `verdict`: `verdict.json` with the findings, whether they were overridden,
    and the version in the comparison; custom properties `findings` (their number) and
    `overridden` (0 or 1).
    """

    EXECUTOR = executor.Executor
    INPUTS = {
        nodes.EXAMPLES: standard_artifacts.Examples,
        nodes.STATISTICS: standard_artifacts.ExampleStatistics,
        nodes.SCHEMA: standard_artifacts.Schema,
        nodes.ANOMALIES: standard_artifacts.ExampleAnomalies,
        nodes.CHAMPION_STATISTICS: standard_artifacts.ExampleStatistics,
    }
    PARAMETERS = {executor.ALLOW_KEY: int, executor.MAX_DUPLICATES_KEY: float}
    OUTPUTS = {nodes.DATA_VERDICT: standard_artifacts.ExampleAnomalies}
    DEFAULTS = {executor.ALLOW_KEY: False, executor.MAX_DUPLICATES_KEY: 0.01}
