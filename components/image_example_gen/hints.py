"""What a person says of her data: the settings `[data]` that reach the reader."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Hints:
    """What a person says of the data; where she says nothing the data is looked at.

    Attributes:
        name: Of the data set; empty: made from the file's or folder's name.
        classes: Names by label; empty: those in the data, or the labels.
        noun: For people; empty: `image`.
        background: A pixel value, `none`, or empty: looked for in the images.
        prefix: Only files whose names begin so are read, where a folder or archive
            holds several data sets, as EMNIST's does.
        transpose: Whether rows and columns are exchanged on the disk, as EMNIST's.
        resize: `WxH`: the size to which images are brought; empty: they have one.
        colour: `grey`, `rgb`, or empty: as the pictures are.
        image_size: `WxH` or `WxHx3`: of images that stand as rows of numbers; empty:
            square.
        label: The column with the labels in a table; empty: the one that is called so.
        skip_unreadable: Whether pictures that cannot be read are left out.
        window: Of data in spans: how many of the newest are read; 0: all.
        spans: The names of those to read, in place of the newest.
        marker: The file that says that a span is complete; empty: all are.
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

    def as_dict(self) -> dict[str, Any]:
        """Returns it as JSON holds it."""
        return {
            **asdict(self),
            "classes": list(self.classes),
            "spans": list(self.spans),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Reads what `as_dict` returned."""
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
