"""The files of a data set: in a folder, in a zip archive, or one alone.

What systems put beside people's files (`.DS_Store`, `Thumbs.db`, `__MACOSX`) is no
part of a data set and is not seen here.
"""

import lzma
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

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

ARCHIVES = (".zip", ".npz")

_LAST_RECORD = 22
"""Bytes of a zip archive's last record without its comment; the number of files
stands at byte 10 (APPNOTE.TXT 4.3.16)."""

_AT_ONCE = 8 << 20

_NOT_OURS = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin"}


@dataclass(frozen=True, slots=True)
class File:
    """One file.

    Attributes:
        path: Where it lies in the file system; of the archive, if it lies in one.
        member: Its name in the archive; empty if it lies in none.
        relative: Its name below what was named, with `/`.
        archive: The open archive; its list of members is read once for all of them.
    """

    path: str
    member: str = ""
    relative: str = ""
    archive: zipfile.ZipFile | None = field(default=None, compare=False, repr=False)

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
        """What its name ends with, in small letters, without `.gz`: `.csv`."""
        stem = self.name.lower().removesuffix(".gz")
        return os.path.splitext(stem)[1]

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Opens it for reading; nothing is unpacked to the disk.

        Raises:
            BadInputError: It is not there, or cannot be read.
        """
        if self.archive is None:
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
            with self.archive.open(self.member) as member:
                yield member
        except BROKEN_ARCHIVE as error:
            raise BadInputError(f"{self}: broken archive: {line(error)}") from error

    def read(self) -> bytes:
        """Returns all of its bytes.

        Raises:
            BadInputError: It cannot be read.
        """
        with self.open() as stream:
            try:
                return stream.read()
            except OSError as error:
                raise BadInputError(
                    f"{self}: cannot be read: {error.strerror}"
                ) from error


def list_files(path: str) -> list[File]:
    """Returns the files of a data set, in the order of their names.

    Args:
        path: A folder (which is gone through to its last corner), a zip archive or
            an npz (their members), or a single file.

    Raises:
        BadInputError: There is no such path, or it cannot be read.
    """
    if os.path.isdir(path):
        found = list(_in_folder(path))
    elif not os.path.isfile(path):
        raise BadInputError(f"{path}: missing: expected a folder or a file")
    elif os.path.splitext(path)[1].lower() in ARCHIVES or zipfile.is_zipfile(path):
        found = members(path)
    else:
        # By its own name: the runner names data by a link that is called otherwise.
        own = os.path.realpath(path)
        found = [File(own, relative=os.path.basename(own))]
    return sorted(found, key=lambda file: natural(file.relative))


def members(path: str, below: str = "") -> list[File]:
    """Returns the files in a zip archive.

    Args:
        path: Of the archive.
        below: The folder in which it was found; a part of their relative names.

    Raises:
        BadInputError: It is no archive.
    """
    if not zipfile.is_zipfile(path):
        raise BadInputError(
            f"{path}: expected a zip archive (a npz is one), found a file that is no "
            "zip archive"
        )
    try:
        # Closed when the last of its files is forgotten.
        archive = zipfile.ZipFile(path)
        names = archive.namelist()
        promised = _promised(path, len(archive.comment))
    except BROKEN_ARCHIVE as error:
        raise BadInputError(f"{path}: broken archive: {line(error)}") from error
    # `zipfile` goes by the length of the list: where that is damaged, files are lost.
    if promised is not None and promised != len(names):
        raise BadInputError(
            f"{path}: broken archive: expected {promised:,} files, found {len(names):,}"
        )
    return [
        File(path, name, below + name, archive)
        for name in names
        if not name.endswith("/") and is_ours(name)
    ]


def read_upto(stream: IO[bytes], size: int) -> bytes:
    """Returns so many bytes, or what is left; a size that is a lie costs no memory."""
    if size <= _AT_ONCE:
        return stream.read(size)
    pieces = []
    while size and (piece := stream.read(min(size, _AT_ONCE))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


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


def _promised(path: str, comment: int) -> int | None:
    """Returns how many files an archive's last record counts; None if too many."""
    with open(path, "rb") as stream:
        stream.seek(-_LAST_RECORD - comment, os.SEEK_END)
        (count,) = struct.unpack_from("<H", stream.read(_LAST_RECORD), 10)
    return None if count == 0xFFFF else int(count)
