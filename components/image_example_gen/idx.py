"""Reading IDX files as a stream, and saying exactly what is wrong with them.

The format (http://yann.lecun.com/exdb/mnist): two zero bytes, a type code
(0x08 is unsigned byte), the number of dimensions, each dimension as a
big-endian uint32, then the values in row-major order. Nothing follows them.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np

from contract.errors import BadInputError

_UNSIGNED_BYTE = 0x08
_MAGIC = bytes((0, 0, _UNSIGNED_BYTE))
_MOST_DIMENSIONS = 4
"""Of images in colour: image, row, column, channel."""
_GZIP_MAGIC = b"\x1f\x8b"


def read_shape(path: str) -> tuple[int, ...]:
    """Returns the dimensions that the file's header promises: items first.

    Raises:
        BadInputError: No IDX file of unsigned bytes, no items, or unreadable.
    """
    with _open(path) as stream:
        return _read_header(path, stream)


def read_blocks(path: str, block_rows: int) -> Iterator[np.ndarray]:
    """Yields the file's items in blocks, in order, in bounded memory.

    Args:
        path: An IDX file of unsigned bytes, gzipped or not (told by its first
            bytes, not by its name).
        block_rows: Most items in one block.

    Yields:
        uint8 arrays `[rows, *shape of an item]`, 1 <= rows <= block_rows.

    Raises:
        BadInputError: As `read_shape`; and fewer or more bytes than the header
            says, broken gzip.
    """
    with _open(path) as stream:
        count, *item_shape = _read_header(path, stream)
        item_bytes = math.prod(item_shape)
        for start in range(0, count, block_rows):
            rows = min(block_rows, count - start)
            payload = stream.read(rows * item_bytes)
            if len(payload) < rows * item_bytes:
                found = start * item_bytes + len(payload)
                raise BadInputError(
                    f"{path}: truncated: expected {count * item_bytes:,} bytes "
                    f"after the header, found {found:,}"
                )
            yield np.frombuffer(payload, np.uint8).reshape(rows, *item_shape)
        if stream.read(1):
            raise BadInputError(
                f"{path}: over-long: expected {count * item_bytes:,} bytes after "
                "the header, found more"
            )


def write(path: str, items: np.ndarray) -> None:
    """Writes a uint8 array `[count, ...]` as an IDX file, not compressed."""
    with open(path, "wb") as stream:
        stream.write(struct.pack(">HBB", 0, _UNSIGNED_BYTE, items.ndim))
        stream.write(struct.pack(f">{items.ndim}I", *items.shape))
        stream.write(np.ascontiguousarray(items, np.uint8).tobytes())


@contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    """Opens the payload; turns what the codec or the system says into one line."""
    try:
        with open(path, "rb") as raw:
            magic = raw.read(len(_GZIP_MAGIC))
            raw.seek(0)
            if magic == _GZIP_MAGIC:
                with gzip.open(raw) as payload:
                    yield payload  # type: ignore[misc]  # GzipFile is a BinaryIO
            else:
                yield raw
    except FileNotFoundError:
        raise BadInputError(f"{path}: missing: expected an IDX file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadInputError(
            f"{path}: broken gzip: expected a whole gzip stream, found: {error}"
        ) from error
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}") from error


def _read_header(path: str, stream: BinaryIO) -> tuple[int, ...]:
    """Reads and checks the header; returns the dimensions."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:3] != _MAGIC or not 1 <= magic[3] <= _MOST_DIMENSIONS:
        raise BadInputError(
            f"{path}: wrong magic number: expected 0x{_MAGIC.hex()} and the number of "
            "dimensions, "
            + (f"found 0x{magic.hex()}" if magic else "found an empty file")
        )
    dimensions = magic[3]
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise BadInputError(
            f"{path}: truncated: expected a header of {4 + 4 * dimensions} bytes, "
            f"found {4 + len(sizes)}"
        )
    shape: tuple[int, ...] = struct.unpack(f">{dimensions}I", sizes)
    if not all(shape):
        raise BadInputError(f"{path}: no records: expected at least 1, found {shape}")
    return shape
