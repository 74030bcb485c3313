"""The task: what an image is, what the classes are, and what people call them.

It is read from the data, completed by settings, and travels with everything that is
made of the data: the Examples artifact, the version, the served model, the report.
Whoever needs a shape or a name takes it from there. Nothing here imports TensorFlow.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from contract import described
from contract.errors import BadInputError

TASK_FILE = "task.json"
"""Its name in an Examples artifact and in a version."""

DEFAULT_NOUN = "image"

MOST_CLASSES = 10_000
"""The confusion matrix has a number for each pair of classes: 800 MB at this size."""

MOST_VALUES = 1 << 20
"""Of one image (a megapixel in grey): an example has a number for each of them."""

_NOUN = re.compile(r"[^\W\d_][\w -]{0,39}")


@dataclass(frozen=True)
class Task:
    """What a model is asked.

    Attributes:
        name: Of the data set, for people; the model's name is derived from it.
        height: Pixels.
        width: Pixels.
        channels: Values of a pixel: 1 is grey, 3 is red, green and blue.
        classes: What the classes are called, by label: label 0 first.
        noun: What an image shows, for people, in the singular: `digit`, `letter`.
        background: The value of pixels where nothing is drawn; None if images have
            no such thing.
    """

    name: str
    height: int
    width: int
    channels: int
    classes: tuple[str, ...]
    noun: str = DEFAULT_NOUN
    background: int | None = None

    def __post_init__(self) -> None:
        """Checks it.

        Raises:
            BadInputError: It is none that can be learned; one line.
        """
        sides = (self.height, self.width, self.channels)
        if min(sides) < 1 or self.channels not in (1, 3):
            raise BadInputError(
                "task: expected images of at least 1x1 pixels in grey (1 channel) or "
                f"colour (3), found {self.height}x{self.width}x{self.channels}"
            )
        if self.size > MOST_VALUES:
            raise BadInputError(
                f"task: expected images of at most {MOST_VALUES:,} values, found "
                f"{self.size_text}, {self.size:,} values"
            )
        if not 2 <= len(self.classes) <= MOST_CLASSES:
            raise BadInputError(
                f"task: expected 2 to {MOST_CLASSES:,} classes, found "
                f"{len(self.classes):,}"
            )
        if len(set(self.classes)) != len(self.classes):
            twice = next(c for c in self.classes if self.classes.count(c) > 1)
            raise BadInputError(
                f"task: expected a name of its own for each class, found {twice!r} "
                "more than once"
            )
        for name in self.classes:
            if not name.strip() or not name.isprintable():
                raise BadInputError(
                    f"task: expected names of classes in printable letters, found "
                    f"{name!r}"
                )
        if not _NOUN.fullmatch(self.noun):
            raise BadInputError(
                f"task: noun: expected a word, as digit or letter, found {self.noun!r}"
            )
        if self.background is not None and not 0 <= self.background <= 255:
            raise BadInputError(
                f"task: background: expected 0 to 255, found {self.background}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image: `(height, width)`, in colour `(..., channels)`."""
        sides = (self.height, self.width)
        return sides if self.channels == 1 else (*sides, self.channels)

    @property
    def size(self) -> int:
        """How many values an image has."""
        return self.height * self.width * self.channels

    @property
    def size_text(self) -> str:
        """What an image is, for people: `28x28 grey`; width first, as is usual."""
        kind = "grey" if self.channels == 1 else "colour"
        return f"{self.width}x{self.height} {kind}"

    @property
    def can_be_drawn(self) -> bool:
        """Whether a person can draw such an image with a pen: grey, on a background."""
        return self.channels == 1 and self.background is not None

    @property
    def plural(self) -> str:
        """The noun for several: `digits`, `boxes`, `categories`."""
        if re.search(r"(s|x|z|ch|sh)$", self.noun):
            return f"{self.noun}es"
        if re.search(r"[^aeiou]y$", self.noun):
            return f"{self.noun[:-1]}ies"
        return f"{self.noun}s"

    def asks_the_same(self, other: "Task") -> bool:
        """Tells whether answers to both can be compared: same images, same classes."""
        return self.shape == other.shape and self.classes == other.classes

    def difference(self, other: "Task") -> str:
        """Returns in what way the other asks something else, for people."""
        if self.shape != other.shape:
            return f"images of {other.size_text}, and not of {self.size_text}"
        if len(self.classes) != len(other.classes):
            return f"{len(other.classes)} classes, and not {len(self.classes)}"
        pairs = zip(self.classes, other.classes, strict=True)
        label = next(i for i, (ours, theirs) in enumerate(pairs) if ours != theirs)
        return (
            f"class {label} called {other.classes[label]!r}, and not "
            f"{self.classes[label]!r}"
        )

    def to_json(self) -> str:
        """Returns `task.json`; the same text for the same task."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Returns what JSON holds of it."""
        content = asdict(self)
        content["classes"] = list(self.classes)
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Reads what `as_dict` returned; keys of a later version are left out.

        Raises:
            BadInputError: It is something else.
        """
        known = {
            key: content[key] for key in cls.__dataclass_fields__ if key in content
        }
        try:
            known["classes"] = tuple(map(str, known["classes"]))
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise BadInputError(f"task: expected a task, found {content}") from error

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Reads what `to_json` returned.

        Raises:
            BadInputError: It is something else.
        """
        return cls.from_dict(described.parse(text, "task"))

    def named(self, **changes: Any) -> Self:
        """Returns the same with other names, noun or background."""
        return replace(self, **changes)


def read_task(folder: str) -> Task | None:
    """Returns the task that a folder tells of; None if it tells of none.

    Raises:
        BadInputError: Its `task.json` cannot be read.
    """
    return described.read(os.path.join(folder, TASK_FILE), Task.from_json)


def task_of_examples(examples: str) -> Task:
    """Returns the task that the Examples in a folder are of.

    Raises:
        BadInputError: There is none, or it cannot be read.
    """
    task = read_task(examples)
    if task is None:
        raise BadInputError(
            f"{examples}: expected {TASK_FILE}, which ImageExampleGen writes, found "
            "none"
        )
    return task


def task_of_split(split_uri: str) -> Task:
    """Returns the task of the Examples that a split, or a pattern of its files, is of.

    Args:
        split_uri: `<Examples>/Split-<name>`, with or without what follows.

    Raises:
        BadInputError: There is none, or it cannot be read.
    """
    return task_of_examples(split_uri.rpartition("/Split-")[0])


def plain_names(count: int) -> tuple[str, ...]:
    """Returns the names of classes that nobody named: their labels."""
    return tuple(map(str, range(count)))


def names_text(classes: Sequence[str], most: int = 12) -> str:
    """Returns the names of classes on one line, some left out if they are many."""
    if len(classes) <= most:
        return ", ".join(classes)
    return f"{', '.join(classes[: most - 1])}, ... {classes[-1]} ({len(classes)})"
