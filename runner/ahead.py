"""Starts the ServingValidator's process early, while another core is idle."""

from components.serving_validator import process
from contract import nodes
from runner.events import Event


class ProbeAhead:
    """Starts ServingValidator's process when the first epoch of a training has ended.

    The process imports TensorFlow for four seconds on one core while the Trainer works
    on another. It is not needed for a reused model, whose verdict exists already, nor
    for a network or data that the Trainer refuses before its first epoch.
    """

    def __init__(self) -> None:
        self._node = ""

    def __call__(self, event: Event) -> None:
        """Handles an event of the run."""
        if event.kind == "started":
            self._node = event.node
        elif (event.kind, self._node) == ("progress", nodes.TRAINER):
            self._node = ""
            process.start_ahead()
