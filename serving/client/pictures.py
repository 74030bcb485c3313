"""Pictures of any common form become images of a task.

A task that can be drawn (grey, on a background) gets drawings in its images' form
(`prepare`). For any other task, and where a way of fitting is asked for, the picture
keeps its levels and colours and is only fitted to the size of the model's images.
"""

import io
import warnings
from enum import StrEnum

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from contract.task import Task
from serving.client import prepare
from serving.client.errors import InputError

MAX_PIXELS = 50_000_000
"""The largest picture decoded: a phone's, not a decompression bomb."""

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
"""What people have, and what Pillow reads without running other programs."""

_NAMES = "PNG, JPEG, GIF, BMP, TIFF or WebP"
_WHITE = 255
# Sides longer than this are averaged down first: few pixels are left in the end.
_WORKING_SIDE = 1024


class Fit(StrEnum):
    """How a picture is fitted to the size of the model's images.

    `STRETCH`: both sides are resized, whatever the picture's proportions: all of the
    picture is seen and nothing else, as Keras' `image_dataset_from_directory` does by
    default. `PAD`: the proportions are kept, and the rest is background (white where
    the task has none). `CROP`: the proportions are kept, and what is over at two sides
    is cut off.
    """

    STRETCH = "stretch"
    PAD = "pad"
    CROP = "crop"


class Way(StrEnum):
    """How an image came to be what is sent; a key of the JSON."""

    AS_IS = "as is"
    DRAWING = "drawing"
    STRETCH = "stretch"
    PAD = "pad"
    CROP = "crop"

    @property
    def text(self) -> str:
        """The way in words, for a line under the picture; empty for `AS_IS`."""
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
    """Decodes a picture and makes an image of the task of it.

    Args:
        content: The file's bytes, of one of `FORMATS`. Any size, colour or grey, 8 or
            16 bit; EXIF orientation and transparency are honoured; of several frames
            the first is taken.
        task: Whose image it shall be.
        fit: How it is fitted; None for a drawing where the task can be drawn, else
            `Fit.STRETCH`.

    Returns:
        uint8 of the task's shape, and how it was made.

    Raises:
        InputError: No such picture, damaged, too large, or blank.
    """
    try:
        with warnings.catch_warnings():
            # Of size we judge ourselves; of odd metadata the pixels are none the worse.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise InputError(
                        f"expected at most {MAX_PIXELS} pixels, found {width}x{height}"
                    )
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
    """Makes an image of the task of pixels; those of its shape are kept as they are.

    Args:
        pixels: uint8 [height, width] or [height, width, 3].
        task: Whose image it shall be.
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
    """Does what `from_bytes` does, for a picture that is decoded."""
    if task.can_be_drawn and fit is None:
        return prepare.from_drawing(_grey(image), task), Way.DRAWING
    fit = fit or Fit.STRETCH
    paper = _WHITE if task.background is None else task.background
    layers = _layers(image, task, paper)
    if layers[0].size == (task.width, task.height):
        values, way = [np.asarray(layer, np.float32) for layer in layers], Way.AS_IS
    else:
        values = [_fitted(layer, task, fit, paper) for layer in layers]
        way = Way(fit.value)
    pixels = np.clip(np.floor(np.stack(values, axis=-1) + 0.5), 0, 255)
    return pixels.astype(np.uint8).reshape(task.shape), way


def _layers(image: Image.Image, task: Task, paper: int) -> list[Image.Image]:
    """Returns one picture of float levels for each of the task's channels."""
    if image.mode.startswith("I") or image.mode == "F":
        return [_shrink(_levels(image))] * task.channels
    if _has_alpha(image):
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (paper, paper, paper, 255))
        image = Image.alpha_composite(ground, image)
    image = _shrink(image.convert("L" if task.channels == 1 else "RGB"))
    return [layer.convert("F") for layer in image.split()]


def _fitted(layer: Image.Image, task: Task, fit: Fit, paper: int) -> np.ndarray:
    """Returns one layer in the task's size; float32 [height, width].

    Pillow widens the filter with the scale, so that it averages: no aliasing.
    """
    wanted = np.array([task.width, task.height])
    if fit is Fit.STRETCH:
        return _resized(layer, wanted, (0, 0, *layer.size))
    size = np.array(layer.size)
    if fit is Fit.CROP:
        seen = wanted / max(wanted / size)  # of the picture, in its own pixels
        start = (size - seen) / 2
        return _resized(layer, wanted, (*start, *(start + seen)))
    inner = np.maximum(1, np.floor(size * min(wanted / size) + 0.5).astype(int))
    left, top = (wanted - inner) // 2
    field = np.full((task.height, task.width), paper, np.float32)
    field[top : top + inner[1], left : left + inner[0]] = _resized(
        layer, inner, (0, 0, *layer.size)
    )
    return field


def _resized(
    layer: Image.Image, size: np.ndarray, box: tuple[float, ...]
) -> np.ndarray:
    width, height = (int(side) for side in size)
    left, top, right, bottom = (float(edge) for edge in box)
    box = (left, top, min(right, layer.width), min(bottom, layer.height))
    return np.asarray(layer.resize((width, height), Image.Resampling.BILINEAR, box))


def _grey(image: Image.Image) -> np.ndarray:
    """Returns the grey levels of a drawing: float32 [height, width] in 0..255."""
    if image.mode.startswith("I") or image.mode == "F":
        return np.asarray(_shrink(_levels(image)), np.float32)
    if not _has_alpha(image):
        return np.asarray(_shrink(image.convert("L")), np.float32)
    layers = np.asarray(image.convert("LA"), np.float32)
    grey, alpha = layers[..., 0], layers[..., 1] / 255
    painted = float(alpha.sum())
    ink = float((grey * alpha).sum()) / painted if painted else 0.0
    # Laid on paper its ink stands out from: white ink on black, black on white.
    paper = 255.0 if ink < 127.5 else 0.0
    drawn = Image.fromarray(grey * alpha + paper * (1 - alpha))
    return np.asarray(_shrink(drawn), np.float32)


def _has_alpha(image: Image.Image) -> bool:
    return "A" in image.getbands() or "transparency" in image.info


def _levels(image: Image.Image) -> Image.Image:
    """Returns 16-bit greys as float levels in 0..255.

    Raises:
        InputError: The picture has other numbers, whose range nobody can know.
    """
    levels = np.asarray(image, np.float32)
    if image.mode == "F" or levels.min() < 0 or levels.max() > 65535:
        raise InputError("expected levels of 8 or 16 bit, found others")
    return Image.fromarray(levels / np.float32(257))


def _shrink(image: Image.Image) -> Image.Image:
    """Averages a large picture down, by a whole number."""
    factor = -(-max(image.size) // _WORKING_SIDE)
    return image.reduce(factor) if factor > 1 else image
