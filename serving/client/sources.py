"""Where digits come from: picture files, IDX files, standard input."""

import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from serving.client import prepare
from serving.client.errors import InputError
from serving.client.idx import ALL, GZIP_MAGIC, IDX_MAGIC, Selection, read_idx

STDIN = "-"

_MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Digit:
    """One image to ask about, in MNIST's form.

    Attributes:
      source: The file it came from, ``-`` for standard input.
      index: Its place in an IDX file, None for a picture.
      pixels: uint8 [28, 28].
    """

    source: str
    index: int | None
    pixels: np.ndarray

    def __str__(self) -> str:
        return self.source if self.index is None else f"{self.source}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file, or an image in one, that could not be read; the rest goes on."""

    source: str
    index: int | None
    reason: str


def read_digits(
    sources: Sequence[str], selection: Selection | None = None
) -> Iterator[Digit | Unreadable]:
    """Read every image of every source, in order, one at a time.

    Args:
      sources: Paths of PNG, JPEG or IDX files (gzipped or not), told apart by
        their content; ``-`` is standard input.
      selection: Which images of the IDX files; all when None.

    Yields:
      A `Digit`, or an `Unreadable` where there should have been one.
    """
    for source in sources:
        try:
            yield from _read_source(source, selection)
        except InputError as error:
            yield Unreadable(source, None, str(error))


def _read_source(
    source: str, selection: Selection | None
) -> Iterator[Digit | Unreadable]:
    with _open(source) as file:
        head = file.read(2)
        file.seek(0)
        if head in (GZIP_MAGIC, IDX_MAGIC):
            for index, pixels in read_idx(file, selection or ALL):
                yield _idx_digit(source, index, pixels)
        elif selection is not None:
            raise InputError("an index chooses from an IDX file, found a picture")
        elif not head:
            raise InputError("the file is empty")
        else:
            content = file.read(_MAX_BYTES)
            yield Digit(source, None, prepare.digit_from_bytes(content))


def _open(source: str) -> IO[bytes]:
    if source == STDIN:
        content = sys.stdin.buffer.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise InputError(f"expected at most {_MAX_BYTES} bytes, found more")
        return io.BytesIO(content)
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise InputError(str(error.strerror).lower()) from error


def _idx_digit(source: str, index: int, pixels: np.ndarray) -> Digit | Unreadable:
    if pixels.shape == (prepare.SIZE, prepare.SIZE):
        return Digit(source, index, pixels)  # MNIST's own form is sent as it is
    try:
        grey = pixels.astype(np.float32)
        return Digit(source, index, prepare.digit_from_grey(grey))
    except InputError as error:
        return Unreadable(source, index, str(error))
