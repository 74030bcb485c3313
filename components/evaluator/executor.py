"""TFX's executor, told when the champion it is handed is none."""

from typing import Any

from tfx import types
from tfx.components.evaluator import executor
from tfx.types import artifact_utils, standard_component_specs

from components.champion.executor import VERSION_PROPERTY


class Executor(executor.Executor):
    """Leaves the baseline out where there is no champion.

    TFX then applies the bounds on values and no bound on change.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates; see TFX's Evaluator."""
        baseline = artifact_utils.get_single_instance(
            input_dict[standard_component_specs.BASELINE_MODEL_KEY]
        )
        if not baseline.get_string_custom_property(VERSION_PROPERTY):
            input_dict = {
                key: artifacts
                for key, artifacts in input_dict.items()
                if key != standard_component_specs.BASELINE_MODEL_KEY
            }
        super().Do(input_dict, output_dict, exec_properties)
