"""Says what every gate found, and fails if the model is not served."""

import logging
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.pusher.demand import read_demands as of_pusher
from components.pusher.facts import Folders, read_demands
from contract import nodes, properties
from contract.demands import outcome_text
from contract.errors import GateRefusedError

INFRA_BLESSING_KEY = "infra_blessing"


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
        demands = read_demands(
            Folders(
                verdict=artifact_utils.get_single_uri(input_dict[nodes.DATA_VERDICT]),
                evaluation=artifact_utils.get_single_uri(input_dict[nodes.EVALUATION]),
                infra_blessing=artifact_utils.get_single_uri(
                    input_dict[INFRA_BLESSING_KEY]
                ),
            )
        )
        pushed = artifact_utils.get_single_instance(input_dict[nodes.PUSHED_MODEL])
        demands += of_pusher(pushed)
        for demand in demands:
            logging.info("%s: %s", outcome_text(demand), demand)
        if not pushed.get_int_custom_property(properties.PUSHED):
            refused = [demand for demand in demands if demand.refused]
            if not refused:
                raise RuntimeError(
                    "the model was not pushed, although no gate refused: "
                    "see Pusher's log"
                )
            raise GateRefusedError(refused[0].gate, list(map(str, refused)))
        logging.info(
            "served as version %s",
            pushed.get_string_custom_property(properties.PUSHED_VERSION),
        )
