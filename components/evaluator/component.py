"""The component: TFX's own, with our executor."""

from tfx.components.evaluator import component
from tfx.dsl.components.base import executor_spec

from components.evaluator import executor


class Evaluator(component.Evaluator):
    """TFX's Evaluator whose `baseline_model` comes from Champion.

    On Kubeflow the graph is fixed before anybody knows whether a champion
    exists, so the input is always connected and this decides when it runs.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
