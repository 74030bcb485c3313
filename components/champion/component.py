"""Declares the component `Champion`."""

from tfx.types import standard_artifacts

from components.champion import executor
from components.declaration import Component
from contract import nodes


class Champion(Component):
    """Imports the model that is being served now into the pipeline.

    TFX's Resolver gets the latest blessed model from the metadata store. This does not
    work on open-source Kubeflow, and "blessed" is not "served": after a rollback they
    differ. So this component reads the folder that the server reads.

    Input `examples`: from ImageExampleGen, with the task. Parameters: `models`, the
    model's folder with its versions; `version`, a number, `none`, or `latest`;
    `replace_task`, whether a model of another task may be replaced. `latest` depends on
    the folder's content, so a runner with a cache must pass a number or `none`.

    Output `model`: the served version, the baseline for the Evaluator. Output
    `statistics`: statistics of its training data, for DataGate. Both exist even if
    there is nothing to compare with; then their custom property `champion_version` is
    empty. If a version is served but has another task or gives no answer, `left_out`
    has the reason.
    """

    EXECUTOR = executor.Executor
    INPUTS = {nodes.EXAMPLES: standard_artifacts.Examples}
    PARAMETERS = {
        executor.MODELS_KEY: str,
        executor.VERSION_KEY: str,
        executor.REPLACE_TASK_KEY: int,
    }
    OUTPUTS = {
        nodes.MODEL: standard_artifacts.Model,
        nodes.STATISTICS: standard_artifacts.ExampleStatistics,
    }
    DEFAULTS = {
        executor.VERSION_KEY: executor.LATEST,
        executor.REPLACE_TASK_KEY: False,
    }
