"""Bring a picture of a digit to MNIST's form, as MNIST's authors did.

"The original black and white (bilevel) images from NIST were size normalized to
fit in a 20x20 pixel box while preserving their aspect ratio. The resulting images
contain grey levels as a result of the anti-aliasing technique used by the
normalization algorithm. the images were centered in a 28x28 image by computing
the center of mass of the pixels, and translating the image so as to position this
point at the center of the 28x28 field." (yann.lecun.com/exdb/mnist)

In the published files the longer side of every digit is exactly 20 pixels and the
centre of mass lies within half a pixel of (14, 14), counted from the first pixel's
middle, so that is what is done here: an image in MNIST's form already stays as
it is, byte for byte.
"""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from serving.client.errors import InputError

SIZE = 28
BOX = 20
CENTRE = 14

MAX_PIXELS = 50_000_000
"""The largest picture decoded: a phone's, not a decompression bomb."""

_FORMATS = ("PNG", "JPEG")
# Sides longer than this are averaged down first: 20 pixels are left in the end.
_WORKING_SIDE = 1024
# Paler than this share of the strongest ink is shade, grain or JPEG ringing.
_FAINT = 0.12
# From this share on a pixel counts for the box the digit is fitted by. On real
# test digits 0.15 to 0.5 do equally well.
_SOLID = 0.3
# Less contrast than this (of 255) is a blank page.
_MIN_CONTRAST = 24.0


def digit_from_bytes(content: bytes) -> np.ndarray:
    """Decode a PNG or JPEG picture of one digit and bring it to MNIST's form.

    Args:
      content: The file's bytes. Any size, colour or grey, dark on light or light
        on dark; EXIF orientation and transparency are honoured.

    Returns:
      uint8 of shape [28, 28], 0 for the background.

    Raises:
      InputError: Not a PNG or JPEG, damaged, too large, or blank.
    """
    return digit_from_grey(_decode(content))


def digit_from_grey(grey: np.ndarray) -> np.ndarray:
    """Bring a picture to MNIST's form; one that is in it already is kept.

    Args:
      grey: float32 [height, width], levels in 0..255, of either polarity.

    Returns:
      uint8 of shape [28, 28], 0 for the background.

    Raises:
      InputError: The picture is blank.
    """
    if is_mnist_form(grey):
        return grey.astype(np.uint8)
    return to_mnist(find_ink(grey))


def is_mnist_form(grey: np.ndarray) -> bool:
    """Whether a picture is one MNIST's authors could have made."""
    if grey.shape != (SIZE, SIZE) or not grey.any():
        return False
    rows, columns = np.flatnonzero(grey.any(1)), np.flatnonzero(grey.any(0))
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    y, x = _centre_of_mass(grey)
    return longer == BOX and abs(y - CENTRE) <= 0.5 and abs(x - CENTRE) <= 0.5


