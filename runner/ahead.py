"""Starts the ServingValidator's process early, while another core is idle."""

from contextlib import suppress

from components.serving_validator import process
from contract import nodes
from runner.events import Event


class ProbeAhead:
    """Starts ServingValidator's process at the first message of a training.

    That is the end of the first epoch, or what became of a warm start.

    The process imports TensorFlow for four seconds on one core while the Trainer works
    on another. It is not needed for a reused model, whose verdict exists already, nor
    for a network or data that the Trainer refuses before.
    """

    def __init__(self) -> None:
        self._node = ""

    def __call__(self, event: Event) -> None:
        """Handles an event of the run."""
        if event.kind == "started":
            self._node = event.node
        elif (event.kind, self._node) == ("progress", nodes.TRAINER):
            self._node = ""
            # Without it the node starts a process itself. The training must go on.
            with suppress(OSError):
                process.start_ahead()
