"""Reads arrays of images and of labels: npz, npy, HDF5, MATLAB."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from components.image_example_gen import levels, roles
from components.image_example_gen.files import File
from components.image_example_gen.forms import array_files
from components.image_example_gen.forms.array_files import Array, arrays_of
from components.image_example_gen.forms.opened import Opened
from components.image_example_gen.hints import Hints
from components.image_example_gen.labelling import coded, sorted_texts
from components.image_example_gen.part import (
    Part,
    check_image,
    in_memory,
    rebatched,
    squeezed,
)
from contract.errors import BadInputError

_NAMES_OF_CLASSES = ("classes", "class_names", "label_names", "list_classes", "names")
_QUICK_DRAW = "full_numpy_bitmap_"
_LEAST_OF_IMAGES = 3
"""An array with an unknown name is images if it has at least so many dimensions."""

Arrange = Callable[[np.ndarray], np.ndarray]
"""Converts a block of items to images, `[rows, *shape]`."""


def open_parts(path: str, files: Sequence[File], hints: Hints) -> Opened:
    """Opens arrays by their names, in any of the customary spellings.

    Raises:
        BadInputError: Images or labels are missing, or have a wrong type or shape.
    """
    every = [a for file in files if array_files.is_one(file) for a in arrays_of(file)]
    if _is_class_by_class(every):
        return _class_by_class(every, hints)
    arrays: dict[tuple[str, str], Array] = {}
    names: Mapping[int, str] = {}
    # Arrays whose names tell images or labels come before arrays with other names.
    for array in sorted(every, key=lambda a: roles.kind_of(a.relative) is None):
        if array.key.lower() in _NAMES_OF_CLASSES and array.dtype.kind in "US":
            names = dict(enumerate(array.texts()))
            continue
        named = roles.kind_of(array.relative)
        kind = named or _kind_by_dimensions(array)
        if kind is None:
            continue
        key = (roles.part_of(array.relative) or roles.TRAIN, kind)
        if key not in arrays:
            arrays[key] = array
        elif named or roles.kind_of(arrays[key].relative) is None:
            raise BadInputError(
                f"{path}: expected one array with the {kind} of the {key[0]} part, "
                f"found {arrays[key].relative} and {array.relative}"
            )

    def missing(part: str, kind: str) -> BadInputError:
        expected = f"{'x' if kind == roles.IMAGES else 'y'}_{part}"
        found = ", ".join(array.key for array in every) or "nothing"
        return BadInputError(
            f"{path}: missing array: expected {expected}, found {found}"
        )

    pairs = roles.pairs(arrays, missing)
    texts = _all_texts([labels for _, labels in pairs.values()])
    parts, notices = levels.as_bytes(
        {
            part: _part(images, labels, texts, hints)
            for part, (images, labels) in pairs.items()
        }
    )
    return Opened(parts, dict(enumerate(texts)) or names, notices=notices)


def _is_class_by_class(every: Sequence[Array]) -> bool:
    """Tells whether there is an array of images for each class, as in Quick, Draw!."""
    return (
        len(every) > 1
        and len({array.shape[1:] for array in every}) == 1
        and all(len(array.shape) > 1 for array in every)
        and not any(
            roles.kind_of(array.relative) or roles.part_of(array.relative)
            for array in every
        )
    )


def _class_by_class(every: Sequence[Array], hints: Hints) -> Opened:
    shape, arrange = layout(every[0].name, every[0].shape[1:], hints)
    counts = [array.shape[0] for array in every]

    def image_blocks(rows: int) -> Iterator[np.ndarray]:
        blocks = chain.from_iterable(array.blocks(rows) for array in every)
        return map(arrange, rebatched(blocks, rows))

    part = Part(
        every[0].name,
        every[0].name,
        sum(counts),
        shape,
        image_blocks,
        in_memory(np.repeat(np.arange(len(every)), counts)),
    )
    parts, notices = levels.as_bytes({roles.TRAIN: part})
    names = [array.key.removeprefix(_QUICK_DRAW) for array in every]
    return Opened(parts, dict(enumerate(names)), in_order=False, notices=notices)


def _kind_by_dimensions(array: Array) -> str | None:
    """Returns `IMAGES` or `LABELS` by the number of dimensions; None if unclear."""
    if len(array.shape) >= _LEAST_OF_IMAGES:
        return roles.IMAGES
    return roles.LABELS if len(array.shape) == 1 else None


def _all_texts(labels: Sequence[Array]) -> list[str]:
    """Returns the sorted class names if labels are texts; empty for numbers."""
    of_texts = [array for array in labels if array.dtype.kind in "US"]
    if not of_texts:
        return []
    if len(of_texts) < len(labels):
        raise BadInputError(
            f"{labels[0].name}: expected labels that are all texts or all numbers, as "
            f"in {labels[-1].name}, found both"
        )
    return sorted_texts(text for array in labels for text in array.texts())


def _part(images: Array, labels: Array, texts: Sequence[str], hints: Hints) -> Part:
    (count, *on_disk), (of_labels, *columns) = images.shape, labels.shape
    if images.dtype.kind not in "uibf":
        raise BadInputError(
            f"{images.name}: expected numbers from 0 to 255, found {images.dtype}"
        )
    if len(columns) > 1 or labels.dtype.kind not in "uibfUS":
        raise BadInputError(
            f"{labels.name}: expected a number or a text for each image, found "
            f"{labels.dtype} of shape {labels.shape}"
        )
    if count != of_labels:
        raise BadInputError(
            f"{labels.name}: counts differ: expected {count:,} values for the images "
            f"in {images.key}, found {of_labels:,}"
        )
    shape, arrange = layout(images.name, on_disk, hints)
    if texts:
        label_blocks = in_memory(coded(texts, labels.texts()))
    else:

        def label_blocks(rows: int) -> Iterator[np.ndarray]:
            start = 0
            for block in labels.blocks(rows):
                yield _numbers(labels, block, start)
                start += len(block)

    return Part(
        images.name,
        labels.name,
        count,
        shape,
        lambda rows: map(arrange, images.blocks(rows)),
        label_blocks,
    )


def layout(
    name: str, on_disk: Sequence[int], hints: Hints
) -> tuple[tuple[int, ...], Arrange]:
    """Returns the shape of an image, and a function that converts blocks to it.

    Args:
        name: Name of the array, for messages.
        on_disk: Shape of one item in the file.
        hints: `image_size`, the size if items are rows of numbers (else such images are
            square); `resize`.

    Raises:
        BadInputError: A row does not have as many numbers as such an image, or the
            pipeline cannot take images of this shape.
    """
    channels_first = False
    shape = tuple(on_disk)
    if len(on_disk) == 1:
        shape = _of_row(name, on_disk[0], hints.row_shape)
    elif len(on_disk) == 3 and on_disk[0] in (1, 3) and on_disk[2] not in (1, 3):
        channels_first = True  # PyTorch's order
        shape = (*on_disk[1:], on_disk[0])
    shape = squeezed(shape)
    check_image(name, shape, bool(hints.resize))

    def arrange(block: np.ndarray) -> np.ndarray:
        if channels_first:
            block = np.ascontiguousarray(np.moveaxis(block, 1, -1))
        return block.reshape(-1, *shape)

    return shape, arrange


def _of_row(name: str, values: int, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Returns the shape of an image that is stored as a row of numbers."""
    shape = given or _square(values)
    if shape is None:
        raise BadInputError(
            f"{name}: wrong image size: expected the numbers of a square image, found "
            f"{values:,} a row: say what they are with --image-size WxH, or WxHx3"
        )
    if math.prod(shape) != values:
        raise BadInputError(
            f"{name}: wrong image size: expected {math.prod(shape):,} numbers a row, "
            f"as --image-size says, found {values:,}"
        )
    return shape


