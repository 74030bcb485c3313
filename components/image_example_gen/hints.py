"""The user's settings in `[data]` that the readers need."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Hints:
    """The user's settings for the data; see the same names in `[data]`.

    If a value is empty, false or 0, the reader decides by the data itself.
    """

    name: str = ""
    classes: tuple[str, ...] = ()
    noun: str = ""
    background: str = ""
    prefix: str = ""
    transpose: bool = False
    resize: str = ""
    colour: str = ""
    image_size: str = ""
    label: str = ""
    skip_unreadable: bool = False
    window: int = 0
    spans: tuple[str, ...] = ()
    marker: str = ""

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Constructs hints from the JSON of `asdict`."""
        lists = {key: tuple(content.get(key, ())) for key in ("classes", "spans")}
        return cls(**{**content, **lists})

    @property
    def size_after(self) -> tuple[int, int] | None:
        """The size in `resize`: (width, height); None if it is not set."""
        return _numbers(self.resize)[:2] if self.resize else None  # type: ignore[return-value]

    @property
    def row_shape(self) -> tuple[int, ...] | None:
        """The shape in `image_size`: `(height, width)` or `(height, width, 3)`."""
        if not self.image_size:
            return None
        width, height, *channels = _numbers(self.image_size)
        return (height, width, *channels)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.lower().split("x"))
