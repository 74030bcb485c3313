"""The component: inputs, parameters, output."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.pusher import executor
from contract import nodes, properties
from contract.code import code_digest


class PusherSpec(types.ComponentSpec):
    """What goes in and out of Pusher."""

    PARAMETERS = {
        executor.MODELS_KEY: ExecutionParameter(type=str),
        executor.RUN_KEY: ExecutionParameter(type=str),
        executor.RECIPE_KEY: ExecutionParameter(type=str),
        executor.FACTS_KEY: ExecutionParameter(type=str),
        properties.CODE: ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        executor.INFRA_BLESSING_KEY: ChannelParameter(
            type=standard_artifacts.InfraBlessing
        ),
        nodes.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
        nodes.SCHEMA: ChannelParameter(type=standard_artifacts.Schema),
        nodes.STATISTICS: ChannelParameter(type=standard_artifacts.ExampleStatistics),
        nodes.DATA_VERDICT: ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        nodes.TRANSFORM_GRAPH: ChannelParameter(type=standard_artifacts.TransformGraph),
        nodes.MODEL_RUN: ChannelParameter(type=standard_artifacts.ModelRun),
        nodes.EVALUATION: ChannelParameter(type=standard_artifacts.ModelEvaluation),
        executor.CHAMPION_KEY: ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {
        nodes.PUSHED_MODEL: ChannelParameter(type=standard_artifacts.PushedModel),
    }


class Pusher(base_component.BaseComponent):
    """TFX's Pusher, with the differences that serving needs.

    A version appears whole or not at all: TFX's copies into the folder that the
    server watches, ours writes beside and renames. A model that is served
    already is not pushed again: the folder decides, not a cache; nor is one that
    a person rolled back from. And a version says what it is: it carries a manifest, a
    model card, its task and the statistics of its data.

    Output `pushed_model`: custom properties `pushed` (0 or 1), and if it is 1
    `pushed_version`, `pushed_destination` and `already_served` (0 or 1); `held_back`
    if this very model is not to be served.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        statistics: types.BaseChannel,
        verdict: types.BaseChannel,
        transform_graph: types.BaseChannel,
        model_run: types.BaseChannel,
        evaluation: types.BaseChannel,
        champion: types.BaseChannel,
        models: str,
        run: str,
        recipe: str,
        facts: str = "{}",
    ) -> None:
        """Construct the component.

        Args:
            model: From Trainer.
            model_blessing: From Evaluator.
            infra_blessing: From ServingValidator.
            examples: From ExampleGen. This and what follows is for the manifest.
            schema: Of the data.
            statistics: From StatisticsGen; travels with the version as well.
            verdict: From DataGate.
            transform_graph: From Transform.
            model_run: From Trainer.
            evaluation: From Evaluator.
            champion: From Champion.
            models: The model's folder, with the versions in it.
            run: Name of this run, for the manifest. It differs each time, so
                this node always executes and sees what is really served.
            recipe: Digest of everything that goes into the model, for the
                manifest.
            facts: What no artifact says, for the manifest: JSON of `Facts`.
        """
        super().__init__(
            spec=PusherSpec(
                model=model,
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                examples=examples,
                schema=schema,
                statistics=statistics,
                verdict=verdict,
                transform_graph=transform_graph,
                model_run=model_run,
                evaluation=evaluation,
                champion=champion,
                models=models,
                run=run,
                recipe=recipe,
                facts=facts,
                code=code_digest(executor.__name__),
                pushed_model=types.Channel(type=standard_artifacts.PushedModel),
            )
        )