def _square(values: int) -> tuple[int, ...] | None:
    """Returns the shape of a square image with so many values; None if not possible."""
    side = round(values**0.5)
    if side * side == values:
        return (side, side)
    side = round((values / 3) ** 0.5)
    return (side, side, 3) if 3 * side * side == values else None


def _numbers(labels: Array, block: np.ndarray, start: int) -> np.ndarray:
    """Returns labels as whole numbers; one-hot labels become the index of the 1."""
    if block.ndim > 1 and block.shape[1] > 1:
        one_hot = ((block == 0) | (block == 1)).all(axis=1) & (block.sum(axis=1) == 1)
        if not one_hot.all():
            raise BadInputError(
                f"{labels.name}: expected one class for each image, found several, or "
                f"none, in row {start + int(np.argmin(one_hot)):,}"
            )
        return block.argmax(axis=1)
    block = block.reshape(-1)
    if block.dtype.kind == "b":
        return block.astype(np.int64)
    if block.dtype.kind == "f":
        # NaN and infinity have no whole number; they are refused below.
        with np.errstate(invalid="ignore"):
            whole = block.astype(np.int64)
        if (whole != block).any():
            raise BadInputError(
                f"{labels.name}: expected whole numbers or texts, found "
                f"{block[whole != block][0]}"
            )
        return whole
    return block
