"""What a gate measured, and what it was held to: in numbers.

Texts are made where they are shown, by the functions at the end.
"""

import math
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

AT_LEAST, AT_MOST = "at_least", "at_most"

FINDINGS = "findings"
"""The one metric of DataGate: what the schema has against the data."""

ROLLED_BACK_FROM = "rolled_back_from"
"""The one metric of Pusher: whether this model was taken back by a person."""

OVERALL = ""
"""The slice of a demand that is about all of the split."""

_SIGNS = {AT_LEAST: "≥", AT_MOST: "≤"}


@dataclass(frozen=True)
class Demand:
    """One demand of one gate, and what came of it.

    Attributes:
        gate: Node id of the gate.
        metric: What was measured, by the name that the configuration has for it.
        slice: The class whose rows it is about; `OVERALL` for all of them.
        value: What came out, an int if it was counted; None if there was nothing to
            measure.
        bound: What it was held to.
        direction: `AT_LEAST` or `AT_MOST`; the bound itself is allowed.
        champion: The same of the model that is served; None if there is none.
        passed: Whether the demand was met.
        overruled: Whether it was not, and the run went on as it was told to.
        detail: What a person has to know beside the numbers; mostly nothing.
    """

    gate: str
    metric: str
    slice: str
    value: int | float | None
    bound: int | float
    direction: str
    champion: int | float | None = None
    passed: bool = False
    overruled: bool = False
    detail: str = ""

    @property
    def refused(self) -> bool:
        """Whether this demand stops the push."""
        return not self.passed and not self.overruled

    def as_dict(self) -> dict[str, Any]:
        """Returns it as JSON holds it: numbers as numbers, and `refused` with them."""
        return {**asdict(self), "refused": self.refused}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Demand":
        """Reads what `as_dict` returned; keys of a later version are left out."""
        known = cls.__dataclass_fields__
        return cls(**{key: value for key, value in content.items() if key in known})

    def __str__(self) -> str:
        against = f", champion {number(self.champion)}" if self.has_champion else ""
        why = f": {self.detail}" if self.detail else ""
        return (
            f"{self.gate}: {what_text(self)}: expected {bound_text(self)}, found "
            f"{value_text(self)}{against}{why}"
        )

    @property
    def has_champion(self) -> bool:
        """Whether there was a champion to compare with."""
        return self.champion is not None


def holds(value: float | None, bound: float, direction: str) -> bool:
    """Tells whether a value keeps to a bound, the bound included.

    It is compared in decimal, as it is written down: 0.945 is exactly 0.005 below
    0.950, which it is not in binary floating point. What is no number holds nothing.
    """
    if value is None or not math.isfinite(value):
        return False
    if direction == AT_LEAST:
        return exact(value) >= exact(bound)
    return exact(value) <= exact(bound)


def exact(value: float) -> Decimal:
    """Returns a number as it is written in the fewest digits that mean it."""
    return Decimal(repr(float(value)))


def change(value: float, since: float) -> float:
    """Returns the difference of two numbers, in decimal; see `holds`."""
    return float(exact(value) - exact(since))


def words(metric: str) -> str:
    """Returns a metric's name for people: `macro_f1` is `macro f1`."""
    if metric == ROLLED_BACK_FROM:
        return "times that a person took this model back"
    return metric.replace("_", " ")


def number(value: float | None, digits: int = 4) -> str:
    """Returns a measured number for people; a count, an int, without decimals."""
    if value is None:
        return "none"
    text = str(value) if isinstance(value, int) else f"{value:.{digits}f}"
    # No "-0.0000".
    return text.lstrip("-") if float(text) == 0 else text


def value_text(demand: Demand) -> str:
    """Returns what was measured, for people.

    With so many decimals that it stands on the same side of the bound as the value
    itself: 0.96996 is not "0.9700" where 0.97 was expected.
    """
    value, bound, direction = demand.value, demand.bound, demand.direction
    if value is None or isinstance(value, int) or not math.isfinite(value):
        return number(value)
    held = holds(value, bound, direction)
    texts = (number(value, digits) for digits in range(4, 17))
    shown = (t for t in texts if holds(float(t), bound, direction) == held)
    return next(shown, repr(value))


def bound_text(demand: Demand) -> str:
    """Returns what a demand was held to, for people: `≥ 0.97`."""
    return f"{_SIGNS[demand.direction]} {demand.bound:g}"


def what_text(demand: Demand) -> str:
    """Returns what was measured, of which rows: `accuracy 7`."""
    return " ".join(part for part in (words(demand.metric), demand.slice) if part)


def champion_text(demand: Demand) -> str:
    """Returns the champion's value, for a table."""
    return number(demand.champion) if demand.has_champion else "-"


def outcome_text(demand: Demand) -> str:
    """Returns what came of a demand in a word."""
    if demand.passed:
        return "passed"
    return "overruled" if demand.overruled else "REFUSED"
