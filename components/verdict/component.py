"""Declares the component `Verdict`."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.verdict import executor
from contract import nodes


class Verdict(Component):
    """Fails if the model is not served, with the gates' reasons in its error.

    In TFX a run with a refused model succeeds: Evaluator does not bless, Pusher does
    nothing, and all nodes are green. A schedule or an alert may only see the state of a
    run, so this node turns a refusal into a failure. The local runner does the same
    with its exit code.

    Inputs: `verdict`, from DataGate; `evaluation`, from Evaluator; `infra_blessing`,
    from ServingValidator; `replay`, from Replay, optional; `pushed_model`, from Pusher.
    """

    EXECUTOR = executor.Executor
    INPUTS = {
        nodes.DATA_VERDICT: standard_artifacts.ExampleAnomalies,
        nodes.EVALUATION: standard_artifacts.ModelEvaluation,
        nodes.INFRA_BLESSING: standard_artifacts.InfraBlessing,
        nodes.REPLAYED: standard_artifacts.ModelBlessing,
        nodes.PUSHED_MODEL: standard_artifacts.PushedModel,
    }
    DEFAULTS = {nodes.REPLAYED: None}
