"""The ways in which a run ends that are nobody's bug."""

from contract.demands import FINDINGS


class BadInputError(Exception):
    """What the user handed over cannot be used.

    The message is one line that names the file or key, what was expected and
    what was found.
    """


class BrokenError(Exception):
    """Something failed that should not; the message is one line that says why."""


class GateRefusedError(Exception):
    """A gate stopped the run on purpose.

    Attributes:
        gate: Node id of the gate.
        reasons: One line per finding, most important first.
        metric: What of that gate was not met.
    """

    def __init__(self, gate: str, reasons: list[str], metric: str = FINDINGS) -> None:
        self.gate = gate
        self.reasons = reasons
        self.metric = metric
        super().__init__(f"{gate} refused: " + "; ".join(reasons))


class Terminated(BaseException):
    """SIGTERM; not an Exception, so that nothing on the way swallows it."""
