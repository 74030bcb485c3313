"""Starts the ServingValidator's process early, while another core is idle."""

from components.serving_validator import process
from contract import nodes
from runner.events import Event


class ProbeAhead:
    """Starts ServingValidator's process as soon as the Trainer has made a new model.

    A reused model needs no process, because its verdict exists already. The process
    imports TensorFlow for four seconds on one core while the Evaluator works on
    another. It does not start earlier, because the Trainer still holds its rows, and
    the memory of both would add up.
    """

    def __init__(self) -> None:
        self._node = ""
        self._reused = False

    def __call__(self, event: Event) -> None:
        """Handles an event of the run."""
        if event.kind == "started":
            self._node, self._reused = event.node, False
        elif event.kind == "cached":
            self._reused = True
        elif (event.kind, self._node, self._reused) == (
            "finished",
            nodes.TRAINER,
            False,
        ):
            process.start_ahead()
