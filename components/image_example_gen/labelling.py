"""Maps the data's own labels to labels from 0, and names the classes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.image_example_gen.contents import natural
from components.image_example_gen.part import Part
from contract.errors import BadInputError
from contract.task import MOST_CLASSES, check_classes, plain_names


@dataclass(frozen=True)
class Labelling:
    """The classes, and the class of each value in the data.

    Attributes:
        classes: Names, by label from 0.
        values: The distinct labels in the data, sorted; int64.
        codes: The label from 0 of each of these values; int64.
        counts: Rows of each class, by part; int64 `[classes]`.
    """

    classes: tuple[str, ...]
    values: np.ndarray
    codes: np.ndarray
    counts: Mapping[str, np.ndarray]

    def encode(self, raw: np.ndarray) -> np.ndarray:
        """Returns the labels from 0 for values of the data; int64, same shape."""
        if np.array_equal(self.values, self.codes):
            return raw
        place = np.searchsorted(self.values, raw)
        return self.codes[np.minimum(place, len(self.values) - 1)]


def label(
    path: str,
    parts: Mapping[str, Part],
    found: Mapping[int, str],
    given: Sequence[str],
) -> Labelling:
    """Reads all labels and determines the classes.

    Args:
        path: Path of the data set, for messages.
        parts: All parts of the data set.
        found: Class names in the data, by label in the data; may be empty.
        given: Class names from the user; they take precedence.

    Raises:
        BadInputError: Names and labels do not fit, a name cannot be used, there are
            too many classes, or there is only one.
    """
    by_part = {name: _count(path, part) for name, part in parts.items()}
    values = np.array(sorted(set().union(*by_part.values())), np.int64)
    classes, codes = _classes(path, values, found, given)
    check_classes(classes, "data.classes" if classes == tuple(given) else path)
    counts = {}
    for name, of_part in by_part.items():
        counts[name] = np.zeros(len(classes), np.int64)
        for value, code in zip(values.tolist(), codes.tolist(), strict=True):
            counts[name][code] += of_part.get(value, 0)
    return Labelling(classes, values, codes, counts)


def plain(part: Part) -> dict[int, str]:
    """Returns class names for a part without names: each label as text."""
    return {value: str(value) for block in part.labels() for value in np.unique(block)}


def sorted_texts(texts: Iterable[str]) -> list[str]:
    """Returns the distinct class names in the order of their labels.

    `2` comes before `10`, and upper and lower case are sorted together.
    """
    return sorted(set(texts), key=lambda text: (natural(text.casefold()), text))


def coded(classes: Sequence[str], texts: Iterable[str]) -> np.ndarray:
    """Returns the index of each text in `classes`, int64."""
    place = {name: label for label, name in enumerate(classes)}
    return np.array([place[text] for text in texts], np.int64)


def _count(path: str, part: Part) -> dict[int, int]:
    counts: dict[int, int] = {}
    for labels in part.labels():
        values, rows = np.unique(labels, return_counts=True)
        for value, count in zip(values.tolist(), rows.tolist(), strict=True):
            counts[value] = counts.get(value, 0) + count
        if len(counts) > MOST_CLASSES:
            raise BadInputError(
                f"{path}: expected at most {MOST_CLASSES:,} classes, as the confusion "
                "matrix has a number for each pair, found more (label "
                f"{max(counts):,}): is that the column of the labels?"
            )
    return counts


def _classes(
    path: str, values: np.ndarray, found: Mapping[int, str], given: Sequence[str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the names of the classes, and the label of each value."""
    if found:
        names, codes = _named_by_data(path, values, found)
        return _renamed(path, names, codes, given) if given else (names, codes)
    smallest, largest, distinct = int(values[0]), int(values[-1]), len(values)
    if given:
        if len(given) > largest:
            return tuple(given), values
        if smallest >= 1 and len(given) == largest:
            return tuple(given), values - 1
        if len(given) == distinct:
            return tuple(given), np.arange(distinct)
        raise _wrong_count(path, given, distinct, f"{smallest} to {largest}")
    if distinct < 2:
        raise BadInputError(
            f"{path}: expected at least 2 classes, found label {smallest} only"
        )
    if (smallest, largest) == (0, distinct - 1):
        return plain_names(distinct), values
    return tuple(map(str, values.tolist())), np.arange(distinct)


def _named_by_data(
    path: str, values: np.ndarray, found: Mapping[int, str]
) -> tuple[tuple[str, ...], np.ndarray]:
    known = np.array(sorted(found), np.int64)
    unnamed = np.setdiff1d(values, known)
    if unnamed.size:
        raise BadInputError(
            f"{path}: expected a name for each label, found none for label "
            f"{unnamed[0]} among the {len(found)} names that the data has: give all "
            "of them with --classes"
        )
    if len(known) < 2:
        raise BadInputError(
            f"{path}: expected at least 2 classes, found {found[int(known[0])]!r} only"
        )
    return tuple(found[int(v)] for v in known), np.searchsorted(known, values)


def _renamed(
    path: str, names: tuple[str, ...], codes: np.ndarray, given: Sequence[str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the classes in the user's order, or with the user's names."""
    used = {names[code] for code in codes.tolist()}
    if used <= set(given):
        return tuple(given), coded(given, (names[c] for c in codes.tolist()))
    if len(given) == len(names):
        return tuple(given), codes
    raise _wrong_count(path, given, len(names), ", ".join(names[:12]))


def _wrong_count(
    path: str, given: Sequence[str], needed: int, labels: str
) -> BadInputError:
    return BadInputError(
        f"data.classes: expected {needed} names, one for each label in {path} "
        f"({labels}), found {len(given)}: {', '.join(given[:12])}"
    )
