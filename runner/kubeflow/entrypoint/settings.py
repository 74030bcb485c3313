"""Builds the node that a pod runs, with the same code as the compiler."""

from dataclasses import dataclass
from typing import Any

from pipeline.beam import Beam
from runner.kubeflow.origin import Origin
from runner.kubeflow.parameters import PARAMETERS, PREFIX

Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """The description of a node for TFX's entry point.

    Attributes:
        executor: Import path of the executor's class.
        properties: The node's exec properties.
        inputs: A `ComponentInputsSpec`. An artifact's type is the import path of its
            class, by which TFX finds any class (tfx.orchestration.kubeflow.v2.
            container.kubeflow_v2_entrypoint_utils). The parameters are only those of
            type int, because JSON has one type for all numbers.
        outputs: A `ComponentOutputsSpec`, in the same way.
        beam: Settings of Beam.
        on_engine: Whether the workers of a Beam engine do this node's work.
    """

    executor: str
    properties: Json
    inputs: Json
    outputs: Json
    beam: Beam
    on_engine: bool = False


def take_asked(parameters: Json) -> Json:
    """Removes the run-time parameters from a node's inputs; returns them by name."""
    return {
        parameter.name: parameters.pop(PREFIX + parameter.name)
        for parameter in PARAMETERS
        if PREFIX + parameter.name in parameters
    }


def step(node_id: str, origin: Origin, asked: Json) -> Step:
    """Returns the description of a node, with the run's own parameters.

    Raises:
        BadInputError: A parameter has an impossible value.
    """
    # Imported here, because it imports every component and so every library.
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
