"""The component: inputs, parameter, output."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.serving_validator import executor
from contract import nodes, properties
from contract.code import code_digest


class ServingValidatorSpec(types.ComponentSpec):
    """What goes in and out of ServingValidator."""

    PARAMETERS = {
        executor.TIMEOUT_KEY: ExecutionParameter(type=int),
        properties.CODE: ExecutionParameter(type=str),
    }
    INPUTS = {
        nodes.MODEL: ChannelParameter(type=standard_artifacts.Model),
        nodes.MODEL_RUN: ChannelParameter(type=standard_artifacts.ModelRun),
        nodes.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {
        nodes.BLESSING: ChannelParameter(type=standard_artifacts.InfraBlessing),
    }


class ServingValidator(base_component.BaseComponent):
    """Asks the candidate as a server would, before it reaches one.

    InfraValidator needs Docker or a cluster and cannot be compiled for
    Kubeflow; this loads the SavedModel in a fresh process the way TensorFlow
    Serving does, sends test images through every signature in several batch
    sizes, and holds the answers to those that Keras gave in the Trainer.

    Output `blessing`: as InfraValidator's, with `report.json`: `checks` that
    passed, and `failures` with their reasons. Where the model could not be asked for
    a reason of the machine's (see `process`), the node fails: there is no verdict.
    """

    SPEC_CLASS = ServingValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_run: types.BaseChannel,
        examples: types.BaseChannel,
        timeout_seconds: int = 300,
    ) -> None:
        """Construct the component.

        Args:
            model: From Trainer.
            model_run: From Trainer; with its own answers to test images.
            examples: From ExampleGen; the test split is asked.
            timeout_seconds: For starting the process, loading and answering.
        """
        super().__init__(
            spec=ServingValidatorSpec(
                model=model,
                model_run=model_run,
                examples=examples,
                timeout_seconds=timeout_seconds,
                code=code_digest(executor.__name__),
                blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            )
        )
