"""Converts pictures of common formats into images of a task.

If the task can be drawn (grey images on a background), a picture is converted as a
drawing (`prepare`). For any other task, or with a requested fit, the picture keeps
its levels and colours, and is only fitted to the size of the model's images.
"""

import io
import warnings
from enum import StrEnum

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from contract.pictures import decode_no_larger, pixels, plain, resized
from contract.task import Task
from serving.client import prepare
from serving.client.errors import InputError

MAX_PIXELS = 50_000_000
"""Largest picture that is decoded: enough for phones, too small for bombs."""

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
"""The formats of common pictures that Pillow reads without running other programs."""

_NAMES = "PNG, JPEG, GIF, BMP, TIFF or WebP"
_WHITE = 255
# Longer sides are averaged down first, as few pixels are left in the end.
_WORKING_SIDE = 1024


class Fit(StrEnum):
    """How a picture is fitted to the size of the model's images.

    `STRETCH`: both sides are resized without regard to proportions, so that the whole
    picture is visible, as Keras' `image_dataset_from_directory` does by default. `PAD`:
    the proportions are kept, and the rest is background (white where the task has
    none). `CROP`: the proportions are kept, and what exceeds the size is cut off on
    both sides.
    """

    STRETCH = "stretch"
    PAD = "pad"
    CROP = "crop"


class Way(StrEnum):
    """How a picture was converted into an image; a value in the JSON output."""

    AS_IS = "as is"
    DRAWING = "drawing"
    STRETCH = "stretch"
    PAD = "pad"
    CROP = "crop"

    @property
    def text(self) -> str:
        """Describes the way, for a line under the picture; empty for `AS_IS`."""
        return {
            Way.AS_IS: "",
            Way.DRAWING: "centred as a drawing",
            Way.STRETCH: "stretched",
            Way.PAD: "padded",
            Way.CROP: "cropped",
        }[self]


def from_bytes(
    content: bytes, task: Task, fit: Fit | None = None
) -> tuple[np.ndarray, Way]:
    """Decodes a picture and converts it into an image of the task.

    Args:
        content: The file's bytes, in one of `FORMATS`: of any size, colour or grey, 8
            or 16 bit. EXIF orientation and transparency are applied; the first of
            several frames is taken.
        task: The task of the model.
        fit: How the picture is fitted; None: as a drawing if the task can be drawn,
            else `Fit.STRETCH`.

    Returns:
        uint8 of the task's shape, and the way it was converted.

    Raises:
        InputError: The bytes are no such picture, or it is damaged, too large or
            blank.
    """
    try:
        with warnings.catch_warnings():
            # The size is checked here, and odd metadata does not harm the pixels.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise InputError(
                        f"expected at most {MAX_PIXELS} pixels, found {width}x{height}"
                    )
                if not _is_drawing(task, fit):
                    decode_no_larger(image, task.width, task.height)
                return from_image(ImageOps.exif_transpose(image), task, fit)
    except UnidentifiedImageError:
        raise InputError(
            f"expected a picture ({_NAMES}), an IDX or an npy file, found neither"
        ) from None
    except Image.DecompressionBombError:
        raise InputError(f"expected at most {MAX_PIXELS} pixels, found more") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"the picture is damaged: {error}") from error


def from_array(
    pixels: np.ndarray, task: Task, fit: Fit | None = None
) -> tuple[np.ndarray, Way]:
    """Converts pixels into an image of the task; pixels of its shape are kept.

    Args:
        pixels: uint8 [height, width] or [height, width, 3].
        task: The task of the model.
        fit: As in `from_bytes`.

    Raises:
        InputError: The picture is blank, or has another number of channels.
    """
    if pixels.shape == task.shape:
        return pixels, Way.AS_IS
    if pixels.ndim != 2 and pixels.shape[2:] != (3,):
        raise InputError(
            "expected images of [height, width] or [height, width, 3], found "
            f"{list(pixels.shape)}"
        )
    return from_image(Image.fromarray(np.ascontiguousarray(pixels)), task, fit)


def from_image(
    image: Image.Image, task: Task, fit: Fit | None = None
) -> tuple[np.ndarray, Way]:
    """Does the same as `from_bytes` for a decoded picture."""
    if _is_drawing(task, fit):
        return prepare.from_drawing(_grey(image), task), Way.DRAWING
    fit = fit or Fit.STRETCH
    paper = _WHITE if task.background is None else task.background
    image = _plain(image, task.channels, paper)
    if image.size == (task.width, task.height):
        return pixels(image, task.shape), Way.AS_IS
    return pixels(_fitted(image, task, fit, paper), task.shape), Way(fit.value)


def _plain(image: Image.Image, channels: int, paper: int) -> Image.Image:
    try:
        return plain(image, channels, paper)
    except ValueError as error:
        raise InputError(f"expected levels of 8 or 16 bit, found {error}") from error


def _is_drawing(task: Task, fit: Fit | None) -> bool:
    return task.can_be_drawn and fit is None


def _fitted(image: Image.Image, task: Task, fit: Fit, paper: int) -> Image.Image:
    """Returns a picture fitted to the task's size."""
    wanted, size = np.array([task.width, task.height]), np.array(image.size)
    if fit is Fit.STRETCH:
        return resized(image, task.width, task.height)
    if fit is Fit.CROP:
        seen = wanted / max(wanted / size)  # the visible part, in the picture's pixels
        # Rounding may give a box that exceeds the picture.
        left, top = np.maximum((size - seen) / 2, 0)
        right, bottom = np.minimum((size + seen) / 2, size)
        box = (float(left), float(top), float(right), float(bottom))
        return resized(image, task.width, task.height, box)
    inner = np.maximum(1, np.floor(size * min(wanted / size) + 0.5).astype(int))
    left, top = (wanted - inner) // 2
    ground = paper if len(image.getbands()) == 1 else (paper,) * 3
    field = Image.new(image.mode, (task.width, task.height), ground)
    field.paste(resized(image, int(inner[0]), int(inner[1])), (int(left), int(top)))
    return field


def _grey(image: Image.Image) -> np.ndarray:
    """Returns the grey levels of a drawing: float32 [height, width] in 0..255."""
    if image.mode[0] in "IF":
        return np.asarray(_shrink(_plain(image, 1, _WHITE)), np.float32)
    if not _has_alpha(image):
        return np.asarray(_shrink(image.convert("L")), np.float32)
    layers = np.asarray(image.convert("LA"), np.float32)
    grey, alpha = layers[..., 0], layers[..., 1] / 255
    painted = float(alpha.sum())
    ink = float((grey * alpha).sum()) / painted if painted else 0.0
    # The paper contrasts with the ink: black for white ink, white for black ink.
    paper = 255.0 if ink < 127.5 else 0.0
    drawn = Image.fromarray(grey * alpha + paper * (1 - alpha))
    return np.asarray(_shrink(drawn), np.float32)


def _has_alpha(image: Image.Image) -> bool:
    return "A" in image.getbands() or "transparency" in image.info


def _shrink(image: Image.Image) -> Image.Image:
    """Reduces a large picture by averaging, by an integer factor."""
    factor = -(-max(image.size) // _WORKING_SIDE)
    return image.reduce(factor) if factor > 1 else image
