"""Reading an array as a stream, and saying what is wrong with it.

An npz is a zip archive with one npy file by array
(https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
`np.load` would hold an array whole, and takes what follows it for nothing.
"""

import math
import tokenize
from collections.abc import Iterator
from typing import IO

import numpy as np

from components.image_example_gen.files import File, line, read_upto
from contract.errors import BadInputError

# What NumPy raises on a header that is not the Python literal it should be.
_BROKEN_HEADER = (SyntaxError, TypeError, ValueError, tokenize.TokenError)


def read_header(file: File) -> tuple[tuple[int, ...], np.dtype]:
    """Returns the dimensions, items first, and the type that an array promises.

    Raises:
        BadInputError: As `read_blocks` for what the header can show.
    """
    with file.open() as stream:
        return _read_header(file, stream)


def read_blocks(file: File, block_rows: int) -> Iterator[np.ndarray]:
    """Yields an array's items in blocks, in order, in bounded memory.

    Args:
        file: An npy file; alone, or in an npz.
        block_rows: Most items in one block.

    Yields:
        Arrays of its type `[rows, *shape of an item]`, 1 <= rows <= block_rows.

    Raises:
        BadInputError: Python objects, Fortran's order, no items, fewer or more bytes
            than the header says, broken archive.
    """
    with file.open() as stream:
        (count, *item_shape), dtype = _read_header(file, stream)
        item_bytes = math.prod(item_shape) * dtype.itemsize
        for start in range(0, count, block_rows):
            rows = min(block_rows, count - start)
            payload = read_upto(stream, rows * item_bytes)
            if len(payload) < rows * item_bytes:
                raise BadInputError(
                    f"{file}: truncated: expected {count * item_bytes:,} "
                    f"bytes, found {start * item_bytes + len(payload):,}"
                )
            yield np.frombuffer(payload, dtype).reshape(rows, *item_shape)
        # At the end `zipfile` compares the checksum, too.
        if stream.read(1):
            raise BadInputError(
                f"{file}: over-long: expected {count * item_bytes:,} bytes, found more"
            )


def _read_header(file: File, stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Reads and checks the npy header; returns dimensions and type."""
    try:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(stream)
    except _BROKEN_HEADER as error:
        raise BadInputError(
            f"{file}: expected an array, found: {line(error)}"
        ) from error
    if dtype.kind not in "uibUSf" or (fortran and len(shape) > 1):
        raise BadInputError(
            f"{file}: expected numbers (or texts) in C order, found "
            + ("Python objects" if dtype.kind == "O" else str(dtype))
            + (" in Fortran order" if fortran else "")
            + (": save texts with .astype(str)" if dtype.kind == "O" else "")
            + (": save np.ascontiguousarray of it" if fortran else "")
        )
    if not shape or min(shape) < 1:
        raise BadInputError(
            f"{file}: no records: expected at least 1, found shape {shape}"
        )
    return shape, dtype
