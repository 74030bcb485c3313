"""The component: inputs, parameters, output."""

from tfx.types import standard_artifacts

from components.data_gate import executor
from components.declaration import Component
from contract import nodes


class DataGate(Component):
    """Stops the run where ExampleValidator only takes note.

    It fails, with one line a finding, on: what ExampleValidator found against
    the schema, in any split; a split without examples; a distribution that
    differs between the train split and another beyond the schema's
    `skew_comparator`; drift against the statistics of the model that is being
    served beyond its `drift_comparator`; too large a share of the test split that is
    in the training part as well. A difference of labels that chance alone makes at
    so many rows is none. Make what must not see bad data depend
    on it.

    Inputs: `examples`, from ImageExampleGen, which counts the duplicates; `statistics`,
    from StatisticsGen; `schema`, with the bounds; `anomalies`, from ExampleValidator;
    `champion_statistics`, from Champion. Parameters: `allow_anomalies`, to go on in
    spite of findings, which are recorded; `max_duplicates`, most of the test split, as
    a share, that may be in the training part as well.

    Output `verdict`: `verdict.json` with what was found, whether it was
    overridden, and the version whose data it was compared with; custom
    properties `findings` (how many) and `overridden` (0 or 1).
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
