"""Results of the gates: measured values and their bounds, as numbers.

The functions at the end make texts of them.
"""

import math
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

AT_LEAST, AT_MOST = "at_least", "at_most"

FINDINGS = "findings"
"""The only metric of DataGate: the number of schema anomalies in the data."""

ROLLED_BACK_FROM = "rolled_back_from"
"""The only metric of Pusher: whether a user rolled this model back."""

OVERALL = ""
"""The slice of a demand on the whole split."""

_SIGNS = {AT_LEAST: "≥", AT_MOST: "≤"}


@dataclass(frozen=True)
class Demand:
    """One demand of one gate, and its result.

    Attributes:
        gate: Node id of the gate.
        metric: Name of the metric in the configuration.
        slice: Class whose rows were measured; `OVERALL` for all rows.
        value: Measured value, an int for counts; None if there was nothing to measure.
        bound: Bound of the value.
        direction: `AT_LEAST` or `AT_MOST`; the bound itself is allowed.
        champion: Value of the model that is served; None if there is none.
        passed: Whether the demand was met.
        overruled: Whether the demand was not met, but the run was told to go on.
        detail: Further information for the user; usually empty.
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

    @classmethod
    def compared(
        cls,
        gate: str,
        metric: str,
        of: str,
        value: int | float | None,
        bound: int | float,
        direction: str,
        *,
        champion: float | None = None,
        detail: str = "",
        detail_if_missed: str = "",
        overrule: bool = False,
    ) -> "Demand":
        """Compares a value with its bound; `overrule` has no effect where it holds."""
        passed = holds(value, bound, direction)
        return cls(
            *(gate, metric, of, value, bound, direction, champion),
            passed=passed,
            overruled=overrule and not passed,
            detail=detail if passed else detail_if_missed or detail,
        )

    @property
    def refused(self) -> bool:
        """Whether this demand stops the push."""
        return not self.passed and not self.overruled

    def as_dict(self) -> dict[str, Any]:
        """Returns the demand as a JSON object, including `refused`."""
        return {**asdict(self), "refused": self.refused}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Demand":
        """Reads what `as_dict` returned; ignores keys of later versions."""
        known = cls.__dataclass_fields__
        return cls(**{key: value for key, value in content.items() if key in known})

    def __str__(self) -> str:
        compared = self.champion is not None
        against = f", champion {number(self.champion)}" if compared else ""
        why = f": {self.detail}" if self.detail else ""
        return (
            f"{self.gate}: {what_text(self)}: expected {bound_text(self)}, found "
            f"{value_text(self)}{against}{why}"
        )


def holds(value: float | None, bound: float, direction: str) -> bool:
    """Tells whether a value keeps a bound; a value equal to the bound does.

    They are compared as decimal numbers: 0.945 is exactly 0.005 below 0.950, which is
    not so in binary floating point. None, infinity and NaN keep no bound.
    """
    if value is None or not math.isfinite(value):
        return False
    if direction == AT_LEAST:
        return exact(value) >= exact(bound)
    return exact(value) <= exact(bound)


def exact(value: float) -> Decimal:
    """Returns the shortest decimal number that stands for a float."""
    return Decimal(repr(float(value)))


def change(value: float, since: float) -> float:
    """Returns the difference of two numbers, computed in decimal; see `holds`."""
    return float(exact(value) - exact(since))


def words(metric: str) -> str:
    """Returns the display name of a metric: `macro f1` for `macro_f1`."""
    if metric == ROLLED_BACK_FROM:
        return "times that a person took this model back"
    return metric.replace("_", " ")


def number(value: float | None, digits: int = 4) -> str:
    """Returns a measured number as a text; a count (an int) has no decimals."""
    if value is None:
        return "none"
    text = str(value) if isinstance(value, int) else f"{value:.{digits}f}"
    # This avoids "-0.0000".
    return text.lstrip("-") if float(text) == 0 else text


def value_text(demand: Demand) -> str:
    """Returns the measured value as a text.

    It has so many decimals that the text is on the same side of the bound as the value:
    0.96996 is not shown as "0.9700" if 0.97 was expected.
    """
    value, bound, direction = demand.value, demand.bound, demand.direction
    if value is None or isinstance(value, int) or not math.isfinite(value):
        return number(value)
    held = holds(value, bound, direction)
    texts = (number(value, digits) for digits in range(4, 17))
    shown = (t for t in texts if holds(float(t), bound, direction) == held)
    return next(shown, repr(value))


def bound_text(demand: Demand) -> str:
    """Returns the bound of a demand as a text: `≥ 0.97`."""
    return f"{_SIGNS[demand.direction]} {demand.bound:g}"


def what_text(demand: Demand) -> str:
    """Returns the metric and the slice as a text: `accuracy 7`."""
    return " ".join(part for part in (words(demand.metric), demand.slice) if part)


def champion_text(demand: Demand) -> str:
    """Returns the champion's value, for a table."""
    return "-" if demand.champion is None else number(demand.champion)


def outcome_text(demand: Demand) -> str:
    """Returns the result of a demand in one word."""
    if demand.passed:
        return "passed"
    return "overruled" if demand.overruled else "REFUSED"
