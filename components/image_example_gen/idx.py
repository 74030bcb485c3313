"""Reads and writes IDX files as streams, with exact messages about faults.

The format (http://yann.lecun.com/exdb/mnist): two zero bytes, a type code
(0x08 is unsigned byte), the number of dimensions, each dimension as a
big-endian uint32, then the values in row-major order. Nothing follows them.
"""

import struct
from collections.abc import Iterator
from typing import IO

import numpy as np

from components.image_example_gen.files import File, read_items
from contract.errors import BadInputError

_UNSIGNED_BYTE = 0x08
_TYPES = {_UNSIGNED_BYTE: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4"}
"""Types of whole numbers by code; QMNIST's labels have the last one."""
_MAGIC = bytes((0, 0, _UNSIGNED_BYTE))
_MOST_DIMENSIONS = 4
"""For images in colour: image, row, column, channel."""


def is_one(file: File) -> bool:
    """Tells whether a file begins like an IDX file of bytes."""
    with file.open() as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def read_header(file: File) -> tuple[tuple[int, ...], np.dtype]:
    """Returns the dimensions and the type in the file's header.

    Raises:
        BadInputError: It is not an IDX file of whole numbers, has no items, or cannot
            be read.
    """
    with file.open() as stream:
        return _read_header(file, stream)


def read_blocks(file: File, block_rows: int) -> Iterator[np.ndarray]:
    """Yields the file's items in order, in bounded memory; see `read_items`.

    Raises:
        BadInputError: See `read_header`; or the file has fewer or more bytes than the
            header says, or broken gzip.
    """
    with file.open() as stream:
        header = _read_header(file, stream)
        yield from read_items(file, stream, *header, block_rows, " after the header")


def write(path: str, items: np.ndarray) -> None:
    """Writes a uint8 array `[count, ...]` as an uncompressed IDX file."""
    with open(path, "wb") as stream:
        stream.write(struct.pack(">HBB", 0, _UNSIGNED_BYTE, items.ndim))
        stream.write(struct.pack(f">{items.ndim}I", *items.shape))
        stream.write(np.ascontiguousarray(items, np.uint8).tobytes())


def _read_header(file: File, stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    magic = stream.read(4)
    if (
        len(magic) < 4
        or magic[:2] != _MAGIC[:2]
        or magic[2] not in _TYPES
        or not 1 <= magic[3] <= _MOST_DIMENSIONS
    ):
        raise BadInputError(
            f"{file}: wrong magic number: expected 0x{_MAGIC.hex()} and the number of "
            "dimensions, "
            + (f"found 0x{magic.hex()}" if magic else "found an empty file")
        )
    dimensions = magic[3]
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise BadInputError(
            f"{file}: truncated: expected a header of {4 + 4 * dimensions} bytes, "
            f"found {4 + len(sizes)}"
        )
    shape: tuple[int, ...] = struct.unpack(f">{dimensions}I", sizes)
    if not all(shape):
        raise BadInputError(f"{file}: no records: expected at least 1, found {shape}")
    return shape, np.dtype(_TYPES[magic[2]])
