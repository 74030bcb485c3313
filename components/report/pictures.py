"""Embeds images in the page.

Small images are enlarged pixel by pixel, large ones are reduced. An image that could be
drawn with a pen is stored dark on light, and the page's style inverts it in dark mode
(`ink` in `page.css`). Other images are shown as they are.
"""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from components.image_example_gen.examples import Rows
from contract.task import Task

LARGE, SMALL, SMALLEST = 84, 64, 40
"""Maximum length of a picture's longer side on the page, in CSS pixels."""

ROWS = 30
"""Maximum number of classes for which several images are shown."""

SINGLES = 90
"""Maximum number of further classes, for which one image is shown."""

_SMALL_PNG = 1500
"""Bytes up to which a PNG is kept; photographs are much smaller as JPEG."""

_JPEG_QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """An image of the page.

    Attributes:
        uri: Data URI of the image.
        width: Width on the page, in CSS pixels.
        height: Height on the page, in CSS pixels.
        look: CSS classes.
    """

    uri: str
    width: int
    height: int
    look: str


@dataclass(frozen=True)
class Gallery:
    """Images of a class.

    Attributes:
        label: Label of the class.
        mean: Mean of its images in the sample; None if there are none.
        images: Its first images.
    """

    label: int
    mean: Picture | None
    images: tuple[Picture, ...]


def picture(image: np.ndarray, task: Task, side: int = LARGE) -> Picture:
    """Converts an image, uint8 of the task's shape, to a picture within a square."""
    ink = task.can_be_drawn
    if ink and task.background is not None and task.background < 128:
        image = 255 - image
    whole = Image.fromarray(image)
    longer = max(whole.size)
    width, height = shown_size(*whole.size, side)
    if longer > side:
        whole = whole.resize((width, height), Image.Resampling.LANCZOS)
    look = f"{'ink ' if ink else ''}{'crisp' if longer <= side else ''}".strip()
    return Picture(_encoded(whole, plain=ink), width, height, look)


def shown_size(width: int, height: int, side: int = LARGE) -> tuple[int, int]:
    """Returns the size of a picture within a square, in CSS pixels.

    A small picture is enlarged by a whole factor.
    """
    longer = max(width, height)
    if longer > side:
        return max(1, round(width * side / longer)), max(
            1, round(height * side / longer)
        )
    return width * (side // longer), height * (side // longer)


def galleries(rows: Rows, task: Task) -> Iterator[Gallery]:
    """Yields the first images of each class; fewer if there are many classes."""
    several = columns(task)
    for label in range(min(len(task.classes), ROWS + SINGLES)):
        images = rows.images[rows.labels == label]
        if label >= ROWS:
            first = tuple(picture(image, task, SMALLEST) for image in images[:1])
            yield Gallery(label, None, first)
            continue
        mean = None
        if len(images):
            mean = picture(np.rint(images.mean(axis=0)).astype(np.uint8), task, SMALL)
        first = tuple(picture(image, task, SMALL) for image in images[:several])
        yield Gallery(label, mean, first)


def columns(task: Task) -> int:
    """Returns how many images of a class the page shows."""
    return 12 if len(task.classes) <= 12 else 5


def _encoded(image: Image.Image, *, plain: bool) -> str:
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    kind = "png"
    if not plain and stream.tell() > _SMALL_PNG:
        jpeg = io.BytesIO()
        image.save(jpeg, "JPEG", quality=_JPEG_QUALITY, optimize=True)
        if jpeg.tell() < stream.tell():
            stream, kind = jpeg, "jpeg"
    encoded = base64.b64encode(stream.getvalue()).decode()
    return f"data:image/{kind};base64,{encoded}"
