"""What a person says of her data: the settings `[data]` that reach the reader."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Hints:
    """What a person says of the data; see the settings of these names in `[data]`.

    What is empty, false or 0 was not said: then the data is looked at.
    """

    name: str = ""
    classes: tuple[str, ...] = field(default=())
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
    spans: tuple[str, ...] = field(default=())
    marker: str = ""

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Reads what `asdict` made of one, out of JSON."""
        lists = {key: tuple(content.get(key, ())) for key in ("classes", "spans")}
        return cls(**{**content, **lists})

    @property
    def size_after(self) -> tuple[int, int] | None:
        """What `resize` asks for: (width, height)."""
        return _numbers(self.resize)[:2] if self.resize else None  # type: ignore[return-value]

    @property
    def row_shape(self) -> tuple[int, ...] | None:
        """What `image_size` says: `(height, width)` or `(height, width, 3)`."""
        if not self.image_size:
            return None
        width, height, *channels = _numbers(self.image_size)
        return (height, width, *channels)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.lower().split("x"))
