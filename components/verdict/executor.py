"""Says what every gate found, and fails if the model is not served."""

import logging
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

import components.data_gate.demand as data_gate
import components.serving_validator.demand as serving_validator
from components.evaluator.results import read_bounds, read_gates
from contract.demands import GateResult
from contract.errors import GateRefusedError
from contract.properties import PUSHED_PROPERTY, PUSHED_VERSION_PROPERTY

VERDICT_KEY = "verdict"
EVALUATION_KEY = "evaluation"
INFRA_BLESSING_KEY = "infra_blessing"
PUSHED_MODEL_KEY = "pushed_model"


class Executor(base_executor.BaseExecutor):
    """Fails unless the model was pushed, or was served already."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Logs one line for each demand; see `Verdict`.

        Raises:
            GateRefusedError: A gate refused, so nothing was pushed.
            RuntimeError: Nothing was pushed, and no gate says why.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        gates = _gates(input_dict)
        for gate in gates:
            logging.info("%s: %s", "passed" if gate.passed else "REFUSED", gate)
        pushed = artifact_utils.get_single_instance(input_dict[PUSHED_MODEL_KEY])
        if not pushed.get_int_custom_property(PUSHED_PROPERTY):
            refused = [
                gate for gate in gates if not gate.passed and not gate.overridden
            ]
            if not refused:
                raise RuntimeError(
                    "the model was not pushed, although no gate refused: "
                    "see Pusher's log"
                )
            raise GateRefusedError(refused[0].gate, [str(gate) for gate in refused])
        logging.info(
            "served as version %s",
            pushed.get_string_custom_property(PUSHED_VERSION_PROPERTY),
        )


def _gates(input_dict: dict[str, list[types.Artifact]]) -> list[GateResult]:
    """Returns every demand of every gate, in the order of the pipeline."""
    evaluation = artifact_utils.get_single_uri(input_dict[EVALUATION_KEY])
    return [
        data_gate.read_gate(artifact_utils.get_single_uri(input_dict[VERDICT_KEY])),
        *read_gates(evaluation, read_bounds(evaluation)),
        serving_validator.read_gate(
            artifact_utils.get_single_uri(input_dict[INFRA_BLESSING_KEY])
        ),
    ]
