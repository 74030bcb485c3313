"""The component: input, parameters, outputs."""

from tfx.types import standard_artifacts

from components.champion import executor
from components.declaration import Component
from contract import nodes


class Champion(Component):
    """Brings the model that is being served now into the pipeline.

    TFX's Resolver asks the metadata store for the latest blessed model. That
    does not exist on open-source Kubeflow, and "blessed" is not "served": after
    a rollback they differ. So this looks where the server looks.

    Input `examples`: from ImageExampleGen, with the task. Parameters: `models`, the
    model's folder, with the versions in it; `version`, a number, `none`, or `latest`,
    which depends on what is in the folder, so that a runner that caches passes one of
    the others; `replace_task`, whether a model of another task may be replaced.

    Output `model`: the served version, a baseline for the Evaluator. Output
    `statistics`: of the data it was trained on, for DataGate. Both exist also
    when there is nothing to compare with; their custom property `champion_version`
    is then empty, and `left_out` says why, if it is not that nothing is served: the
    version has another task, or cannot be asked.
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
