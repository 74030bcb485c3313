"""Lists and opens the files of a data set: a folder, an archive or a single file.

Archives are zip and tar. Files that operating systems add (`.DS_Store`, `Thumbs.db`,
`__MACOSX`) are ignored.
"""

import bz2
import gzip
import lzma
import math
import os
import re
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
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

ARCHIVES = (".zip", ".tar")
"""Values of `File.suffix` for archives."""

_PACKED = (".gz", ".bz2", ".xz")
_PACKED_TARS = (".tgz", ".tbz2", ".txz")
_CODECS: tuple[tuple[bytes, str, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", "gzip", gzip.open),
    (b"BZh", "bzip2", bz2.BZ2File),
    (b"\xfd7zXZ\0", "xz", lzma.LZMAFile),
)
_LONGEST_MAGIC = 6

_LAST_RECORD = 22
"""Bytes of a zip archive's last record without its comment; it has the number of
files at byte 10 (APPNOTE.TXT 4.3.16)."""

_AT_ONCE = 8 << 20

_NOT_OURS = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "_success"}


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


def list_files(path: str) -> list[File]:
    """Returns the files of a data set, in the order of their names.

    Args:
        path: A folder (listed with all folders below it), an archive (its members are
            listed), or a single file.

    Raises:
        BadInputError: The path does not exist, or cannot be read.
    """
    if os.path.isdir(path):
        return in_order(_in_folder(path))
    if not path:
        raise BadInputError(
            "--data (data.path): expected a folder or a file, found an empty path"
        )
    if not os.path.exists(path):
        raise BadInputError(f"{path}: missing: expected a folder or a file")
    if special := special_file(path):
        raise BadInputError(
            f"{path}: expected a folder or a file, found {special}, which cannot be "
            "read twice: write it to a file first"
        )
    # The real name counts: the runner passes data as a link with another name.
    own = os.path.realpath(path) if os.path.islink(path) else path
    alone = File(own, relative=os.path.basename(own))
    if alone.suffix in (*ARCHIVES, ".npz") or zipfile.is_zipfile(path):
        return in_order(members(File(own)))
    return [alone]


def in_order(files: Iterable[File]) -> list[File]:
    """Returns files in the order of their names, `2` before `10`."""
    return sorted(files, key=lambda file: natural(file.relative))


def members(archive: File) -> list[File]:
    """Returns the files in an archive, zip or tar; an npz is a zip archive.

    Args:
        archive: The archive. The relative paths of its members begin with its own
            relative path without the extension.

    Raises:
        BadInputError: The file is not an archive.
    """
    below = os.path.splitext(archive.relative)[0]
    is_tar = archive.suffix == ".tar"
    stream = archive.seekable()
    if not is_tar and not zipfile.is_zipfile(stream):
        raise BadInputError(
            f"{archive}: expected a zip archive (a npz is one), found a file that is "
            "no zip archive"
        )
    try:
        found = _in_tar(stream) if is_tar else _in_zip(stream)
    except (*BROKEN_ARCHIVE, tarfile.TarError) as error:
        raise BadInputError(f"{archive}: broken archive: {line(error)}") from error
    return [
        File(str(archive), name, f"{below}/{name}" if below else name, opener)
        for name, opener in found
        if is_ours(name)
    ]


def _in_zip(stream: IO[bytes]) -> list[tuple[str, Callable[[], IO[bytes]]]]:
    # Closed when the last reference to one of its files is gone.
    archive = zipfile.ZipFile(stream)
    names = archive.namelist()
    promised = _promised(stream, len(archive.comment))
    # `zipfile` trusts the length of the list: if it is damaged, files are lost.
    if promised is not None and promised != len(names):
        raise zipfile.BadZipFile(f"expected {promised:,} files, found {len(names):,}")
    return [
        (name, partial(archive.open, name)) for name in names if not name.endswith("/")
    ]


def _in_tar(stream: IO[bytes]) -> list[tuple[str, Callable[[], IO[bytes]]]]:
    archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115 - as above
    return [
        (member.name.removeprefix("./"), partial(_extracted, archive, member))
        for member in archive
        if member.isfile()
    ]


def _extracted(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(member)
    assert stream is not None, "only plain files are listed"
    return stream


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


def is_ours(name: str) -> bool:
    """Tells whether a path belongs to the data, not to the operating system."""
    return not any(
        part.startswith(".") or part.lower() in _NOT_OURS
        for part in name.split("/")
        if part not in (".", "..")
    )


def natural(name: str) -> list[tuple[int, str]]:
    """Returns a sort key that puts `img2` before `img10`."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"(\d+)", name)
    ]


def line(error: BaseException) -> str:
    """Returns the first line of an error's message, or its type's name if empty."""
    return str(error).partition("\n")[0] or type(error).__name__


def _in_folder(folder: str) -> Iterator[File]:
    seen: set[str] = set()

    def refuse(error: OSError) -> None:
        raise BadInputError(
            f"{error.filename}: cannot be read: {error.strerror}"
        ) from error

    for here, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        if os.path.realpath(here) in seen:  # a link to a folder that was listed
            folders.clear()
            continue
        seen.add(os.path.realpath(here))
        folders[:] = [name for name in folders if is_ours(name)]
        below = os.path.relpath(here, folder).replace(os.sep, "/")
        for name in names:
            if is_ours(name):
                relative = name if below == "." else f"{below}/{name}"
                yield File(os.path.join(here, name), relative=relative)


def empty_folders(path: str) -> list[str]:
    """Returns the empty folders of a data set.

    Args:
        path: Path of the data set; for an archive the result is empty.
    """
    empty = (
        os.path.relpath(here, path).replace(os.sep, "/")
        for here, folders, names in os.walk(path)
        if not any(map(is_ours, (*folders, *names)))
    )
    return sorted(filter(is_ours, empty), key=natural)


def _promised(stream: IO[bytes], comment: int) -> int | None:
    """Returns the number of files in a zip archive's last record.

    None if there are too many for its 16 bits.
    """
    stream.seek(-_LAST_RECORD - comment, os.SEEK_END)
    (count,) = struct.unpack_from("<H", stream.read(_LAST_RECORD), 10)
    return None if count == 0xFFFF else int(count)
