"""The files of a data set: in a folder, in an archive (zip or tar), or one alone.

What systems put beside people's files (`.DS_Store`, `Thumbs.db`, `__MACOSX`) is no
part of a data set and is not seen here.
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
"""What `zipfile` and its codecs raise on bytes that make no sense. RuntimeError: an
encrypted member, or a compression that they do not have."""

ARCHIVES = (".zip", ".tar")
"""What an archive's name ends with, as `File.suffix` says it."""

_PACKED = (".gz", ".bz2", ".xz")
_PACKED_TARS = (".tgz", ".tbz2", ".txz")
_CODECS: tuple[tuple[bytes, str, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", "gzip", gzip.open),
    (b"BZh", "bzip2", bz2.BZ2File),
    (b"\xfd7zXZ\0", "xz", lzma.LZMAFile),
)
_LONGEST_MAGIC = 6

_LAST_RECORD = 22
"""Bytes of a zip archive's last record without its comment; the number of files
stands at byte 10 (APPNOTE.TXT 4.3.16)."""

_AT_ONCE = 8 << 20

_NOT_OURS = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "_success"}


@dataclass(frozen=True, slots=True)
class File:
    """One file; what is packed by gzip, bzip2 or xz is unpacked as it is read.

    Attributes:
        path: Where it lies in the file system; of the archive, if it lies in one.
        member: Its name in the archive; empty if it lies in none.
        relative: Its name below what was named, with `/`.
        opener: Opens it where it lies in an archive; the archive's list of members is
            read once for all of them.
    """

    path: str
    member: str = ""
    relative: str = ""
    opener: Callable[[], IO[bytes]] | None = field(
        default=None, compare=False, repr=False
    )

    def __str__(self) -> str:
        """Returns its name for messages: `data.zip: train/a.png`, `a.npz: x_train`."""
        if not self.member:
            return self.path
        return f"{self.path}: {self.member.removesuffix('.npy')}"

    @property
    def name(self) -> str:
        """Its name without folders."""
        return (self.member or self.path).rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """What its name ends with, in small letters, without `.gz`: `.csv`, `.tar`."""
        stem, suffix = os.path.splitext(self.name.lower())
        if suffix in _PACKED_TARS:
            return ".tar"
        return os.path.splitext(stem)[1] if suffix in _PACKED else suffix

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Opens it for reading; nothing is unpacked to the disk.

        Raises:
            BadInputError: It is not there, or cannot be read.
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
        """Returns all of its bytes.

        Raises:
            BadInputError: It cannot be read.
        """
        with self.open() as stream:
            try:
                return stream.read()
            except OSError as error:
                raise BadInputError(f"{self}: cannot be read: {line(error)}") from error

    def seekable(self) -> IO[bytes]:
        """Returns its bytes as a stream that is read from any place at once.

        A file that is packed, or lies in an archive, is copied to a temporary file
        without a name, which is gone with the stream.

        Raises:
            BadInputError: It cannot be read, or there is no room for the copy.
        """
        with self._open_packed() as raw:
            if self.opener is None and _codec(raw) is None:
                return open(self.path, "rb")
        with self.open() as stream:
            copy = tempfile.TemporaryFile()  # noqa: SIM115 - who asked for it closes it
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
    """Returns the name of what packed a stream, and what unpacks it; None if nothing.

    It is told by the first bytes, and not by the name.
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
        path: A folder (which is gone through to its last corner), an archive (its
            members), or a single file.

    Raises:
        BadInputError: There is no such path, or it cannot be read.
    """
    if os.path.isdir(path):
        return in_order(_in_folder(path))
    if not os.path.exists(path):
        raise BadInputError(f"{path}: missing: expected a folder or a file")
    if not os.path.isfile(path):
        raise BadInputError(
            f"{path}: expected a folder or a file, found a pipe, a socket or a device, "
            "which cannot be read twice: write it to a file first"
        )
    # By its own name: the runner names data by a link that is called otherwise.
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
        archive: Its own relative name, without its ending, is a part of theirs.

    Raises:
        BadInputError: It is no archive.
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
    # Closed when the last of its files is forgotten.
    archive = zipfile.ZipFile(stream)
    names = archive.namelist()
    promised = _promised(stream, len(archive.comment))
    # `zipfile` goes by the length of the list: where that is damaged, files are lost.
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
    """Returns so many bytes, or what is left; a size that is a lie costs no memory."""
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
    """Yields the items of an array that stand in a stream, one behind the other.

    Args:
        file: For messages.
        stream: Read up to the first item.
        shape: Items first.
        dtype: Of their values.
        most_rows: In one block.
        where: The bytes are expected, for messages.

    Yields:
        `[rows, *shape of an item]`, 1 <= rows <= most_rows.

    Raises:
        BadInputError: There are fewer or more bytes.
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
    # At the end `zipfile` compares the checksum, too.
    if stream.read(1):
        raise BadInputError(
            f"{file}: over-long: expected {count * item_bytes:,} bytes{where}, found "
            "more"
        )


def is_ours(name: str) -> bool:
    """Whether a name is a person's, and not put there by her system."""
    return not any(
        part.startswith(".") or part.lower() in _NOT_OURS
        for part in name.split("/")
        if part not in (".", "..")
    )


def natural(name: str) -> list[tuple[int, str]]:
    """Returns a key by which `img2` comes before `img10`."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"(\d+)", name)
    ]


def line(error: BaseException) -> str:
    """Returns the first line of what an error says; its name if that is nothing."""
    return str(error).partition("\n")[0] or type(error).__name__


def _in_folder(folder: str) -> Iterator[File]:
    seen: set[str] = set()

    def refuse(error: OSError) -> None:
        raise BadInputError(
            f"{error.filename}: cannot be read: {error.strerror}"
        ) from error

    for here, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        if os.path.realpath(here) in seen:  # a link that leads back
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
    """Returns the folders of a data set that hold nothing.

    Args:
        path: Of the data set; of an archive none are told.
    """
    empty = (
        os.path.relpath(here, path).replace(os.sep, "/")
        for here, folders, names in os.walk(path)
        if not any(map(is_ours, (*folders, *names)))
    )
    return sorted(filter(is_ours, empty), key=natural)


def _promised(stream: IO[bytes], comment: int) -> int | None:
    """Returns how many files an archive's last record counts; None if too many."""
    stream.seek(-_LAST_RECORD - comment, os.SEEK_END)
    (count,) = struct.unpack_from("<H", stream.read(_LAST_RECORD), 10)
    return None if count == 0xFFFF else int(count)
