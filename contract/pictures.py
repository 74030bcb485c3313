"""How a picture becomes an image of a task.

What a model learns from and what it is asked have to be made in one way: the reader of
data (`components/image_example_gen`) and the client (`serving/client`) use this one.
"""

import numpy as np
from PIL import Image

_GAP = 2.0
"""A picture is averaged down by whole numbers to no less than twice the size that is
wanted, and resized from there, as Pillow's `thumbnail` does it. Of photographs it takes
a tenth of the time, and differs by a level or two."""

_DEEP = 257
"""From levels of 16 bits to levels of 8."""


def decode_no_larger(image: Image.Image, width: int, height: int) -> None:
    """Lets a JPEG that is not decoded yet be decoded smaller, if it is much larger.

    Args:
        image: As it was opened.
        width: That is wanted in the end.
        height: That is wanted in the end; EXIF may exchange both.
    """
    side = int(_GAP * max(width, height))
    image.draft(None, (side, side))


def plain(image: Image.Image, channels: int, paper: int) -> Image.Image:
    """Returns a picture as `L` or `RGB`, 8 bit, or of 16 bits as `F` in 0 to 255.

    Args:
        image: Of any mode.
        channels: 1 or 3 that are wanted; one of `F` has one.
        paper: What shines through where it is transparent.

    Raises:
        ValueError: Its levels are no whole numbers of 8 or 16 bits.
    """
    if image.mode[0] == "I":
        levels = np.asarray(image).astype(np.float32)
        if levels.min() < 0 or levels.max() > 0xFFFF:
            raise ValueError(f"levels of {levels.min():g} to {levels.max():g}")
        # What Pillow calls I may hold 8 bits or 16.
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
    """Returns a picture in another size, whatever its proportions.

    Args:
        image: As `plain` returns it.
        width: Pixels.
        height: Pixels.
        box: What of it is seen: left, top, right, bottom; None: all.
    """
    if image.size == (width, height) and box is None:
        return image
    return image.resize((width, height), Image.Resampling.BILINEAR, box, _GAP)


def pixels(image: Image.Image, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a picture of the right size as uint8 of a task's shape.

    Args:
        image: As `plain` returns it.
        shape: `(height, width)`, or `(height, width, 3)`; a grey picture of three
            channels has the same in each.
    """
    values = np.asarray(image)
    if values.dtype != np.uint8:
        values = np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
    if len(shape) > values.ndim:
        values = np.repeat(values[..., np.newaxis], shape[2], axis=2)
    return values.reshape(shape)