def _decode(content: bytes) -> np.ndarray:
    """Grey levels, float32 [height, width] in 0..255."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise InputError(
                        f"expected at most {MAX_PIXELS} pixels, found {width}x{height}"
                    )
                return _grey(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise InputError("expected a PNG or JPEG picture, found neither") from None
    except Image.DecompressionBombError:
        raise InputError(f"expected at most {MAX_PIXELS} pixels, found more") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"the picture is damaged: {error}") from error


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):  # 16-bit PNG
        levels = np.asarray(image, np.float32) / np.float32(257)
        return _shrink(Image.fromarray(levels))
    if "A" not in image.getbands() and "transparency" not in image.info:
        return _shrink(image.convert("L"))
    layers = np.asarray(image.convert("LA"), np.float32)
    grey, alpha = layers[..., 0], layers[..., 1] / 255
    painted = float(alpha.sum())
    ink = float((grey * alpha).sum()) / painted if painted else 0.0
    # Laid on paper its ink stands out from: white ink on black, black on white.
    paper = 255.0 if ink < 127.5 else 0.0
    return _shrink(Image.fromarray(grey * alpha + paper * (1 - alpha)))


def _shrink(image: Image.Image) -> np.ndarray:
    factor = -(-max(image.size) // _WORKING_SIDE)
    return np.asarray(image.reduce(factor) if factor > 1 else image, np.float32)


def find_ink(grey: np.ndarray) -> np.ndarray:
    """Tell the ink from the paper, whichever of them is darker.

    The paper is what the picture's border shows. A plane fitted to the border
    takes out an even fall of light, as in a photograph of a page.

    Args:
      grey: float32 [height, width], levels in 0..255.

    Returns:
      float32 of the same shape: 0 for paper, 1 for the strongest ink.

    Raises:
      InputError: The picture is blank.
    """
    paper, grain = _paper(grey)
    difference = grey - paper
    dark, light = np.clip(-difference, 0, None), np.clip(difference, 0, None)
    # Squares: a few strokes of strong ink outweigh a wide, weak shade.
    ink = dark if np.square(dark).sum() > np.square(light).sum() else light
    strongest = float(ink.max())
    if strongest < max(_MIN_CONTRAST, 1.2 * grain):
        raise InputError("no digit found: the picture is blank")
    ink /= strongest
    ink[ink < max(_FAINT, min(_SOLID, grain / strongest))] = 0
    return ink


def _paper(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """The paper's level at every pixel, and the grain of it (in levels).

    A least trimmed squares fit to the border: strokes that touch the border are
    outliers and fall away as long as paper is the greater part of it.
    """
    height, width = grey.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / max(1, height - 1) - 0.5, x / max(1, width - 1) - 0.5
    edge = np.zeros(grey.shape, bool)
    edge[[0, -1], :] = edge[:, [0, -1]] = True
    levels = grey[edge]
    terms = np.stack([np.ones_like(levels), y[edge], x[edge]], axis=1)
    plane = np.array([np.median(levels), 0, 0], np.float32)
    for _ in range(3):
        residual = np.abs(levels - terms @ plane)
        kept = residual <= np.quantile(residual, 0.6)
        plane = np.linalg.lstsq(terms[kept], levels[kept], rcond=None)[0]
    residual = np.abs(levels - terms @ plane)
    # Four sigmas, from the middle of the residuals so that strokes do not count.
    grain = 4 * 1.4826 * float(np.median(residual))
    return plane[0] + plane[1] * y + plane[2] * x, grain


def to_mnist(ink: np.ndarray) -> np.ndarray:
    """Fit ink into the 20x20 box and centre it in 28x28 by its mass.

    Args:
      ink: float32 [height, width], 0 for paper, 1 for the strongest ink; not
        all 0.

    Returns:
      uint8 of shape [28, 28].
    """
    solid = ink >= _SOLID * ink.max()
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(digit.shape)
    height, width = (max(1, int(side * scale + 0.5)) for side in digit.shape)
    # Pillow widens the filter with the scale, so this averages: no aliasing.
    fitted = Image.fromarray(np.ascontiguousarray(digit, np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    small = np.clip(np.asarray(fitted), 0, None)
    small = small / small.max()
    y, x = _centre_of_mass(small)
    # Halfway goes up and left; a hair of float noise does not decide it.
    top = min(max(0, int(np.ceil(CENTRE - y - 0.5001))), SIZE - height)
    left = min(max(0, int(np.ceil(CENTRE - x - 0.5001))), SIZE - width)
    field = np.zeros((SIZE, SIZE), np.uint8)
    field[top : top + height, left : left + width] = np.round(small * 255)
    return field


def _centre_of_mass(pixels: np.ndarray) -> tuple[float, float]:
    height, width = pixels.shape
    pixels = pixels.astype(np.float64)
    mass = float(pixels.sum())
    return (
        float(pixels.sum(1) @ np.arange(height)) / mass,
        float(pixels.sum(0) @ np.arange(width)) / mass,
    )
