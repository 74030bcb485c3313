"""Declares the component `ServingValidator`."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.serving_validator import executor
from contract import nodes


class ServingValidator(Component):
    """Checks that the candidate works in a server, before it is pushed.

    TFX's InfraValidator needs Docker or a cluster, and cannot be compiled for Kubeflow.
    This component loads the SavedModel in a new process as TensorFlow Serving does,
    sends test images through every signature in several batch sizes, and compares the
    answers with those of Keras in the Trainer.

    Inputs: `model`, from Trainer; `model_run`, from Trainer, with Keras' answers to
    test images; `examples`, with the test split. Parameter `timeout_seconds`: maximum
    time to start the process, load the model and answer.

    Output `blessing`: in InfraValidator's format, with `report.json`: `checks` that
    passed, and `failures` with their reasons. If the machine is at fault (see
    `process`), there is no verdict and the node fails.
    """

    EXECUTOR = executor.Executor
    INPUTS = {
        nodes.MODEL: standard_artifacts.Model,
        nodes.MODEL_RUN: standard_artifacts.ModelRun,
        nodes.EXAMPLES: standard_artifacts.Examples,
    }
    PARAMETERS = {executor.TIMEOUT_KEY: int}
    OUTPUTS = {nodes.BLESSING: standard_artifacts.InfraBlessing}
    DEFAULTS = {executor.TIMEOUT_KEY: 300}
