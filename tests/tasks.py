"""Two small tasks that are not MNIST's, drawn here: letters, and coloured shapes."""

import os
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from contract.task import TASK_FILE, Task
from tests.components.datasets import Dataset


def write_task(folder: str, task: Task) -> None:
    """Writes a task into a folder, as in an Examples artifact."""
    with open(os.path.join(folder, TASK_FILE), "w", encoding="utf-8") as stream:
        stream.write(task.to_json())


LETTERS = Task(
    name="letters",
    height=28,
    width=20,
    channels=1,
    classes=tuple("abcdefghijklmnopqrstuvwxyz"),
    noun="letter",
    background=255,
)
"""Dark letters on white paper, higher than wide."""

SHAPES = Task(
    name="shapes",
    height=12,
    width=16,
    channels=3,
    classes=("disc", "square", "triangle", "cross"),
)
"""Coloured shapes on dark grounds, wider than high."""

_FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Italic",
    "STIXGeneral",
)
"""Fonts of Matplotlib."""

_FINER = 4
"""Shapes are drawn larger by this factor and then reduced, for smooth edges."""


def letters(train: int = 60, test: int = 15) -> tuple[Dataset, tuple[str, ...]]:
    """Draws small letters with Matplotlib's fonts, each a little askew.

    Args:
        train: Images of each letter to train on.
        test: Images of each letter to test on.

    Returns:
        Images uint8 `[rows, 28, 20]`, and the letters by label.
    """
    rng = np.random.default_rng(26)
    fonts = list(_fonts((17, 19)))

    def draw(label: int) -> np.ndarray:
        return _letter(LETTERS.classes[label], fonts[rng.integers(len(fonts))], rng)

    return _dataset(draw, LETTERS, train, test), LETTERS.classes


def shapes(train: int = 150, test: int = 40) -> tuple[Dataset, tuple[str, ...]]:
    """Draws four shapes in light colours on dark grounds.

    Args:
        train: Images of each shape to train on.
        test: Images of each shape to test on.

    Returns:
        Images uint8 `[rows, 12, 16, 3]`, and the names of the shapes by label.
    """
    rng = np.random.default_rng(4)

    def draw(label: int) -> np.ndarray:
        return _shape(SHAPES.classes[label], rng)

    return _dataset(draw, SHAPES, train, test), SHAPES.classes


def _dataset(
    draw: Callable[[int], np.ndarray], task: Task, train: int, test: int
) -> Dataset:
    """Draws the classes by turns, so that any range of rows has all of them."""

    def part(of_each: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.tile(np.arange(len(task.classes), dtype=np.uint8), of_each)
        return np.stack([draw(int(label)) for label in labels]), labels

    return Dataset(*part(train), *part(test))


def _fonts(sizes: tuple[int, ...]) -> Iterator[ImageFont.FreeTypeFont]:
    import matplotlib

    folder = os.path.join(matplotlib.get_data_path(), "fonts", "ttf")
    for name in _FONTS:
        for size in sizes:
            yield ImageFont.truetype(os.path.join(folder, f"{name}.ttf"), size)


def _letter(
    letter: str, font: ImageFont.FreeTypeFont, rng: np.random.Generator
) -> np.ndarray:
    paper = Image.new("L", (LETTERS.width, LETTERS.height), LETTERS.background)
    x, y = LETTERS.width / 2, LETTERS.height * 0.7
    ImageDraw.Draw(paper).text(
        (x + rng.uniform(-0.5, 0.5), y + rng.uniform(-0.5, 0.5)),
        letter,
        fill=int(rng.integers(0, 60)),
        font=font,
        anchor="ms",
    )
    turned = paper.rotate(
        rng.uniform(-4, 4), Image.Resampling.BILINEAR, fillcolor=LETTERS.background
    )
    return np.asarray(turned)


def _shape(name: str, rng: np.random.Generator) -> np.ndarray:
    ground, ink = rng.integers(0, 70, 3), rng.integers(150, 256, 3)
    large = (SHAPES.width * _FINER, SHAPES.height * _FINER)
    image = Image.new("RGB", large, tuple(map(int, ground)))
    draw, fill = ImageDraw.Draw(image), tuple(map(int, ink))
    r = rng.uniform(3.6, 4.6) * _FINER
    x = (SHAPES.width / 2 + rng.uniform(-1, 1)) * _FINER
    y = (SHAPES.height / 2 + rng.uniform(-0.7, 0.7)) * _FINER
    if name == "disc":
        draw.ellipse((x - r, y - r, x + r, y + r), fill)
    elif name == "square":
        draw.rectangle((x - r, y - r, x + r, y + r), fill)
    elif name == "triangle":
        draw.polygon([(x, y - r), (x + r, y + r), (x - r, y + r)], fill)
    else:
        draw.rectangle((x - r, y - r / 3, x + r, y + r / 3), fill)
        draw.rectangle((x - r / 3, y - r, x + r / 3, y + r), fill)
    small = np.asarray(image.resize((SHAPES.width, SHAPES.height)), np.int64)
    noisy = small + rng.integers(-12, 13, small.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
