"""Reads images from IDX files, the format in which MNIST is published.

Format (yann.lecun.com/exdb/mnist): two zero bytes, the element type (0x08 for
unsigned bytes), the number of dimensions, one big-endian uint32 for each
dimension's size, then the elements.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from typing import IO, cast

import numpy as np

from serving.client.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
IDX_MAGIC = b"\x00\x00"

_UNSIGNED_BYTE = 0x08
_MAX_SIDE = 4096


Selection = int | slice
"""Images of a file: the index of one that must exist, or a slice as in Python."""

ALL = slice(None)


def parse_selection(text: str) -> Selection:
    """Parses ``7``, ``-1``, ``10:20``, ``:100`` or ``::10``.

    Raises:
        ValueError: `text` is none of these.
    """
    numbers = [int(part) if part.strip() else None for part in text.split(":")]
    if len(numbers) == 1 and numbers[0] is not None:
        return numbers[0]
    if len(numbers) not in (2, 3):
        raise ValueError(f"expected N or START:STOP[:STEP], found {text!r}")
    found = slice(*numbers)
    if found.step is not None and found.step < 1:
        raise ValueError(f"expected a step of 1 or greater, found {found.step}")
    return found


def select(selection: Selection, count: int) -> range:
    """Returns the indices of the selected images in a file of `count` images.

    Raises:
        InputError: The selection is one index, and the file has fewer images.
    """
    if isinstance(selection, slice):
        return range(count)[selection]
    try:
        index = range(count)[selection]
    except IndexError:
        raise InputError(f"no image {selection}: the file holds {count}") from None
    return range(index, index + 1)


def read_idx(
    file: IO[bytes], selection: Selection = ALL
) -> Iterator[tuple[int, np.ndarray]]:
    """Reads the selected images one at a time, and only the parts of the file needed.

    Yields:
        The image's index and its pixels: uint8 [height, width], or [height, width,
        channels] from a file of four dimensions.

    Raises:
        InputError: The file is not an IDX file of images, is cut short or damaged.
    """
    head = file.read(2)
    file.seek(0)
    unpacked = gzip.GzipFile(fileobj=file) if head == GZIP_MAGIC else file
    try:
        yield from _read(cast(IO[bytes], unpacked), selection)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"the gzip stream is damaged: {error}") from error


def _read(file: IO[bytes], selection: Selection) -> Iterator[tuple[int, np.ndarray]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != IDX_MAGIC or magic[2] != _UNSIGNED_BYTE:
        raise InputError(
            "expected an IDX file of unsigned bytes (it begins 00 00 08), "
            f"found {magic.hex(' ') or 'nothing'}"
        )
    if magic[3] not in (3, 4):
        hint = "; this one holds labels" if magic[3] == 1 else ""
        raise InputError(
            "expected 3 dimensions (images, rows, columns), or channels as a fourth, "
            f"found {magic[3]}{hint}"
        )
    head = file.read(4 * magic[3])
    if len(head) < 4 * magic[3]:
        raise InputError("the IDX header is cut short")
    count, *sides = struct.unpack(f">{magic[3]}I", head)
    if not all(0 < side <= _MAX_SIDE for side in sides):
        raise InputError(
            f"expected images of 1 to {_MAX_SIDE} pixels a side, found "
            f"{'x'.join(map(str, sides[1::-1]))}"
        )
    size = math.prod(sides)
    start = 4 + len(head)
    for index in select(selection, count):
        file.seek(start + index * size)
        pixels = file.read(size)
        if len(pixels) < size:
            raise InputError(
                f"image {index} is cut short: expected {size} bytes, "
                f"found {len(pixels)}"
            )
        yield index, np.frombuffer(pixels, np.uint8).reshape(sides)
