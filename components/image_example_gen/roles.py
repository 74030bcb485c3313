"""Tells from the name of a file or an array its part, and images from labels."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from components.image_example_gen.files import File
from contract.errors import BadInputError

_T = TypeVar("_T")

TRAIN, VALIDATION, TEST = "train", "validation", "test"

_PARTS = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("test", "testing", "tst", "t10k"), TEST),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval"), VALIDATION),
}

COLUMNAR = (".parquet", ".arrow", ".feather")
TABLES = (".csv", ".tsv")
"""File extensions of Arrow's formats, and of text tables."""

IMAGES, LABELS = "images", "labels"

_KINDS = {
    **dict.fromkeys(
        ("images", "image", "imgs", "img", "x", "data", "features", "pixels", "xs"),
        IMAGES,
    ),
    **dict.fromkeys(
        ("labels", "label", "y", "targets", "target", "classes", "ys", "lbls"), LABELS
    ),
}

_RECORDS = re.compile(r"[-._]tfrecords?([-._]|$)", re.IGNORECASE)


def words(name: str) -> list[str]:
    """Splits a name into words: `kmnist-train-imgs.npz`, `xTrain`, `Xtest`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=^[XYxy])(?=tr|te|va)", " ", name)
    return re.findall(r"t10k|[a-z]+", spaced.lower())


def part_of(relative: str) -> str | None:
    """Returns the part of a file, from its own name or a folder's; None if unknown."""
    for name in reversed(relative.split("/")):
        found = [_PARTS[word] for word in words(name) if word in _PARTS]
        if found:
            return found[-1] if "t10k" not in words(name) else TEST
    return None


def kind_of(relative: str) -> str | None:
    """Returns `IMAGES` or `LABELS` as a name says; None if it says neither or both."""
    for name in reversed(relative.split("/")):
        found = {_KINDS[word] for word in words(name) if word in _KINDS}
        if len(found) == 1:
            return found.pop()
    return None


def stem_of(path: str) -> str:
    """Returns the part if a file's name is only that, as `train.csv`; else empty."""
    name = re.sub(r"(\.[a-z]+)+$", "", path.rpartition("/")[2], flags=re.IGNORECASE)
    return _PARTS.get(name.lower(), "")


def is_records(file: File) -> bool:
    """Tells by its name whether a file has TFRecords: `a.tfrecord-00000-of-00001`."""
    return bool(_RECORDS.search(file.name))


def by_part(path: str, files: Iterable[File], expected: str) -> dict[str, list[File]]:
    """Groups files by the part in their names; the others are for training.

    Args:
        path: Path of the data set, for the message.
        files: Files of one format.
        expected: Description of the training files, for the message.

    Raises:
        BadInputError: There are no files for training.
    """
    found: dict[str, list[File]] = {}
    for file in files:
        found.setdefault(part_of(file.relative) or TRAIN, []).append(file)
    if TRAIN not in found:
        every = [file for of_part in found.values() for file in of_part]
        raise BadInputError(
            f"{path}: missing: expected {expected}, found {names_text(every)}"
        )
    return found


def pairs(
    found: Mapping[tuple[str, str], _T], missing: Callable[[str, str], BadInputError]
) -> dict[str, tuple[_T, _T]]:
    """Returns images and labels by part: for training, and for each part that is there.

    Args:
        found: Files or arrays by part and kind.
        missing: Returns the error for a part and a kind that were not found.

    Raises:
        BadInputError: A part has no images or no labels.
    """
    paired = {}
    for part in (TRAIN, TEST, VALIDATION):
        if part == TRAIN or any(part == of for of, _ in found):
            for kind in (IMAGES, LABELS):
                if (part, kind) not in found:
                    raise missing(part, kind)
            paired[part] = found[part, IMAGES], found[part, LABELS]
    return paired


def with_prefix(files: Sequence[File], prefix: str, path: str) -> list[File]:
    """Returns the files whose names or relative paths begin with the prefix.

    Raises:
        BadInputError: There is no such file.
    """
    if not prefix:
        return list(files)
    kept = [
        file
        for file in files
        if file.name.startswith(prefix) or file.relative.startswith(prefix)
    ]
    if not kept:
        raise BadInputError(
            f"{path}: data.prefix: expected the beginning of a file's name, found "
            f"{prefix!r} before none of {names_text(files)}"
        )
    return kept


def names_text(files: Sequence[File]) -> str:
    """Returns the names of the first eight files on one line."""
    names = [file.relative for file in files[:8]]
    more = f" and {len(files) - 8:,} more" if len(files) > 8 else ""
    return (", ".join(names) or "nothing") + more
