"""The component: its inputs."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.verdict import executor
from contract import nodes


class Verdict(Component):
    """Fails when nothing is served, with the gates' reasons as the last words.

    In TFX a refused model is a success: Evaluator says no, Pusher does nothing,
    every node is green. Where the state of a run is all that a schedule or an
    alert looks at, this says what the local runner says by its exit code.

    Inputs: `verdict`, from DataGate; `evaluation`, from Evaluator; `infra_blessing`,
    from ServingValidator; `replay`, from Replay, where there is one; `pushed_model`,
    from Pusher.
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
