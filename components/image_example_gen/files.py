"""Opens a file of a data set, which may be compressed or a member of an archive."""

import bz2
import gzip
import lzma
import math
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from contract.errors import BadInputError
from contract.special_files import special_file

BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    lzma.LZMAError,
    zlib.error,
)
"""Exceptions of `zipfile` and its codecs for invalid bytes. RuntimeError: the member
is encrypted, or its compression is not supported."""

_PACKED = (".gz", ".bz2", ".xz")
_PACKED_TARS = (".tgz", ".tbz2", ".txz")
_CODECS: tuple[tuple[bytes, str, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", "gzip", gzip.open),
    (b"BZh", "bzip2", bz2.BZ2File),
    (b"\xfd7zXZ\0", "xz", lzma.LZMAFile),
)
_LONGEST_MAGIC = 6

_AT_ONCE = 8 << 20


@dataclass(frozen=True, slots=True)
class File:
    """A file; gzip, bzip2 and xz are decompressed while it is read.

    Attributes:
        path: Path in the file system; for a member of an archive, the archive's path.
        member: Name in the archive; empty for a file outside of archives.
        relative: Path relative to the data set's root, with `/`.
        opener: Opens a member of an archive. The archive's list of members is read
            once for all of them.
    """

    path: str
    member: str = ""
    relative: str = ""
    opener: Callable[[], IO[bytes]] | None = field(
        default=None, compare=False, repr=False
    )

    def __str__(self) -> str:
        """Returns the name for messages: `data.zip: train/a.png`, `a.npz: x_train`."""
        if not self.member:
            return self.path
        return f"{self.path}: {self.member.removesuffix('.npy')}"

    @property
    def name(self) -> str:
        """Name without folders."""
        return (self.member or self.path).rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """File extension in lower case, without `.gz`: `.csv`, `.tar`."""
        stem, suffix = os.path.splitext(self.name.lower())
        if suffix in _PACKED_TARS:
            return ".tar"
        return os.path.splitext(stem)[1] if suffix in _PACKED else suffix

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Opens the file for reading; nothing is unpacked to the disk.

        Raises:
            BadInputError: The file does not exist, or cannot be read.
        """
        with self._open_packed() as raw:
            found = _codec(raw)
            if found is None:
                yield raw
                return
            name, unpack = found
            try:
                with unpack(raw) as payload:
                    yield payload
            except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError) as error:
                raise BadInputError(
                    f"{self}: broken {name}: expected a whole {name} stream, found: "
                    f"{line(error)}"
                ) from error

    def read(self) -> bytes:
        """Returns all bytes of the file.

        Raises:
            BadInputError: The file cannot be read.
        """
        with self.open() as stream:
            try:
                return stream.read()
            except OSError as error:
                raise BadInputError(f"{self}: cannot be read: {line(error)}") from error

    def seekable(self) -> IO[bytes]:
        """Returns the file as a seekable stream.

        A compressed file, or a member of an archive, is copied to a temporary file
        without a name, which is deleted when the stream is closed.

        Raises:
            BadInputError: The file cannot be read, or there is no space for the copy.
        """
        with self._open_packed() as raw:
            if self.opener is None and _codec(raw) is None:
                return open(self.path, "rb")
        with self.open() as stream:
            copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
            while piece := stream.read(_AT_ONCE):
                try:
                    copy.write(piece)
                    copy.flush()
                except OSError as error:
                    raise BadInputError(
                        f"{self}: cannot be unpacked in {tempfile.gettempdir()}: "
                        f"{error.strerror}: unpack it yourself, or set TMPDIR"
                    ) from error
        copy.seek(0)
        return copy

    @contextmanager
    def _open_packed(self) -> Iterator[IO[bytes]]:
        if self.opener is None:
            if special := special_file(self.path):
                raise BadInputError(
                    f"{self}: expected a file, found {special}, which cannot be read "
                    "twice: write it to a file first, or take it out of the data"
                )
            try:
                stream = open(self.path, "rb")  # noqa: SIM115 - closed below
            except FileNotFoundError:
                raise BadInputError(f"{self}: missing: expected a file") from None
            except OSError as error:
                raise BadInputError(
                    f"{self}: cannot be read: {error.strerror}"
                ) from error
            with stream:
                yield stream
            return
        try:
            with self.opener() as member:
                yield member
        except BROKEN_ARCHIVE as error:
            raise BadInputError(f"{self}: broken archive: {line(error)}") from error


def _codec(stream: IO[bytes]) -> tuple[str, Callable[[IO[bytes]], Any]] | None:
    """Returns the name of a stream's compression, and its reader; None if it has none.

    The first bytes decide, not the name.
    """
    start = stream.read(_LONGEST_MAGIC)
    stream.seek(0)
    for magic, name, unpack in _CODECS:
        if start.startswith(magic):
            return name, unpack
    return None


def read_upto(stream: IO[bytes], size: int) -> bytes:
    """Reads at most `size` bytes, in pieces, so that a wrong size costs no memory."""
    if size <= _AT_ONCE:
        return stream.read(size)
    pieces = []
    while size and (piece := stream.read(min(size, _AT_ONCE))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def read_items(
    file: File,
    stream: IO[bytes],
    shape: tuple[int, ...],
    dtype: np.dtype,
    most_rows: int,
    where: str = "",
) -> Iterator[np.ndarray]:
    """Yields the items of an array that are stored one after the other in a stream.

    Args:
        file: The file, for messages.
        stream: The stream, positioned at the first item.
        shape: Shape of the array; its first dimension counts the items.
        dtype: Type of the values.
        most_rows: Maximum number of items in one block.
        where: Place of the bytes in the file, for messages.

    Yields:
        Blocks `[rows, *shape of an item]`, 1 <= rows <= most_rows.

    Raises:
        BadInputError: The stream has fewer or more bytes than the shape needs.
    """
    count, *item_shape = shape
    item_bytes = math.prod(item_shape) * dtype.itemsize
    for start in range(0, count, most_rows):
        rows = min(most_rows, count - start)
        payload = read_upto(stream, rows * item_bytes)
        if len(payload) < rows * item_bytes:
            raise BadInputError(
                f"{file}: truncated: expected {count * item_bytes:,} bytes{where}, "
                f"found {start * item_bytes + len(payload):,}"
            )
        yield np.frombuffer(payload, dtype).reshape(rows, *item_shape)
    # This read at the end also lets `zipfile` check the checksum.
    if stream.read(1):
        raise BadInputError(
            f"{file}: over-long: expected {count * item_bytes:,} bytes{where}, found "
            "more"
        )


def line(error: BaseException) -> str:
    """Returns the first line of an error's message, or its type's name if empty."""
    return str(error).partition("\n")[0] or type(error).__name__
