"""Digits as pictures: PNGs inside the page, 0 is paper and 255 is ink.

They are drawn dark on light; the page's style turns them round where it is dark.
"""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from components.image_example_gen.rows import Rows
from contract.features import IMAGE_HEIGHT, IMAGE_WIDTH, NUM_CLASSES

_GAP = 4
"""Pixels between the pictures of a grid."""


def picture(image: np.ndarray) -> str:
    """Returns one image, uint8 `[height, width]`, as a data URI."""
    stream = io.BytesIO()
    Image.fromarray(255 - image).save(stream, "PNG", optimize=True)
    encoded = base64.b64encode(stream.getvalue()).decode()
    return f"data:image/png;base64,{encoded}"


def grid(rows: Rows, columns: int) -> tuple[str, int, int]:
    """Returns the first images of each digit, a row of the grid for each.

    Args:
        rows: To choose from; a digit that is not among them has an empty row.
        columns: Most pictures of a digit.

    Returns:
        A data URI, and width and height in pixels.
    """
    chosen = [rows.images[rows.labels == digit][:columns] for digit in range(10)]
    return _sheet(chosen, columns)


def strip(images: Sequence[np.ndarray | None]) -> tuple[str, int, int]:
    """Returns images side by side; None leaves a gap. See `grid`."""
    height, width = IMAGE_HEIGHT, IMAGE_WIDTH
    sheet = np.zeros((height, len(images) * (width + _GAP) - _GAP), np.uint8)
    for place, image in enumerate(images):
        if image is not None:
            left = place * (width + _GAP)
            sheet[:, left : left + width] = image
    return picture(sheet), sheet.shape[1], sheet.shape[0]


def _sheet(chosen: Sequence[np.ndarray], columns: int) -> tuple[str, int, int]:
    height, width = IMAGE_HEIGHT + _GAP, IMAGE_WIDTH + _GAP
    sheet = np.zeros((NUM_CLASSES * height - _GAP, columns * width - _GAP), np.uint8)
    for row, images in enumerate(chosen):
        for column, image in enumerate(images):
            top, left = row * height, column * width
            sheet[top : top + IMAGE_HEIGHT, left : left + IMAGE_WIDTH] = image
    return picture(sheet), sheet.shape[1], sheet.shape[0]
