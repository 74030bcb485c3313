"""The component: inputs, output."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter

from components.verdict import executor
from contract import nodes


class VerdictSpec(types.ComponentSpec):
    """What goes in and out of Verdict."""

    PARAMETERS: dict[str, None] = {}
    INPUTS = {
        nodes.DATA_VERDICT: ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        nodes.EVALUATION: ChannelParameter(type=standard_artifacts.ModelEvaluation),
        executor.INFRA_BLESSING_KEY: ChannelParameter(
            type=standard_artifacts.InfraBlessing
        ),
        nodes.PUSHED_MODEL: ChannelParameter(type=standard_artifacts.PushedModel),
    }
    OUTPUTS: dict[str, None] = {}


class Verdict(base_component.BaseComponent):
    """Fails when nothing is served, with the gates' reasons as the last words.

    In TFX a refused model is a success: Evaluator says no, Pusher does nothing,
    every node is green. Where the state of a run is all that a schedule or an
    alert looks at, this says what the local runner says by its exit code.
    """

    SPEC_CLASS = VerdictSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        verdict: types.BaseChannel,
        evaluation: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        pushed_model: types.BaseChannel,
    ) -> None:
        """Construct the component.

        Args:
            verdict: From DataGate.
            evaluation: From Evaluator.
            infra_blessing: From ServingValidator.
            pushed_model: From Pusher.
        """
        super().__init__(
            spec=VerdictSpec(
                verdict=verdict,
                evaluation=evaluation,
                infra_blessing=infra_blessing,
                pushed_model=pushed_model,
            )
        )
