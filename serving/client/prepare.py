"""Converts a drawing to the form of a task's images, as MNIST's authors did.

"The original black and white (bilevel) images from NIST were size normalized to
fit in a 20x20 pixel box while preserving their aspect ratio. The resulting images
contain grey levels as a result of the anti-aliasing technique used by the
normalization algorithm. the images were centered in a 28x28 image by computing
the center of mass of the pixels, and translating the image so as to position this
point at the center of the 28x28 field." (yann.lecun.com/exdb/mnist)

In the published files the longer side of every digit is exactly 20 pixels, and the
centre of mass lies within half a pixel of (14, 14), counted from the middle of the
first pixel. This module does the same; an image that is already in MNIST's form is
kept, byte for byte.

For images of another size the proportions are the same: the box leaves a margin of
4/28 of the shorter side, and the centre is that of the field. The ink contrasts most
with the task's background: it is light on 0, dark on 255.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from contract.task import Task
from serving.client.errors import InputError

# MNIST's margin around the box, as a share of the side.
_MARGIN = 4 / 28
# Ink below this share of the strongest ink is shadow, grain or JPEG ringing.
_FAINT = 0.12
# Ink above this share counts for the box that the drawing is fitted by. On real test
# digits, values from 0.15 to 0.5 give equally good results.
_SOLID = 0.3
# A picture with less contrast (of 255) is a blank page.
_MIN_CONTRAST = 24.0
# Pixels within this distance (of 255) from the background level are background.
_NEAR = 8.0
# The noun of tasks whose images are made as MNIST's were.
_DIGIT = "digit"


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a task's images.

    Attributes:
        height: Height of the field, in pixels.
        width: Width of the field, in pixels.
        box_height: Height of the box that the ink is fitted into.
        box_width: Width of the box that the ink is fitted into.
        background: Level of pixels without ink.
        ink: Level of the strongest ink.
    """

    height: int
    width: int
    box_height: int
    box_width: int
    background: int
    ink: int

    @classmethod
    def of(cls, task: Task) -> "Form":
        """Returns the form of a task that can be drawn."""
        margin = round(min(task.height, task.width) * _MARGIN)
        background = task.background or 0
        return cls(
            task.height,
            task.width,
            max(1, task.height - 2 * margin),
            max(1, task.width - 2 * margin),
            background,
            255 if background < 128 else 0,
        )


def from_drawing(grey: np.ndarray, task: Task) -> np.ndarray:
    """Converts a picture to a task's form; a picture in that form is kept.

    Args:
        grey: float32 [height, width], levels in 0..255, dark ink or light ink.
        task: A task that can be drawn.

    Returns:
        uint8 of the task's shape.

    Raises:
        InputError: The picture is blank.
    """
    form = Form.of(task)
    if is_of_form(grey, form) or (task.noun != _DIGIT and is_of_task(grey, form)):
        return grey.astype(np.uint8)
    ink = find_ink(grey)
    if ink is None:
        raise InputError(f"no {task.noun} found: the picture is blank")
    return to_form(ink, form)


def is_of_form(grey: np.ndarray, form: Form) -> bool:
    """Tells whether a picture could have been made by MNIST's authors."""
    ink = np.abs(grey - form.background)
    if grey.shape != (form.height, form.width) or not ink.any():
        return False
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    y, x = _centre_of_mass(ink)
    return (
        (height == form.box_height and width <= form.box_width)
        or (width == form.box_width and height <= form.box_height)
    ) and max(abs(y - form.height / 2), abs(x - form.width / 2)) <= 0.5


def is_of_task(grey: np.ndarray, form: Form) -> bool:
    """Tells whether a picture looks like one of the images of its task.

    It has their size and, on most of its border, their background. For digits the
    form is checked as well, as it is known how they were made. For other tasks such a
    picture is taken as one of them.
    """
    if grey.shape != (form.height, form.width):
        return False
    edge = np.concatenate([grey[[0, -1]].ravel(), grey[1:-1, [0, -1]].ravel()])
    return bool(np.mean(np.abs(edge - form.background) <= _NEAR) > 0.5)


def find_ink(grey: np.ndarray) -> np.ndarray | None:
    """Separates the ink from the paper, whichever of them is darker.

    The picture's border shows the paper. A plane fitted to the border removes an even
    gradient of light, as in a photograph of a page.

    Args:
        grey: float32 [height, width], levels in 0..255.

    Returns:
        float32 of the same shape: 0 for paper, 1 for the strongest ink; None if the
        picture is blank.
    """
    paper, grain = _paper(grey)
    difference = grey - paper
    dark, light = np.clip(-difference, 0, None), np.clip(difference, 0, None)
    # Squares, so that a few strokes of strong ink outweigh a wide, weak shadow.
    ink = dark if np.square(dark).sum() > np.square(light).sum() else light
    strongest = float(ink.max())
    if strongest < max(_MIN_CONTRAST, 1.2 * grain):
        return None
    ink /= strongest
    ink[ink < max(_FAINT, min(_SOLID, grain / strongest))] = 0
    return ink


def _paper(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the paper's level at every pixel, and its grain, in levels.

    It is a least trimmed squares fit to the border: strokes that touch the border are
    outliers and are left out, as long as most of the border is paper.
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
    # Four sigmas, estimated from the median of the residuals, so that strokes do not
    # count.
    grain = 4 * 1.4826 * float(np.median(residual))
    return plane[0] + plane[1] * y + plane[2] * x, grain


def to_form(ink: np.ndarray, form: Form) -> np.ndarray:
    """Fits ink into the box and centres it in the field by its mass.

    Args:
        ink: float32 [height, width], 0 for paper, 1 for the strongest ink; not
            all 0.
        form: The form to convert to.

    Returns:
        uint8 of shape [form.height, form.width].
    """
    solid = ink >= _SOLID * ink.max()
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    drawn = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = min(form.box_height / drawn.shape[0], form.box_width / drawn.shape[1])
    height, width = (max(1, int(side * scale + 0.5)) for side in drawn.shape)
    # Pillow widens the filter with the scale, so this averages without aliasing.
    fitted = Image.fromarray(np.ascontiguousarray(drawn, np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    small = np.clip(np.asarray(fitted), 0, None)
    small = small / small.max()
    y, x = _centre_of_mass(small)
    # A half is rounded up and left; the 0.0001 keeps float noise from deciding it.
    top = min(max(0, int(np.ceil(form.height / 2 - y - 0.5001))), form.height - height)
    left = min(max(0, int(np.ceil(form.width / 2 - x - 0.5001))), form.width - width)
    field = np.full((form.height, form.width), form.background, np.uint8)
    field[top : top + height, left : left + width] = np.round(
        form.background + small * (form.ink - form.background)
    )
    return field


def _centre_of_mass(pixels: np.ndarray) -> tuple[float, float]:
    height, width = pixels.shape
    pixels = pixels.astype(np.float64)
    mass = float(pixels.sum())
    return (
        float(pixels.sum(1) @ np.arange(height)) / mass,
        float(pixels.sum(0) @ np.arange(width)) / mass,
    )
