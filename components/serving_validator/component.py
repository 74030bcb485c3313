"""The component: inputs, parameter, output."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.serving_validator import executor
from contract import nodes


class ServingValidator(Component):
    """Asks the candidate as a server would, before it reaches one.

    InfraValidator needs Docker or a cluster and cannot be compiled for
    Kubeflow; this loads the SavedModel in a fresh process the way TensorFlow
    Serving does, sends test images through every signature in several batch
    sizes, and holds the answers to those that Keras gave in the Trainer.

    Inputs: `model`, from Trainer; `model_run`, from Trainer, with its own answers to
    test images; `examples`, whose test split is asked. Parameter `timeout_seconds`: for
    starting the process, loading and answering.

    Output `blessing`: as InfraValidator's, with `report.json`: `checks` that
    passed, and `failures` with their reasons. Where the model could not be asked for
    a reason of the machine's (see `process`), the node fails: there is no verdict.
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
