"""What a gate measured, and what it was held to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GateResult:
    """One demand of one gate.

    Attributes:
        gate: Node id of the gate.
        metric: What was measured.
        value: What came out, for people.
        bound: What it was held to, for people.
        champion: The same of the model that is served; empty if there is none.
        passed: Whether the demand was met.
        overridden: Whether it was not, and the run went on as it was told to.
    """

    gate: str
    metric: str
    value: str
    bound: str
    champion: str
    passed: bool
    overridden: bool = False

    def __str__(self) -> str:
        """Returns one line, as for a refusal."""
        against = f", champion {self.champion}" if self.champion else ""
        return (
            f"{self.gate}: {self.metric}: expected {self.bound}, found {self.value}"
            f"{against}"
        )
