"""The component: input, parameters, outputs."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.champion import executor
from contract import nodes, properties
from contract.code import code_digest


class ChampionSpec(types.ComponentSpec):
    """What goes in and out of Champion."""

    PARAMETERS = {
        executor.MODELS_KEY: ExecutionParameter(type=str),
        executor.VERSION_KEY: ExecutionParameter(type=str),
        executor.REPLACE_TASK_KEY: ExecutionParameter(type=int),
        properties.CODE: ExecutionParameter(type=str),
    }
    INPUTS = {nodes.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {
        nodes.MODEL: ChannelParameter(type=standard_artifacts.Model),
        nodes.STATISTICS: ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }


class Champion(base_component.BaseComponent):
    """Brings the model that is being served now into the pipeline.

    TFX's Resolver asks the metadata store for the latest blessed model. That
    does not exist on open-source Kubeflow, and "blessed" is not "served": after
    a rollback they differ. So this looks where the server looks.

    Output `model`: the served version, a baseline for the Evaluator. Output
    `statistics`: of the data it was trained on, for DataGate. Both exist also
    when there is nothing to compare with; their custom property `champion_version`
    is then empty, and `left_out` says why, if it is not that nothing is served: the
    version has another task, or cannot be asked.
    """

    SPEC_CLASS = ChampionSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        models: str,
        version: str = executor.LATEST,
        replace_task: bool = False,
    ) -> None:
        """Construct the component.

        Args:
            examples: From ImageExampleGen, with the task.
            models: The model's folder, with the versions in it.
            version: A number, `none`, or `latest`. The last depends on what is
                in the folder, so a runner that caches passes one of the others.
            replace_task: Whether a model of another task may be replaced.
        """
        super().__init__(
            spec=ChampionSpec(
                examples=examples,
                models=models,
                version=version,
                replace_task=int(replace_task),
                code=code_digest(executor.__name__),
                model=types.Channel(type=standard_artifacts.Model),
                statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            )
        )
