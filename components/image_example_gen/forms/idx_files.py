"""Reads IDX files of any name: MNIST, Fashion-MNIST, KMNIST, EMNIST, QMNIST."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from components.image_example_gen import idx, roles
from components.image_example_gen.files import File
from components.image_example_gen.forms.arrays import layout
from components.image_example_gen.forms.opened import Opened
from components.image_example_gen.hints import Hints
from components.image_example_gen.part import Part
from contract.errors import BadInputError

_NAME = re.compile(r"idx\d|ubyte", re.IGNORECASE)


def is_one(file: File) -> bool:
    """Tells whether a file is an IDX file, by its name or by its first bytes.

    The bytes are read only if it has no extension.
    """
    if roles.kind_of(file.relative) is None:
        return False
    return bool(_NAME.search(file.name)) or (not file.suffix and idx.is_one(file))


def open_parts(path: str, files: Sequence[File], hints: Hints) -> Opened:
    """Opens the files with images and labels of each part.

    Raises:
        BadInputError: A file is missing, there are several of a kind, or the headers
            do not promise images and as many labels.
    """
    found: dict[tuple[str, str], File] = {}
    for file in (file for file in files if is_one(file)):
        part, kind = roles.part_of(file.relative), roles.kind_of(file.relative)
        key = (part or roles.TRAIN, str(kind))
        # If a file exists with and without gzip, the plain one is taken: it is faster.
        other = found.get(key)
        if other is not None and _plain(other) != _plain(file):
            raise BadInputError(
                f"{path}: expected one file with the {kind} of the {key[0]} part, "
                f"found {other.relative} and {file.relative}: name the data set that "
                "is meant by the beginning of its files' names, with --prefix"
            )
        if other is None or other.name.lower().endswith(".gz"):
            found[key] = file

    def missing(part: str, kind: str) -> BadInputError:
        return BadInputError(
            f"{path}: missing: expected an IDX file with the {kind} of the {part} "
            f"part, as {_example(part, kind)}, found {roles.names_text(files)}"
        )

    pairs = roles.pairs(found, missing)
    return Opened({part: _part(*both, hints) for part, both in pairs.items()})


def _example(part: str, kind: str) -> str:
    stem = {roles.TRAIN: "train", roles.TEST: "t10k"}.get(part, part)
    return f"{stem}-{kind}-idx{3 if kind == roles.IMAGES else 1}-ubyte"


def _plain(file: File) -> str:
    return file.name.lower().removesuffix(".gz")


def _part(images: File, labels: File, hints: Hints) -> Part:
    (count, *on_disk), dtype = idx.read_header(images)
    (of_labels, *columns), _ = idx.read_header(labels)
    if dtype != np.uint8:
        raise BadInputError(
            f"{images}: wrong magic number: expected unsigned bytes (0x08), found "
            f"{dtype}"
        )
    shape, arrange = layout(str(images), on_disk, hints)
    # QMNIST has eight numbers for each image; the first is the class
    # (https://github.com/facebookresearch/qmnist).
    if len(columns) > 1:
        raise BadInputError(
            f"{labels}: expected a number for each image, found "
            f"{len(columns) + 1} dimensions"
        )
    if count != of_labels:
        raise BadInputError(
            f"{labels}: counts differ: expected {count:,} labels for the images "
            f"in {images.name}, found {of_labels:,}"
        )

    def label_blocks(rows: int) -> Iterator[np.ndarray]:
        blocks = idx.read_blocks(labels, rows)
        return (block[:, 0] for block in blocks) if columns else blocks

    return Part(
        str(images),
        str(labels),
        count,
        shape,
        lambda rows: map(arrange, idx.read_blocks(images, rows)),
        label_blocks,
    )
