"""Images as pictures inside the page.

A small image is shown enlarged, pixel by pixel, a large one made smaller. One that
could be drawn with a pen is stored dark on light, and the page's style turns it round
where it is dark (`ink` in `page.css`); any other is shown as it is.
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
"""The longer side of a picture on the page, in CSS pixels, at most."""

ROWS = 30
"""Of so many classes several images are shown."""

SINGLES = 90
"""Of so many more one image is."""

_SMALL_PNG = 1500
"""Bytes; a photograph as PNG is several times larger than as JPEG."""

_JPEG_QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """An image of the page.

    Attributes:
        uri: A data URI.
        width: As it is shown, in CSS pixels.
        height: As it is shown, in CSS pixels.
        look: Classes of the page's style.
    """

    uri: str
    width: int
    height: int
    look: str


@dataclass(frozen=True)
class Gallery:
    """Images of a class.

    Attributes:
        label: Of the class.
        mean: The mean of all its images among the rows; None if there are none.
        images: The first ones.
    """

    label: int
    mean: Picture | None
    images: tuple[Picture, ...]


def picture(image: np.ndarray, task: Task, side: int = LARGE) -> Picture:
    """Returns an image, uint8 of the task's shape, to be shown within a square."""
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
    """Returns the CSS pixels of a picture that is shown within a square.

    A small one is enlarged by a whole number.
    """
    longer = max(width, height)
    if longer > side:
        return max(1, round(width * side / longer)), max(
            1, round(height * side / longer)
        )
    return width * (side // longer), height * (side // longer)


def galleries(rows: Rows, task: Task) -> Iterator[Gallery]:
    """Yields the first images of each class; fewer where there are many classes."""
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
    """Returns of how many images of a class there is room."""
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
