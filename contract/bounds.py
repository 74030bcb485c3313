"""What a model is held to, before it is measured: the other half of a `Demand`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

BY_CLASS: Final = "class"
OVERALL: Final = "all"


@dataclass(frozen=True)
class Bound:
    """A metric, and what it is held to.

    Attributes:
        name: Of the metric, for people and for programs.
        path: Its class; see `contract.metric.make_metric`.
        options: Of the metric, as `k`.
        bound: The value that has to be reached, or must not be passed; None if
            there is none.
        max_champion_loss: How much worse than the champion's the value may be;
            None if it is not compared.
        slices: `OVERALL`, or `BY_CLASS`: each class alone.
    """

    name: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)
    bound: float | None = None
    max_champion_loss: float | None = None
    slices: str = OVERALL

    def as_dict(self) -> dict[str, Any]:
        """Returns it as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Reads what `as_dict` returned."""
        return cls(**content)
