"""Defines the common result of all readers of file formats."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.image_example_gen.part import Part


@dataclass(frozen=True)
class Opened:
    """Parts of labelled images, and the class names in the files.

    Attributes:
        parts: By `roles.TRAIN`, `TEST` and `VALIDATION`; `TRAIN` always exists.
        names: Class names by label in the data; empty if the data itself has none.
        in_order: Whether the data itself sets the order of the rows; files in a folder
            have no order of their own.
        notices: Notices for the user, one line each.
    """

    parts: Mapping[str, Part]
    names: Mapping[int, str] = field(default_factory=dict)
    in_order: bool = True
    notices: tuple[str, ...] = ()
