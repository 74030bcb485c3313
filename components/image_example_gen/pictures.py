"""Decodes pictures into arrays, with palette, transparency, 16 bits and EXIF."""

import io
import os
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import IO, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from components.image_example_gen.files import line
from components.image_example_gen.hints import Hints
from components.image_example_gen.part import Blocks, check_image, squeezed
from contract.errors import BadInputError
from contract.pictures import decode_no_larger, pixels, plain, resized

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff"),
    *(".webp", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""File extensions of pictures."""

MOST_PIXELS = 100_000_000
"""Maximum for one picture file: 300 MB when it is decoded."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_ORIENTATION = 0x0112
_UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, MemoryError, struct.error),
    *(TypeError, LookupError, ArithmeticError, AttributeError),
)
"""Pillow's exceptions for invalid bytes."""

ADVICE = "repair or remove it; --skip-unreadable leaves out such pictures in folders"
_WHITE = 255
_THREADS = min(4, os.cpu_count() or 1)
"""Threads that decode: Pillow releases Python's lock meanwhile."""
_HELD_AT_ONCE = 16
"""Pictures whose encoded bytes are in memory at once."""

_T = TypeVar("_T")

Open = Callable[[], AbstractContextManager[IO[bytes]]]
Picture = tuple[str, Open]
"""The name of a picture, for messages, and a function that opens its file."""


@dataclass(frozen=True)
class Form:
    """The common format into which all pictures of a data set are converted.

    Attributes:
        shape: `(height, width)` or `(height, width, 3)`.
        resized: Whether pictures of another size are resized; else they are refused.
        paper: Grey value of the background behind transparent pixels.
        insists: Whether the user set the colour; else it comes from the pictures.
    """

    shape: tuple[int, ...]
    resized: bool
    paper: int
    insists: bool


def find_form(pictures: Iterable[Picture], hints: Hints) -> Form:
    """Determines the common format from the headers of some pictures.

    It has colour if one of them has, and the size of the first one.

    Args:
        pictures: At least one; they are read until one of them has colour.
        hints: `colour`, `resize`, `background`.

    Raises:
        BadInputError: A picture cannot be read, or is too large.
    """
    is_colour, first, named = False, (0, 0), ""
    for name, open_file in pictures:
        # Only the header is read.
        with open_file() as stream, _opened(name, stream) as image:
            if not named:
                first, named = _size(image), name
            is_colour = is_colour or _is_colour(image)
        if is_colour or hints.colour:
            break
    width, height = hints.size_after or first
    colour = hints.colour == "rgb" if hints.colour else is_colour
    form = Form(
        shape=squeezed((height, width, 3 if colour else 1)),
        resized=hints.size_after is not None,
        paper=int(hints.background) if hints.background.isdecimal() else _WHITE,
        insists=bool(hints.colour),
    )
    check_image("data.resize" if form.resized else named, form.shape)
    return form


def find_unreadable(pictures: Iterator[Picture]) -> dict[int, str]:
    """Decodes all pictures; returns the fault of each unreadable one, by its index."""
    reasons = _in_threads(_what_is_wrong, pictures)
    return {place: reason for place, reason in enumerate(reasons) if reason}


def _what_is_wrong(name: str, content: bytes) -> str:
    try:
        with _opened(name, io.BytesIO(content)) as image:
            decode_no_larger(image, 1, 1)
            image.load()
    except BadInputError as error:
        return str(error)
    return ""


def decoding(pictures: Callable[[], Iterator[Picture]], form: Form) -> Blocks:
    """Returns blocks of decoded pictures, uint8 `[rows, *form.shape]`, in order.

    They raise BadInputError at the first picture that cannot be read or does not fit.
    """

    def blocks(rows: int) -> Iterator[np.ndarray]:
        images = _in_threads(partial(decode, form=form), pictures())
        while block := list(islice(images, rows)):
            yield np.stack(block)

    return blocks


def decode(name: str, content: bytes, form: Form) -> np.ndarray:
    """Decodes one picture into a uint8 array of the form's shape.

    Raises:
        BadInputError: The picture cannot be read, has another size and is not to be
            resized, or has colour where the others are grey.
    """
    height, width, *channels = form.shape
    with _opened(name, io.BytesIO(content)) as image:
        if not channels and not form.insists and _is_colour(image):
            raise BadInputError(
                f"{name}: expected a grey picture, as the others are, found one in "
                "colour: convert all of them with --colour rgb or --colour grey"
            )
        if not form.resized and _size(image) != (width, height):
            found = "x".join(map(str, _size(image)))
            raise BadInputError(
                f"{name}: images of mixed sizes: expected {width}x{height}, as the "
                f"first, found {found}: resize all of them, such as with "
                f"--resize {_sensible(width, height)}"
            )
        if form.resized:
            decode_no_larger(image, width, height)
        ImageOps.exif_transpose(image, in_place=True)
        whole = plain(image, channels[0] if channels else 1, form.paper)
        return pixels(resized(whole, width, height), form.shape)


def _in_threads(
    function: Callable[[str, bytes], _T], pictures: Iterator[Picture]
) -> Iterator[_T]:
    """Yields the function's result for each picture's name and content, in order."""
    with ThreadPoolExecutor(_THREADS) as pool:
        while some := list(islice(pictures, _HELD_AT_ONCE)):
            names = [name for name, _ in some]
            # Files are read one at a time, because an archive is one file.
            contents = [_read(open_file) for _, open_file in some]
            yield from pool.map(function, names, contents)


def _read(open_file: Open) -> bytes:
    with open_file() as stream:
        return stream.read()


@contextmanager
def _opened(name: str, stream: IO[bytes]) -> Iterator[Image.Image]:
    """Opens a picture; Pillow's exceptions become one line."""
    try:
        with warnings.catch_warnings():
            # The size is checked below, and odd metadata does not change the pixels.
            warnings.simplefilter("ignore")
            with Image.open(stream, formats=_FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise _too_large(name)
                yield image
    except UnidentifiedImageError:
        stream.seek(0)
        start = stream.read(4)
        found = f"0x{start.hex()}" if start else "an empty file"
        raise BadInputError(
            f"{name}: expected a picture, found {found}: {ADVICE}"
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except _UNREADABLE as error:
        raise BadInputError(
            f"{name}: expected a whole picture, found: {line(error)}: {ADVICE}"
        ) from error


def _too_large(name: str) -> BadInputError:
    return BadInputError(f"{name}: expected at most {MOST_PIXELS:,} pixels, found more")


def _size(image: Image.Image) -> tuple[int, int]:
    """Returns (width, height) after the rotation in EXIF."""
    # For a PNG Pillow would decode the whole picture to look for EXIF at its end.
    has_exif = image.format != "PNG" or "exif" in image.info
    turned = has_exif and image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (image.height, image.width) if turned else image.size


def _is_colour(image: Image.Image) -> bool:
    if image.mode == "P":
        palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        return bool((palette != palette[:, :1]).any())
    return image.mode not in ("1", "L", "LA", "La", "F") and image.mode[0] != "I"


def _sensible(width: int, height: int) -> str:
    """Returns a size to propose: a square of 32, 64 or 128 pixels a side."""
    side = 1 << max(5, min(7, min(width, height).bit_length() - 1))
    return f"{side}x{side}"
