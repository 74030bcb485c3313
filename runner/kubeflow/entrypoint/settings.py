"""Run-time parameters, put into a node's exec properties."""

from typing import Any

from pydantic import TypeAdapter

from pipeline.config import Config
from runner.kubeflow.parameters import PARAMETERS, PREFIX, with_values

Json = dict[str, Any]


def apply(parameters: Json, node: str, compiled_from: Json) -> None:
    """Takes a run's own values in, and the inputs that carried them out.

    The node's exec properties are computed as the compiler did, once from what
    was compiled and once from what this run asks for; those that differ are
    replaced. In a run that asks for nothing this imports nothing.

    Args:
        parameters: The node's input parameters, changed in place.
        node: Its id.
        compiled_from: Configuration (`config`) and surroundings (`around`) of the
            compiled pipeline.

    Raises:
        BadInputError: An impossible value.
    """
    asked = {
        parameter.name: parameters.pop(PREFIX + parameter.name)
        for parameter in PARAMETERS
        if PREFIX + parameter.name in parameters
    }
    compiled = Config.model_validate(compiled_from["config"])
    config = with_values(compiled, asked)
    if config == compiled:
        return
    # Imported here: this imports every component, and so every library.
    from pipeline.pipeline import Surroundings
    from runner.kubeflow.specification import exec_properties

    around = TypeAdapter(Surroundings).validate_python(compiled_from["around"])
    before = exec_properties(compiled, around)[node]
    now = exec_properties(config, around)[node]
    parameters.update(
        {key: value for key, value in now.items() if value != before.get(key)}
    )
