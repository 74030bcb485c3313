"""Logs all gates' demands, and fails if the model is not served."""

import logging
from typing import Any

from components.executing import Artifacts, BaseExecutor
from components.pusher.demand import read_demands as of_pusher
from components.pusher.facts import Folders, read_demands
from contract import nodes, properties
from contract.demands import outcome_text
from contract.errors import GateRefusedError


class Executor(BaseExecutor):
    """Fails unless the model was pushed or was served already."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Logs one line for each demand; see `Verdict`.

        Raises:
            GateRefusedError: A gate refused, so nothing was pushed.
            RuntimeError: Nothing was pushed, although no gate refused.
        """
        demands = read_demands(Folders.of(inputs))
        pushed = inputs[nodes.PUSHED_MODEL]
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
