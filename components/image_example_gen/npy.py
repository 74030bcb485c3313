"""Reads npy files as streams, with exact messages about faults.

An npz is a zip archive with one npy file for each array
(https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
`np.load` would hold the whole array in memory, and ignores bytes after it.
"""

import tokenize
from collections.abc import Iterator
from typing import IO

import numpy as np

from components.image_example_gen.files import File, line, read_items
from contract.errors import BadInputError

# NumPy's exceptions for a header that is not a valid Python literal.
_BROKEN_HEADER = (SyntaxError, TypeError, ValueError, tokenize.TokenError)


def read_header(file: File) -> tuple[tuple[int, ...], np.dtype]:
    """Returns the dimensions, items first, and the type in an array's header.

    Raises:
        BadInputError: See `read_blocks`, for faults in the header.
    """
    with file.open() as stream:
        return _read_header(file, stream)


def read_blocks(file: File, block_rows: int) -> Iterator[np.ndarray]:
    """Yields an array's items in order, in bounded memory; see `read_items`.

    Raises:
        BadInputError: The array has Python objects, Fortran order, no items, or fewer
            or more bytes than the header says, or the archive is broken.
    """
    with file.open() as stream:
        yield from read_items(file, stream, *_read_header(file, stream), block_rows)


def _read_header(file: File, stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
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
