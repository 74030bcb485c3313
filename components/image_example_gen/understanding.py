"""From a data set to the task that it poses: what the data says, and what is told."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from components.image_example_gen import mnist
from components.image_example_gen.source import Source
from contract.errors import BadInputError
from contract.task import DEFAULT_NOUN, MOST_CLASSES, Task, plain_names

_SAMPLED_ROWS = 1000
_BACKGROUNDS = (0, 255)
_BACKGROUND_SHARE = 0.9
"""Of the pixels at the border of the sampled images that have the background's value.
MNIST's have it in all of them, photographs in next to none."""


@dataclass(frozen=True)
class Hints:
    """What a person says of the data; where she says nothing the data is looked at.

    Attributes:
        name: Of the data set; empty: made from the file's or folder's name.
        classes: Names by label; empty: those in the data, or the labels.
        noun: For people; empty: `image`.
        background: A pixel value, `none`, or empty: looked for in the images.
    """

    name: str = ""
    classes: tuple[str, ...] = field(default=())
    noun: str = ""
    background: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Returns it as JSON holds it."""
        return {**asdict(self), "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Reads what `as_dict` returned."""
        return cls(**{**content, "classes": tuple(content.get("classes", ()))})


def understand(source: Source, hints: Hints, fingerprint: str = "") -> Task:
    """Returns the task that a data set poses.

    Args:
        source: The data; its labels are read, and some of its images.
        hints: What is known beforehand; it wins over what the data seems to say.
        fingerprint: Of the data, if it is known: MNIST has a task of its own.

    Raises:
        BadInputError: The hints do not fit the data, or there is nothing to learn.
    """
    if fingerprint == mnist.FINGERPRINT:
        task = mnist.TASK
        if hints.classes and len(hints.classes) != len(task.classes):
            raise _wrong_count(hints.classes, len(task.classes), source.path)
        return task.named(
            name=hints.name or task.name,
            classes=hints.classes or task.classes,
            noun=hints.noun or task.noun,
            background=_background(source, hints) if hints.background else 0,
        )
    height, width, *channels = source.shape
    return Task(
        name=hints.name or name_of(source.path),
        height=height,
        width=width,
        channels=channels[0] if channels else 1,
        classes=_classes(source, hints.classes or source.class_names),
        noun=hints.noun or DEFAULT_NOUN,
        background=_background(source, hints),
    )


def name_of(path: str) -> str:
    """Returns a model's name made from the name of a data set's file or folder."""
    stem = os.path.basename(os.path.abspath(path.rstrip("/")))
    stem = re.sub(r"(\.(npz|zip|csv|parquet|tar|gz))+$", "", stem, flags=re.IGNORECASE)
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:58].strip("-")
    return name or "images"


def _classes(source: Source, named: Sequence[str]) -> tuple[str, ...]:
    largest = max(int(source.train.labels().max()), int(source.test.labels().max()))
    if named:
        if largest >= len(named):
            raise _wrong_count(named, largest + 1, source.path)
        return tuple(named)
    if largest >= MOST_CLASSES:
        raise BadInputError(
            f"{source.path}: label out of range: expected at most {MOST_CLASSES:,} "
            f"classes, found label {largest:,}"
        )
    if largest < 1:
        raise BadInputError(
            f"{source.path}: expected at least 2 classes, found label 0 only"
        )
    return plain_names(largest + 1)


def _wrong_count(named: Sequence[str], needed: int, path: str) -> BadInputError:
    return BadInputError(
        f"data.classes: expected {needed} names, one for each label in {path}, found "
        f"{len(named)}: {', '.join(named[:12])}"
    )


def _background(source: Source, hints: Hints) -> int | None:
    if hints.background == "none":
        return None
    if hints.background:
        if not hints.background.isdecimal() or int(hints.background) > 255:
            raise BadInputError(
                f"data.background: expected 0 to 255, or none, found {hints.background}"
            )
        return int(hints.background)
    if len(source.shape) != 2:
        return None
    images, _ = next(source.train.blocks())
    border = _border(images[:_SAMPLED_ROWS])
    for value in _BACKGROUNDS:
        if (border == value).mean() >= _BACKGROUND_SHARE:
            return value
    return None


def _border(images: np.ndarray) -> np.ndarray:
    """Returns the pixels at the four sides of images `[rows, height, width]`."""
    sides = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    return np.concatenate([side.ravel() for side in sides])
