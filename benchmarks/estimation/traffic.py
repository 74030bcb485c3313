"""Makes traffic for a server: MNIST's test images, disturbed images, letters, drawings.

Each kind of disturbance is a function from test images to the pictures of the requests.
"""

from collections.abc import Callable, Iterable
from functools import partial
from operator import methodcaller
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from contract.task import Task
from serving.client.prepare import from_drawing

LIKE_DIGITS = "OoQDIliSsZzBbqg"
"""Letters that look like digits."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSans-Oblique", "STIXGeneral", "cmr10")
"""Fonts that come with Matplotlib."""

_SHEET, _PEN = 560, 46
"""Side of the drawing area on the server's page, and width of its pen, in pixels."""

NOT_OF_TASK = -1
"""The label of a picture that belongs to no class."""

Disturb = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""A function from images of MNIST's size to disturbed ones, uint8 `[rows, 28, 28]`."""


def disturbed() -> dict[str, Disturb]:
    """Returns the kinds of disturbance, by name."""
    kinds: dict[str, Disturb] = {"as they are": lambda images, chance: images}
    for degrees in (5, 10, 15, 20, 30, 45, 60):
        turn = methodcaller("rotate", degrees, Image.Resampling.BILINEAR)
        kinds[f"turned by {degrees}°"] = partial(_changed, turn)
    for radius in (0.5, 1, 1.5, 2):
        blur = methodcaller("filter", ImageFilter.GaussianBlur(radius))
        kinds[f"blurred, radius {radius}"] = partial(_changed, blur)
    for deviation in (10, 30, 60, 100):
        kinds[f"noise, deviation {deviation}"] = partial(_noised, deviation)
    for pixels in (1, 2, 3, 5):
        kinds[f"shifted by {pixels}"] = partial(_shifted, pixels)
    kinds["inverted"] = lambda images, chance: 255 - images
    for share in (0.5, 0.75):
        kinds[f"paler, {share:g} of the ink"] = partial(_paler, share)
    return kinds


def _changed(
    change: Callable[[Image.Image], Image.Image],
    images: np.ndarray,
    chance: np.random.Generator,
) -> np.ndarray:
    changed = map(change, map(Image.fromarray, images))
    return np.stack([np.asarray(picture) for picture in changed])


def _noised(
    deviation: float, images: np.ndarray, chance: np.random.Generator
) -> np.ndarray:
    noise = chance.normal(0, deviation, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def _shifted(
    pixels: int, images: np.ndarray, chance: np.random.Generator
) -> np.ndarray:
    """Shifts each image to a random side."""
    ways = [(0, pixels), (0, -pixels), (pixels, 0), (-pixels, 0)]
    chosen = chance.integers(len(ways), size=len(images))
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels)))
    starts = [(pixels + down, pixels + right) for down, right in ways]
    height, width = images.shape[1:]
    return np.stack(
        [
            one[starts[way][0] :, starts[way][1] :][:height, :width]
            for one, way in zip(padded, chosen, strict=True)
        ]
    )


def _paler(share: float, images: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return np.rint(images * share).astype(np.uint8)


def letters(
    names: str, rows: int, task: Task, chance: np.random.Generator
) -> np.ndarray:
    """Returns letters in several fonts, prepared in the same way as on the page.

    Args:
        names: The letters to choose from.
        rows: Number of pictures.
        task: The task, which gives the size and colours of the pictures.
        chance: Source of random choices.
    """
    # Imported here, because the import warns if there is no writable home.
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = [ImageFont.truetype(str(folder / f"{name}.ttf"), 320) for name in _FONTS]
    pictures = []
    for _ in range(rows):
        sheet = Image.new("L", (_SHEET, _SHEET), 255)
        name, font = chance.choice(list(names)), fonts[chance.integers(len(fonts))]
        ImageDraw.Draw(sheet).text((_SHEET / 2, _SHEET / 2), name, 0, font, anchor="mm")
        turned = sheet.rotate(
            chance.uniform(-8, 8), Image.Resampling.BILINEAR, fillcolor=255
        )
        pictures.append(from_drawing(np.asarray(turned, np.float32), task))
    return np.stack(pictures)


_ARC = np.linspace(0, 1, 13)


def _ellipse(
    x: float, y: float, wide: float, high: float, start: float, turn: float
) -> list[tuple[float, float]]:
    """Returns points of an arc of an ellipse.

    Angles are in quarters of a turn, clockwise from the right.
    """
    angles = (start + turn * _ARC) * np.pi / 2
    points = zip(x + wide * np.cos(angles), y + high * np.sin(angles), strict=True)
    return [(float(a), float(b)) for a, b in points]


STROKES: tuple[tuple[list[tuple[float, float]], ...], ...] = (
    (_ellipse(0.5, 0.5, 0.3, 0.45, -1, 4),),
    ([(0.35, 0.2), (0.52, 0.05), (0.5, 0.95)],),
    ([*_ellipse(0.5, 0.3, 0.3, 0.25, -2, 2.5), (0.2, 0.95), (0.85, 0.93)],),
    (
        [
            *_ellipse(0.45, 0.27, 0.28, 0.22, -2, 3),
            *_ellipse(0.45, 0.72, 0.33, 0.24, -1, 3),
        ],
    ),
    ([(0.6, 0.05), (0.15, 0.65), (0.88, 0.63)], [(0.68, 0.35), (0.66, 0.97)]),
    (
        [
            (0.8, 0.07),
            (0.3, 0.07),
            (0.25, 0.45),
            *_ellipse(0.47, 0.68, 0.32, 0.27, -1, 3),
        ],
    ),
    ([(0.7, 0.05), (0.35, 0.35), *_ellipse(0.5, 0.7, 0.27, 0.25, -2, -4)],),
    ([(0.15, 0.08), (0.85, 0.06), (0.4, 0.96)],),
    (
        [
            *_ellipse(0.5, 0.27, 0.25, 0.22, -1, -4)[:-1],
            *_ellipse(0.5, 0.73, 0.3, 0.24, -1, 4),
        ],
    ),
    ([*_ellipse(0.48, 0.3, 0.27, 0.25, 0, -4), (0.75, 0.3), (0.68, 0.95)],),
)
"""Strokes of each digit from 0 to 9, as lists of points in a square of side 1."""


def drawn(
    rows: int, task: Task, chance: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns digits drawn with the page's pen, and their labels.

    They are prepared in the same way as on the page and in the client.
    """
    labels = chance.integers(len(STROKES), size=rows)
    pictures = []
    for label in labels:
        slant, wide = chance.normal(0.05, 0.15), chance.uniform(0.6, 1.1)
        sheet = Image.new("L", (_SHEET, _SHEET), 255)
        pen = ImageDraw.Draw(sheet)
        for stroke in STROKES[label]:
            points = np.array(stroke) - 0.5
            points[:, 0] = points[:, 0] * wide - slant * points[:, 1]
            points += chance.normal(0, 0.015, points.shape)
            _draw(pen, points * 400 + _SHEET / 2)
        pictures.append(from_drawing(np.asarray(sheet, np.float32), task))
    return np.stack(pictures), labels


def _draw(pen: ImageDraw.ImageDraw, points: Iterable[np.ndarray]) -> None:
    """Draws a line with round ends and corners."""
    places = [tuple(map(float, point)) for point in points]
    pen.line(places, 0, _PEN)
    reach = _PEN / 2
    for x, y in places:
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), 0)
