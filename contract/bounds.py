"""Bounds of a model's metrics, from the configuration; a `Demand` has the result."""

from dataclasses import dataclass, field
from typing import Any, Final

BY_CLASS: Final = "class"
OVERALL: Final = "all"


@dataclass(frozen=True)
class Bound:
    """A metric and its bounds.

    Attributes:
        name: Name of the metric, for users and programs.
        path: Class of the metric; see `contract.metric.make_metric`.
        options: Options of the metric, such as `k`.
        bound: Value that the metric must reach or must not exceed, by its direction;
            None if there is none.
        max_champion_loss: Most that the value may be worse than the champion's; None if
            they are not compared.
        slices: `OVERALL` for the whole split, or `BY_CLASS` for each class separately.
    """

    name: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)
    bound: float | None = None
    max_champion_loss: float | None = None
    slices: str = OVERALL
