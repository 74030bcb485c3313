"""Converts a picture to an image of a task.

Training data and requests must be converted in the same way: both the data reader
(`components/image_example_gen`) and the client (`serving/client`) use this module.
"""

import numpy as np
from PIL import Image

_GAP = 2.0
"""Pillow's `reducing_gap`: a picture is averaged down by a whole factor to at least
twice the wanted size and then resized, as in Pillow's `thumbnail`. For photographs this
takes a tenth of the time, and the result differs by one or two levels."""

_DEEP = 257
"""Divides 16-bit levels to get 8-bit levels."""


def decode_no_larger(image: Image.Image, width: int, height: int) -> None:
    """Makes Pillow decode a JPEG at a smaller size if it is much larger than wanted.

    Args:
        image: A picture that is opened and not yet decoded.
        width: Wanted width in pixels.
        height: Wanted height in pixels; EXIF may exchange width and height.
    """
    side = int(_GAP * max(width, height))
    image.draft(None, (side, side))


def plain(image: Image.Image, channels: int, paper: int) -> Image.Image:
    """Returns a picture as `L` or `RGB` (8 bits), or a 16-bit one as `F` in 0 to 255.

    Args:
        image: A picture of any mode.
        channels: Wanted channels, 1 or 3; a picture of mode `F` has 1 in any case.
        paper: Level of the background behind transparent pixels.

    Raises:
        ValueError: The levels are not whole numbers of 8 or 16 bits.
    """
    if image.mode[0] == "I":
        levels = np.asarray(image).astype(np.float32)
        if levels.min() < 0 or levels.max() > 0xFFFF:
            raise ValueError(f"levels of {levels.min():g} to {levels.max():g}")
        # Pillow's mode I may have levels of 8 or 16 bits.
        deep = image.mode != "I" or levels.max() > 0xFF
        return Image.fromarray(levels / np.float32(_DEEP) if deep else levels)
    if image.mode == "F":
        raise ValueError("levels that are no whole numbers")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (paper, paper, paper, 255))
        image = Image.alpha_composite(ground, image)
    elif image.mode == "P":
        image = image.convert("RGB")
    wanted = "L" if channels == 1 else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def resized(
    image: Image.Image,
    width: int,
    height: int,
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """Resizes a picture, without keeping its proportions.

    Args:
        image: A picture from `plain`.
        width: New width in pixels.
        height: New height in pixels.
        box: Part of the picture to use: left, top, right, bottom; None for all of it.
    """
    if image.size == (width, height) and box is None:
        return image
    return image.resize((width, height), Image.Resampling.BILINEAR, box, _GAP)


def pixels(image: Image.Image, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a picture of the right size as uint8 of a task's shape.

    Args:
        image: A picture from `plain`.
        shape: `(height, width)`, or `(height, width, 3)`; a grey picture gets three
            equal channels.
    """
    values = np.asarray(image)
    if values.dtype != np.uint8:
        values = np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
    if len(shape) > values.ndim:
        values = np.repeat(values[..., np.newaxis], shape[2], axis=2)
    return values.reshape(shape)
