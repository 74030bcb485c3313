"""What can begin before its turn, on a core that has nothing to do."""

from components.serving_validator import process
from contract import nodes
from runner.events import Event


class ProbeAhead:
    """Starts ServingValidator's process as soon as it is sure to be needed.

    That is when there is a new model: a reused one has its verdict already. While it
    imports TensorFlow, for four seconds on one core, Evaluator works on another. Not
    before: the Trainer holds its rows, and the run would need both at once.
    """

    def __init__(self) -> None:
        self._node = ""
        self._reused = False

    def __call__(self, event: Event) -> None:
        """Takes note of what happens in a run."""
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
