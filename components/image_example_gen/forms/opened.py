"""What each form of files comes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.image_example_gen.part import Part


@dataclass(frozen=True)
class Opened:
    """Parts of labelled images, and what the files say of the classes.

    Attributes:
        parts: By `roles.TRAIN`, `TEST` and `VALIDATION`; there is one to train on.
        names: Of the values that stand for classes in the data; empty if unknown.
        in_order: Whether the order of rows is somebody's choice; that of the files
            in a folder is not.
        notices: What a person has to know of what was found, a line each.
    """

    parts: Mapping[str, Part]
    names: Mapping[int, str] = field(default_factory=dict)
    in_order: bool = True
    notices: tuple[str, ...] = ()
