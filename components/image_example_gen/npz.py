"""Reading the arrays of an npz as a stream, and saying what is wrong with them.

An npz is a zip archive with one npy file by array
(https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
`np.load` would hold an array whole, and takes what follows it for nothing.
"""

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np

from contract.errors import BadInputError

# What `zipfile` and its codecs raise on bytes that make no sense. RuntimeError:
# an encrypted member, or a compression that they do not have.
_BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    lzma.LZMAError,
    zlib.error,
)
# What NumPy raises on a header that is not the Python literal it should be.
_BROKEN_HEADER = (SyntaxError, TypeError, ValueError, tokenize.TokenError)


def list_arrays(path: str) -> list[str]:
    """Returns the names of the arrays in an npz.

    Raises:
        BadInputError: It is no archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except _BROKEN_ARCHIVE as error:
        raise BadInputError(f"{path}: broken archive: {_line(error)}") from error
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def read_header(path: str, key: str) -> tuple[tuple[int, ...], np.dtype]:
    """Returns the dimensions, items first, and the type that an array promises.

    Raises:
        BadInputError: As `read_blocks` for what the header can show.
    """
    with _open(path, key) as stream:
        return _read_header(path, key, stream)


def read_blocks(path: str, key: str, block_rows: int) -> Iterator[np.ndarray]:
    """Yields an array's items in blocks, in order, in bounded memory.

    Args:
        path: An npz file.
        key: Name of the array.
        block_rows: Most items in one block.

    Yields:
        Arrays of its type `[rows, *shape of an item]`, 1 <= rows <= block_rows.

    Raises:
        BadInputError: No such array, neither whole numbers nor texts, Fortran's
            order, no items, fewer or more bytes than the header says, broken archive.
    """
    with _open(path, key) as stream:
        (count, *item_shape), dtype = _read_header(path, key, stream)
        item_bytes = math.prod(item_shape) * dtype.itemsize
        for start in range(0, count, block_rows):
            rows = min(block_rows, count - start)
            payload = stream.read(rows * item_bytes)
            if len(payload) < rows * item_bytes:
                raise BadInputError(
                    f"{path}: {key}: truncated: expected {count * item_bytes:,} "
                    f"bytes, found {start * item_bytes + len(payload):,}"
                )
            yield np.frombuffer(payload, dtype).reshape(rows, *item_shape)
        # At the end `zipfile` compares the checksum, too.
        if stream.read(1):
            raise BadInputError(
                f"{path}: {key}: over-long: expected {count * item_bytes:,} bytes, "
                "found more"
            )


@contextmanager
def _open(path: str, key: str) -> Iterator[IO[bytes]]:
    """Opens one array's file; turns what the codecs say into one line."""
    member = key + ".npy"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if member not in names:
                raise BadInputError(
                    f"{path}: missing array: expected {key}, found "
                    + ", ".join(name.removesuffix(".npy") for name in names)
                )
            with archive.open(member) as stream:
                yield stream
    except _BROKEN_ARCHIVE as error:
        raise BadInputError(f"{path}: {key}: broken archive: {_line(error)}") from error


def _read_header(
    path: str, key: str, stream: IO[bytes]
) -> tuple[tuple[int, ...], np.dtype]:
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
            f"{path}: {key}: expected an array, found: {_line(error)}"
        ) from error
    if dtype.kind not in "uibU" or (fortran and len(shape) > 1):
        raise BadInputError(
            f"{path}: {key}: expected whole numbers (or texts) in C order, found "
            f"{dtype}" + (" in Fortran order" if fortran else "")
        )
    if not shape or not all(shape):
        raise BadInputError(
            f"{path}: {key}: no records: expected at least 1, found shape {shape}"
        )
    return shape, dtype


def _line(error: BaseException) -> str:
    """Returns the first line of what the error says; its name if that is nothing."""
    return str(error).partition("\n")[0] or type(error).__name__
