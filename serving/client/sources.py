"""Reads pictures from files, folders, arrays and standard input."""

import io
import os
import sys
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from contract.special_files import PIPE, special_file
from contract.task import Task
from serving.client import pictures
from serving.client.errors import InputError, one_line
from serving.client.idx import (
    ALL,
    GZIP_MAGIC,
    IDX_MAGIC,
    Selection,
    read_idx,
    select,
)
from serving.client.pictures import Fit, Way

STDIN = "-"

_NPY_MAGIC = b"\x93NUMPY"
_MAX_BYTES = 256 * 1024 * 1024
# Files that file managers leave in folders; those with a leading dot are hidden.
_NO_PICTURES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Picture:
    """One image to ask about, in the form of the task's images.

    Attributes:
        source: The file that it came from, `-` for standard input.
        index: Its place in an IDX or npy file, None for a picture.
        pixels: uint8 of the task's shape.
        way: How it was made from the file's content.
    """

    source: str
    index: int | None
    pixels: np.ndarray
    way: Way = Way.AS_IS

    def __str__(self) -> str:
        return self.source if self.index is None else f"{self.source}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file, or an image in a file, that could not be read; others are still read."""

    source: str
    index: int | None
    reason: str

    def __str__(self) -> str:
        return self.source if self.index is None else f"{self.source}[{self.index}]"


def shown(path: str) -> str:
    r"""Returns a path as one printable line; bytes that are not UTF-8: `\xff`."""
    text = os.fsencode(path).decode(errors="backslashreplace")
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def list_files(sources: Sequence[str], leave_out: Container[str] = ()) -> list[str]:
    """Lists the files of folders in a stable order.

    Args:
        sources: Files, which are kept as they are, and folders, which are walked in
            order of names, without following links to folders.
        leave_out: Absolute paths of files that are no pictures.

    Raises:
        InputError: A folder cannot be read, or a path is empty.
    """
    files: list[str] = []
    for source in sources:
        if not source:
            raise InputError("expected a picture, found an empty path")
        if source != STDIN and os.path.isdir(source):
            files += _walk(source, leave_out)
        else:
            files.append(source)
    return files


def _walk(folder: str, leave_out: Container[str]) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: {error.strerror}") from error

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(place, name)
            hidden = name.startswith(".") or name.lower() in _NO_PICTURES
            if not hidden and os.path.abspath(path) not in leave_out:
                yield path


def read_pictures(
    sources: Iterable[str],
    task: Task,
    selection: Selection | None = None,
    fit: Fit | None = None,
) -> Iterator[Picture | Unreadable]:
    """Reads every image of every source, in order, one at a time.

    Args:
        sources: Paths of pictures, IDX files (gzipped or not) or npy files, told apart
            by their content; ``-`` is standard input. They need not be seekable.
        task: The task of the model.
        selection: Which images of the IDX and npy files; all when None.
        fit: How pictures are fitted; see `pictures.from_bytes`.

    Yields:
        A `Picture`, or an `Unreadable` in its place.
    """
    for source in sources:
        try:
            yield from _read_source(source, task, selection, fit)
        except InputError as error:
            yield Unreadable(shown(source), None, str(error))
        except OSError as error:
            reason = one_line(error.strerror or str(error)).lower()
            yield Unreadable(shown(source), None, reason)
        except MemoryError:
            yield Unreadable(shown(source), None, "too large for this machine's memory")


def _read_source(
    source: str, task: Task, selection: Selection | None, fit: Fit | None
) -> Iterator[Picture | Unreadable]:
    with _open(source) as file:
        head = file.read(len(_NPY_MAGIC))
        file.seek(0)
        if head == _NPY_MAGIC:
            images = _read_npy(file, ALL if selection is None else selection, task)
        elif head[:2] in (GZIP_MAGIC, IDX_MAGIC):
            images = read_idx(file, ALL if selection is None else selection)
        elif selection is not None:
            raise InputError("--index expects an IDX or npy file, found a picture")
        elif not head:
            raise InputError("the file is empty")
        else:
            content = _limited(file)
            pixels, way = pictures.from_bytes(content, task, fit)
            yield Picture(shown(source), None, pixels, way)
            return
        for index, array in images:
            try:
                pixels, way = pictures.from_array(array, task, fit)
            except InputError as error:
                yield Unreadable(shown(source), index, str(error))
            else:
                yield Picture(shown(source), index, pixels, way)


def _open(source: str) -> IO[bytes]:
    """Opens a source as a seekable stream at its start."""
    if source == STDIN:
        if sys.stdin is None:
            raise InputError("standard input is closed")
        return io.BytesIO(_limited(sys.stdin.buffer))
    special = special_file(source)
    if special not in ("", PIPE):
        raise InputError(f"expected a picture, found {special}")
    # Whoever is handed the file closes it.
    file = open(source, "rb", opener=_at_once)  # noqa: SIM115
    if file.seekable():
        return file
    with file:  # a pipe, such as that of <(command)
        content = _limited(file)
    if not content:
        raise InputError("expected a picture, found a pipe that nothing writes to")
    return io.BytesIO(content)


def _at_once(path: str, flags: int) -> int:
    """Opens a file; a named pipe without a writer reads as empty, and others wait."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return descriptor


def _limited(file: IO[bytes]) -> bytes:
    content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise InputError(f"expected at most {_MAX_BYTES} bytes, found more")
    return content


def _read_npy(
    file: IO[bytes], selection: Selection, task: Task
) -> Iterator[tuple[int, np.ndarray]]:
    """Reads the selected images of an npy file that holds several images or one."""
    try:
        array = np.lib.format.read_array(file, allow_pickle=False)
    except ValueError as error:
        raise InputError(f"the npy file cannot be read: {error}") from error
    if array.dtype != np.uint8:
        raise InputError(f"expected an npy file of uint8, found {array.dtype}")
    if array.shape == task.shape:
        array = array[np.newaxis]
    if array.ndim not in (3, 4):
        raise InputError(
            "expected an npy file of [images, height, width] or [images, height, "
            f"width, 3], found {list(array.shape)}"
        )
    for index in select(selection, len(array)):
        yield index, array[index]
