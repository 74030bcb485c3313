"""Pictures of any common form become arrays: palette, transparency, 16 bit, EXIF."""

import io
import os
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from components.image_example_gen.hints import Hints
from components.image_example_gen.part import Blocks, check_image, squeezed
from contract.errors import BadInputError
from contract.pictures import decode_no_larger, pixels, plain, resized

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff"),
    *(".webp", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""What a picture's name ends with."""

MOST_PIXELS = 100_000_000
"""Of one picture on the disk: 300 MB when it is decoded."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_ORIENTATION = 0x0112
_UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, MemoryError, struct.error),
    *(TypeError, LookupError, ArithmeticError, AttributeError),
)
"""What Pillow raises on bytes that make no sense."""

_ADVICE = "mend it or take it out; of pictures in folders, --skip-unreadable does"
_WHITE = 255
_SAMPLED = 2_000
"""Pictures whose headers are looked at before all of them are read."""
_THREADS = min(4, os.cpu_count() or 1)
"""That decode: Pillow lets go of Python's lock while it does."""
_HELD_AT_ONCE = 16
"""Pictures whose bytes are in memory while they wait to be decoded."""

Open = Callable[[], AbstractContextManager[IO[bytes]]]
Picture = tuple[str, Open]
"""The name of a picture, for messages, and what opens its file."""


@dataclass(frozen=True)
class Form:
    """What all pictures of a data set are brought to.

    Attributes:
        shape: `(height, width)` or `(height, width, 3)`.
        resized: Whether pictures of another size are brought to it, or refused.
        paper: What shines through where a picture is transparent.
        insists: Whether a person said that they are grey; or they just seem so.
    """

    shape: tuple[int, ...]
    resized: bool
    paper: int
    insists: bool


def find_form(pictures: Sequence[Picture], hints: Hints) -> Form:
    """Returns what the pictures are brought to, from the headers of some of them.

    They are in colour if one of them is, and of the size that the first one has.

    Args:
        pictures: All of the training part; some are looked at, from all over.
        hints: `colour`, `resize`, `background`.

    Raises:
        BadInputError: One cannot be read, or is too large.
    """
    step = max(1, len(pictures) // _SAMPLED)
    is_colour, first = False, (0, 0)
    for name, open_file in islice(pictures, 0, None, step):
        # No more than its header is read.
        with open_file() as stream, _opened(name, stream) as image:
            first = first if any(first) else _size(image)
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
    check_image(pictures[0][0], form.shape)
    return form


def find_unreadable(pictures: Sequence[Picture]) -> dict[int, str]:
    """Reads all pictures; returns what is wrong with some, by their places."""
    found: dict[int, str] = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(pictures), _HELD_AT_ONCE):
            some = pictures[start : start + _HELD_AT_ONCE]
            contents = [_read(open_file) for _, open_file in some]
            reasons = pool.map(_what_is_wrong, [name for name, _ in some], contents)
            found |= {n: reason for n, reason in enumerate(reasons, start) if reason}
    return found


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

    They raise BadInputError at the first one that cannot be read, or does not fit.
    """

    def blocks(rows: int) -> Iterator[np.ndarray]:
        every = pictures()
        with ThreadPoolExecutor(_THREADS) as pool:
            while block := list(islice(every, rows)):
                images = np.empty((len(block), *form.shape), np.uint8)
                for start in range(0, len(block), _HELD_AT_ONCE):
                    some = block[start : start + _HELD_AT_ONCE]
                    # Bytes are read one after the other, as an archive is one file.
                    contents = [_read(open_file) for _, open_file in some]
                    names = [name for name, _ in some]
                    decoded = pool.map(partial(decode, form=form), names, contents)
                    for row, image in enumerate(decoded, start):
                        images[row] = image
                yield images

    return blocks


def decode(name: str, content: bytes, form: Form) -> np.ndarray:
    """Returns one picture, uint8 of the form's shape.

    Raises:
        BadInputError: It cannot be read, is of another size (and is not to be
            resized), or in colour where the others are grey.
    """
    height, width, *channels = form.shape
    with _opened(name, io.BytesIO(content)) as image:
        if not channels and not form.insists and _is_colour(image):
            raise BadInputError(
                f"{name}: expected a grey picture, as the others are, found one in "
                "colour: say what all of them shall be with --colour rgb or "
                "--colour grey"
            )
        if not form.resized and _size(image) != (width, height):
            found = "x".join(map(str, _size(image)))
            raise BadInputError(
                f"{name}: images of mixed sizes: expected {width}x{height}, as the "
                f"first, found {found}: give a size to bring all of them to with "
                f"--resize, as --resize {_sensible(width, height)}"
            )
        if form.resized:
            decode_no_larger(image, width, height)
        ImageOps.exif_transpose(image, in_place=True)
        whole = plain(image, channels[0] if channels else 1, form.paper)
        return pixels(resized(whole, width, height), form.shape)


def _read(open_file: Open) -> bytes:
    with open_file() as stream:
        return stream.read()


@contextmanager
def _opened(name: str, stream: IO[bytes]) -> Iterator[Image.Image]:
    """Opens a picture; what Pillow says of it becomes one line."""
    try:
        with warnings.catch_warnings():
            # Of size we judge ourselves; of odd metadata the pixels are none the worse.
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
            f"{name}: expected a picture, found {found}: {_ADVICE}"
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise BadInputError(
            f"{name}: expected a whole picture, found: {reason}: {_ADVICE}"
        ) from error


def _too_large(name: str) -> BadInputError:
    return BadInputError(f"{name}: expected at most {MOST_PIXELS:,} pixels, found more")


def _size(image: Image.Image) -> tuple[int, int]:
    """Returns (width, height) as a person sees the picture; EXIF may turn it."""
    # Pillow decodes all of a PNG to look for EXIF behind its pixels.
    has_exif = image.format != "PNG" or "exif" in image.info
    turned = has_exif and image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (image.height, image.width) if turned else image.size


def _is_colour(image: Image.Image) -> bool:
    if image.mode == "P":
        palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        return bool((palette != palette[:, :1]).any())
    return image.mode not in ("1", "L", "LA", "La", "F") and image.mode[0] != "I"


def _sensible(width: int, height: int) -> str:
    """Returns a size to propose: a square that pictures of this one fill, or nearly."""
    side = 1 << max(5, min(7, min(width, height).bit_length() - 1))
    return f"{side}x{side}"
