"""Exceptions for endings of a run that are no bugs of this project."""

from contract.demands import FINDINGS


class BadInputError(Exception):
    """The user's input cannot be used.

    The message is one line that names the file or key, the expected value and the value
    that was found.
    """


class BrokenError(Exception):
    """An unexpected failure; the message is one line with the reason."""


class GateRefusedError(Exception):
    """A gate stopped the run on purpose.

    Attributes:
        gate: Node id of the gate.
        reasons: One line per finding, most important first.
        metric: Metric of the gate whose bound was not met.
    """

    def __init__(self, gate: str, reasons: list[str], metric: str = FINDINGS) -> None:
        self.gate = gate
        self.reasons = reasons
        self.metric = metric
        super().__init__(f"{gate} refused: " + "; ".join(reasons))


class Terminated(BaseException):
    """SIGTERM; this is no `Exception`, so that `except Exception` does not catch it."""
