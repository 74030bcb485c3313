"""The task: the shape of an image, the classes and their names.

It is read from the data and completed by settings. Everything that is made of the data
contains it: the Examples artifact, the version, the served model, the report. This is
the only source of shapes and names. This module does not import TensorFlow.
"""

import json
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from contract import described
from contract.errors import BadInputError

TASK_FILE = "task.json"
"""Name of the file in an Examples artifact and in a version."""

DEFAULT_NOUN = "image"

MOST_CLASSES = 10_000
"""The confusion matrix has a number for each pair of classes: 800 MB at this size."""

MOST_VALUES = 1 << 20
"""Most values of an image (a megapixel in grey); an example has a number for each."""

_NOUN = re.compile(r"[^\W\d_][\w -]{0,39}")

_LONGEST_NAME = 40
"""Most letters of a class name in a line of text."""


@dataclass(frozen=True)
class Task:
    """Images and classes of a classification task.

    Attributes:
        name: Name of the data set; the model's name is derived from it.
        height: Height of an image in pixels.
        width: Width of an image in pixels.
        channels: Values of a pixel: 1 for grey, 3 for red, green and blue.
        classes: Names of the classes by label, label 0 first.
        noun: Singular noun for the object in an image: `digit`, `letter`.
        background: Value of pixels where nothing is drawn; None if images have no
            background.
    """

    name: str
    height: int
    width: int
    channels: int
    classes: tuple[str, ...]
    noun: str = DEFAULT_NOUN
    background: int | None = None

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            BadInputError: A value is outside of its limits; one line.
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
        check_classes(self.classes, "task")
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
        """Shape of one image: `(height, width)`, or `(height, width, 3)` in colour."""
        sides = (self.height, self.width)
        return sides if self.channels == 1 else (*sides, self.channels)

    @property
    def size(self) -> int:
        """Number of values of an image."""
        return self.height * self.width * self.channels

    @property
    def size_text(self) -> str:
        """Size of an image as a text: `28x28 grey`; the width is first, as is usual."""
        kind = "grey" if self.channels == 1 else "colour"
        return f"{self.width}x{self.height} {kind}"

    @property
    def can_be_drawn(self) -> bool:
        """Whether a user can draw such an image with a pen: grey, on a background."""
        return self.channels == 1 and self.background is not None

    @property
    def plural(self) -> str:
        """Plural of the noun: `digits`, `boxes`, `categories`."""
        if re.search(r"(s|x|z|ch|sh)$", self.noun):
            return f"{self.noun}es"
        if re.search(r"[^aeiou]y$", self.noun):
            return f"{self.noun[:-1]}ies"
        return f"{self.noun}s"

    def asks_the_same(self, other: "Task") -> bool:
        """Tells whether models of both can be compared: same shape and classes.

        An older version may have accents apart from their letters; see `composed`.
        """
        return self.shape == other.shape and (
            [*map(composed, self.classes)] == [*map(composed, other.classes)]
        )

    def difference(self, other: "Task") -> str:
        """Returns the first difference of the other task as a text."""
        if self.shape != other.shape:
            return f"images of {other.size_text}, and not of {self.size_text}"
        if len(self.classes) != len(other.classes):
            return f"{len(other.classes)} classes, and not {len(self.classes)}"
        pairs = zip(self.classes, other.classes, strict=True)
        label = next(
            label
            for label, (ours, theirs) in enumerate(pairs)
            if composed(ours) != composed(theirs)
        )
        return (
            f"class {label} called {other.classes[label]!r}, and not "
            f"{self.classes[label]!r}"
        )

    def to_json(self) -> str:
        """Returns `task.json`; the same text for the same task."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Returns the task as a JSON object."""
        content = asdict(self)
        content["classes"] = list(self.classes)
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Reads what `as_dict` returned; ignores keys of later versions.

        Raises:
            BadInputError: The object is no task.
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
            BadInputError: The text is no task.
        """
        return cls.from_dict(described.parse(text, "task"))

    def named(self, **changes: Any) -> Self:
        """Returns a copy with other names, noun or background."""
        return replace(self, **changes)


def read_task(folder: str) -> Task | None:
    """Returns the task in a folder's `task.json`; None if there is no such file.

    Raises:
        BadInputError: The file cannot be read.
    """
    return described.read(os.path.join(folder, TASK_FILE), Task.from_json)


def task_of_examples(examples: str) -> Task:
    """Returns the task of an Examples artifact.

    Raises:
        BadInputError: `task.json` is missing or cannot be read.
    """
    task = read_task(examples)
    if task is None:
        raise BadInputError(
            f"{examples}: expected {TASK_FILE}, which ImageExampleGen writes, found "
            "none"
        )
    return task


def task_of_split(split_uri: str) -> Task:
    """Returns the task of an Examples artifact, found by one of its splits.

    Args:
        split_uri: `<Examples>/Split-<name>`; a file pattern may follow.

    Raises:
        BadInputError: `task.json` is missing or cannot be read.
    """
    return task_of_examples(split_uri.rpartition("/Split-")[0])


def composed(name: str) -> str:
    """Returns a class name with each accent as part of its letter (Unicode's NFC).

    A Mac gives the names of folders with accents apart from their letters, which looks
    the same.
    """
    return unicodedata.normalize("NFC", name)


def check_classes(classes: Sequence[str], place: str) -> None:
    """Checks the number and the names of classes.

    Args:
        classes: The names.
        place: The file or setting that has them, for messages.

    Raises:
        BadInputError: They are too few or too many, or a name cannot be used.
    """
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise BadInputError(
            f"{place}: expected 2 to {MOST_CLASSES:,} classes, found {len(classes):,}"
        )
    if len(set(classes)) != len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise BadInputError(
            f"{place}: expected a name of its own for each class, found {twice!r} more "
            "than once"
        )
    for name in classes:
        if not name.strip() or not name.isprintable():
            raise BadInputError(
                f"{place}: expected names of classes in printable letters, found "
                f"{name!r}: rename this class in the data, or name all of them with "
                "--classes"
            )


def plain_names(count: int) -> tuple[str, ...]:
    """Returns the default names of classes: their labels."""
    return tuple(map(str, range(count)))


def names_text(classes: Sequence[str], most: int = 12) -> str:
    """Returns the names of classes on one line, each as `short_name` gives it.

    Leaves some out if there are many.
    """
    names = [short_name(name) for name in classes]
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])}, ... {names[-1]} ({len(names)})"


def short_name(name: str) -> str:
    """Returns a name for a line of text, of which a long one would fill a screen."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."
