"""Reads labelled images in a fixed order, block by block."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
from PIL import Image

from contract.errors import BadInputError
from contract.pictures import pixels, resized
from contract.task import MOST_VALUES

BLOCK_VALUES = 4 << 20
"""Maximum number of pixel values in memory at once: 4 MB."""

MOST_RESIZED = 300_000_000
"""Maximum number of values of an image that will be resized: a colour photograph of
100 megapixels, which is held in memory."""

_LABELS_AT_ONCE = 1 << 20

Blocks = Callable[[int], Iterator[np.ndarray]]
"""Yields arrays with the given number of rows; the last may have fewer."""


@dataclass(frozen=True)
class Part:
    """Labelled images in a fixed order.

    Attributes:
        images_name: Origin of the images, for messages.
        labels_name: Origin of the labels, for messages.
        count: Number of images according to the headers.
        shape: Shape of an image: `(height, width)` or `(height, width, channels)`.
        image_blocks: Yields uint8 `[rows, *shape]`.
        label_blocks: Yields whole numbers `[rows]`: the labels in the data.
        row_names: File of each image; empty if one file holds many images.
    """

    images_name: str
    labels_name: str
    count: int
    shape: tuple[int, ...]
    image_blocks: Blocks
    label_blocks: Blocks
    row_names: Sequence[str] = ()

    def labels(self) -> Iterator[np.ndarray]:
        """Yields all labels in blocks, int64.

        Raises:
            BadInputError: A label is negative, or a file is faulty.
        """
        start = 0
        for block in self.label_blocks(_LABELS_AT_ONCE):
            labels = block.astype(np.int64)
            if labels.min() < 0:
                row = int(np.argmax(labels < 0))
                raise BadInputError(
                    f"{self.labels_name}: label out of range: expected 0 or more, "
                    f"found {labels[row]} in row {start + row:,}"
                )
            start += len(labels)
            yield labels

    def blocks(
        self, most_rows: int | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (images uint8 `[rows, *shape]`, labels int64 `[rows]`), in order.

        Args:
            most_rows: Maximum number of rows in one block; None: only `BLOCK_VALUES`
                limits them.

        Raises:
            BadInputError: The files have a fault; the first one is reported.
        """
        rows = max(1, BLOCK_VALUES // int(np.prod(self.shape)))
        rows = min(rows, most_rows or rows)
        for images, labels in zip_longest(
            self.image_blocks(rows), self.label_blocks(rows)
        ):
            if images is None or labels is None or len(images) != len(labels):
                raise BadInputError(
                    f"{self.images_name}: counts differ: expected {self.count:,} "
                    "images and as many labels, found more of one"
                )
            yield images, labels.astype(np.int64)

    def transposed(self) -> "Part":
        """Returns the part with rows and columns of every image exchanged."""
        height, width, *channels = self.shape
        return replace(
            self,
            shape=(width, height, *channels),
            image_blocks=lambda rows: (
                np.ascontiguousarray(block.swapaxes(1, 2))
                for block in self.image_blocks(rows)
            ),
        )

    def resized(self, width: int, height: int) -> "Part":
        """Returns the part with every image resized."""
        if self.shape[:2] == (height, width):
            return self
        return replace(
            self,
            shape=(height, width, *self.shape[2:]),
            image_blocks=lambda rows: (
                np.stack([stretched(i, width, height) for i in block])
                for block in self._small_blocks(rows)
            ),
        )

    def relabelled(self, mapping: Mapping[int, int]) -> "Part":
        """Returns the part with each label replaced as the mapping says."""
        known = np.array(sorted(mapping), np.int64)
        others = np.array([mapping[value] for value in known.tolist()], np.int64)
        return replace(
            self,
            label_blocks=lambda rows: (
                others[np.searchsorted(known, block)]
                for block in self.label_blocks(rows)
            ),
        )

    def _small_blocks(self, rows: int) -> Iterator[np.ndarray]:
        """Yields blocks of `rows` rows; large images are read in smaller blocks."""
        at_once = max(1, min(rows, BLOCK_VALUES // int(np.prod(self.shape))))
        yield from rebatched(self.image_blocks(at_once), rows)


def joined(name: str, parts: Sequence[Part]) -> Part:
    """Concatenates parts whose images have the same shape."""
    if len(parts) == 1:
        return parts[0]
    named = all(part.row_names for part in parts)
    return Part(
        images_name=name,
        labels_name=name,
        count=sum(part.count for part in parts),
        shape=parts[0].shape,
        image_blocks=lambda rows: rebatched(
            (block for part in parts for block in part.image_blocks(rows)), rows
        ),
        label_blocks=lambda rows: rebatched(
            (block for part in parts for block in part.label_blocks(rows)), rows
        ),
        row_names=[n for part in parts for n in part.row_names] if named else (),
    )


def check_image(name: str, shape: tuple[int, ...], resized: bool = False) -> None:
    """Checks that a shape is one of an image that the pipeline can take.

    Raises:
        BadInputError: The image is neither grey nor RGB, or is empty or too large.
    """
    if len(shape) != 2 and not (len(shape) == 3 and shape[2] in (1, 3)):
        raise BadInputError(
            f"{name}: wrong image size: expected height x width, or height x width "
            f"x 3, found {shape_text(shape) or 'single numbers'}"
        )
    values = math.prod(shape)
    if not values:
        raise BadInputError(
            f"{name}: wrong image size: expected at least one pixel, found "
            f"{shape_text(shape)}"
        )
    if values > MOST_RESIZED:
        raise BadInputError(
            f"{name}: wrong image size: expected at most {MOST_RESIZED:,} values an "
            f"image, found {shape_text(shape)}"
        )
    if not resized and values > MOST_VALUES:
        raise BadInputError(
            f"{name}: wrong image size: expected at most {MOST_VALUES:,} values an "
            f"image, as an example has a number for each, found {shape_text(shape)}: "
            "resize the images, such as with --resize 224x224"
        )


def shape_text(shape: Sequence[int]) -> str:
    """Returns the shape of an image as text: `28x28`, `12x16x3`."""
    return "x".join(map(str, shape))


def squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    """Returns the shape of an image without a single channel's dimension."""
    return tuple(shape[:2]) if tuple(shape[2:]) == (1,) else tuple(shape)


def stretched(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resizes a uint8 image without keeping its proportions."""
    shape = (height, width, *image.shape[2:])
    return pixels(resized(Image.fromarray(image), width, height), shape)


def rebatched(blocks: Iterator[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """Yields the rows of the blocks in blocks of `rows` rows."""
    waiting: list[np.ndarray] = []
    held = 0
    for block in blocks:
        while held + len(block) >= rows:
            taken = rows - held
            whole = [*waiting, block[:taken]]
            yield np.concatenate(whole) if waiting else whole[0]
            block, waiting, held = block[taken:], [], 0
        if len(block):
            waiting.append(block)
            held += len(block)
    if waiting:
        yield np.concatenate(waiting)


def in_memory(labels: np.ndarray) -> Blocks:
    """Returns blocks of an array that is in memory."""
    return lambda rows: (
        labels[start : start + rows] for start in range(0, len(labels), rows)
    )
