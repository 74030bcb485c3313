"""Lists the files of a data set: of a folder, an archive (zip or tar) or a single file.

Files that operating systems add (`.DS_Store`, `Thumbs.db`, `__MACOSX`) are ignored.
"""

import os
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import IO

from components.image_example_gen.files import BROKEN_ARCHIVE, File, line
from contract.errors import BadInputError
from contract.special_files import special_file

ARCHIVES = (".zip", ".tar")
"""Values of `File.suffix` for archives."""

_LAST_RECORD = 22
"""Bytes of a zip archive's last record without its comment; it has the number of
files at byte 10 (APPNOTE.TXT 4.3.16)."""

_NOT_OURS = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "_success"}


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
        if "://" in path:
            raise BadInputError(
                f"{path}: expected a folder or a file of this machine, found an "
                "address: fetch what is there, and name the folder or file"
            )
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


def _promised(stream: IO[bytes], comment: int) -> int | None:
    """Returns the number of files in a zip archive's last record.

    None if there are too many for its 16 bits.
    """
    stream.seek(-_LAST_RECORD - comment, os.SEEK_END)
    (count,) = struct.unpack_from("<H", stream.read(_LAST_RECORD), 10)
    return None if count == 0xFFFF else int(count)


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
