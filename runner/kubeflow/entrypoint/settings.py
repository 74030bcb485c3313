"""The node that a pod is to run, built from the code as the compiler did."""

from dataclasses import dataclass
from typing import Any

from pipeline.beam import Beam
from runner.kubeflow.origin import Origin
from runner.kubeflow.parameters import PARAMETERS, PREFIX

Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """What TFX's entry point has to know of a node.

    Attributes:
        executor: Import path of the executor's class.
        properties: Its exec properties.
        inputs: A `ComponentInputsSpec`. An artifact's type is the path of its
            class, by which TFX finds any (tfx.orchestration.kubeflow.v2.container.
            kubeflow_v2_entrypoint_utils); the parameters are those that are whole
            numbers, as JSON has one kind of number.
        outputs: A `ComponentOutputsSpec`, in the same way.
        beam: Where Beam's work is done.
        on_engine: That is another process's workers, for this node.
    """

    executor: str
    properties: Json
    inputs: Json
    outputs: Json
    beam: Beam
    on_engine: bool = False


def take_asked(parameters: Json) -> Json:
    """Takes a run's own values out of a node's inputs, and returns them by name."""
    return {
        parameter.name: parameters.pop(PREFIX + parameter.name)
        for parameter in PARAMETERS
        if PREFIX + parameter.name in parameters
    }


def step(node_id: str, origin: Origin, asked: Json) -> Step:
    """Returns what a node is in a run.

    Raises:
        BadInputError: An impossible value.
    """
    # Imported here: this imports every component, and so every library.
    from runner.kubeflow.specification import is_on_engine, nodes_of, properties_of

    [node] = [node for node in nodes_of(origin, asked) if node.id == node_id]
    whole = {"parameterType": "NUMBER_INTEGER"}
    return Step(
        executor=node.executor_spec.class_path,
        properties=properties_of([node])[node_id],
        inputs={
            "artifacts": _artifacts(node.inputs),
            "parameters": {
                key: whole
                for key, parameter in node.SPEC_CLASS.PARAMETERS.items()
                if parameter.type is int
            },
        },
        outputs={"artifacts": _artifacts(node.outputs)},
        beam=origin.config.beam,
        on_engine=is_on_engine(node, origin.config),
    )


def _artifacts(channels: Any) -> Json:
    return {
        key: {
            "artifactType": {
                "schemaTitle": f"{channel.type.__module__}.{channel.type.__qualname__}"
            }
        }
        for key, channel in channels.items()
    }
