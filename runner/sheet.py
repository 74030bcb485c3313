"""Draws a sheet of sample pictures with the names of their classes."""

from itertools import zip_longest

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.text import Text

from serving.client.render import drawing

CLASSES, EACH = 40, 10
"""Most classes on a sheet, and most pictures of each."""

_SIDE = 56
_GAP = 6
_NAME_WIDTH = 190
_PAPER, _INK = (255, 255, 255), (20, 20, 20)
_IN_TERMINAL = 24
"""Width of a picture in a terminal, in columns."""


class Samples:
    """The first pictures of each class, small; see `Source.fingerprint`."""

    def __init__(self) -> None:
        self.by_label: dict[int, list[Image.Image]] = {}

    def add(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Adds pictures from a block of labelled images where a class needs more."""
        for label in np.unique(labels[labels < CLASSES]).tolist():
            kept = self.by_label.setdefault(label, [])
            for row in np.flatnonzero(labels == label)[: EACH - len(kept)]:
                kept.append(_small(Image.fromarray(images[row])))


def draw(samples: Samples, names: list[str]) -> Image.Image:
    """Returns the sheet: one row for each class with its name and its pictures."""
    shown = sorted(samples.by_label)
    line = _SIDE + _GAP
    size = (_NAME_WIDTH + EACH * line + _GAP, len(shown) * line + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    pen, font = ImageDraw.Draw(sheet), _font()
    for row, label in enumerate(shown):
        top = _GAP + row * line
        name = names[label] if len(names[label]) < 22 else f"{names[label][:20]}..."
        pen.text((_GAP, top + _SIDE // 3), name, _INK, font)
        for place, image in enumerate(samples.by_label[label]):
            sheet.paste(image.convert("RGB"), (_NAME_WIDTH + place * line, top))
    return sheet


def in_terminal(samples: Samples, names: list[str], width: int) -> list[Text]:
    """Returns the first picture of the first classes as lines of coloured blocks."""
    shown = sorted(samples.by_label)[: max(1, width // (_IN_TERMINAL + 2))]
    pictures = [
        drawing(_pixels(samples.by_label[label][0]), None, colour=True)
        for label in shown
    ]
    head = "  ".join(names[n][:_IN_TERMINAL].ljust(_IN_TERMINAL) for n in shown)
    rows = zip_longest(*pictures, fillvalue=Text(" " * _IN_TERMINAL))
    return [Text(head), *(Text("  ").join(row) for row in rows)]


def _pixels(image: Image.Image) -> np.ndarray:
    """Returns a picture scaled to its width in a terminal; uint8 `[h, w, 3]`."""
    # One line of text shows two rows of pixels.
    lines = max(1, round(_IN_TERMINAL * image.height / image.width / 2))
    size = (_IN_TERMINAL, 2 * min(lines, _IN_TERMINAL))
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX))


def _small(image: Image.Image) -> Image.Image:
    """Returns a picture scaled to fit a cell; nearest neighbour enlarges small ones."""
    factor = min(_SIDE / image.width, _SIDE / image.height)
    size = (max(1, int(image.width * factor)), max(1, int(image.height * factor)))
    filtering = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
    return image.resize(size, filtering)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Imported here, as only this command needs it. Its font covers most alphabets.
    from matplotlib import font_manager

    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 15)
