"""A sheet of pictures with their classes' names, for a person to look at."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.color import Color
from rich.style import Style
from rich.text import Text

CLASSES, EACH = 40, 10
"""Most classes on a sheet, and most pictures of each."""

_SIDE = 56
_GAP = 6
_NAME_WIDTH = 190
_PAPER, _INK = (255, 255, 255), (20, 20, 20)
_IN_TERMINAL = 24
"""Columns of a picture in a terminal."""


class Samples:
    """The first pictures of each class, small; see `Source.fingerprint`."""

    def __init__(self) -> None:
        """Has seen nothing."""
        self.by_label: dict[int, list[Image.Image]] = {}

    def add(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Takes what is still missing from a block of labelled images."""
        for label in np.unique(labels)[:CLASSES].tolist():
            if label >= CLASSES:
                break
            kept = self.by_label.setdefault(label, [])
            for row in np.flatnonzero(labels == label)[: EACH - len(kept)]:
                kept.append(_small(Image.fromarray(images[row])))


def draw(samples: Samples, names: list[str]) -> Image.Image:
    """Returns the sheet: a row for each class, its name and its pictures."""
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
    """Returns the first picture of the first classes as lines of coloured blocks.

    Args:
        samples: What to show.
        names: Of the classes.
        width: Columns of the terminal.
    """
    shown = sorted(samples.by_label)[: max(1, width // (_IN_TERMINAL + 2))]
    pictures = [_pixels(samples.by_label[label][0]) for label in shown]
    lines = [
        Text("  ".join(names[n][:_IN_TERMINAL].ljust(_IN_TERMINAL) for n in shown))
    ]
    for row in range(0, max(len(p) for p in pictures), 2):
        line = Text()
        for pixels in pictures:
            for upper, lower in zip(*_two_rows(pixels, row), strict=True):
                style = Style(
                    color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)
                )
                line.append("▀", style)  # its upper half has the colour of the text
            line.append("  ")
        lines.append(line)
    return lines


def _two_rows(pixels: np.ndarray, row: int) -> tuple[list[list[int]], list[list[int]]]:
    """Returns two rows of a picture; white where it has ended."""
    ended = np.full((1, _IN_TERMINAL, 3), 255, np.uint8)
    upper, lower = np.concatenate([pixels, ended, ended])[[
        min(row, len(pixels)), min(row + 1, len(pixels))
    ]]  # fmt: skip
    return upper.tolist(), lower.tolist()


def _pixels(image: Image.Image) -> np.ndarray:
    """Returns a picture in the width that it has in a terminal; uint8 `[h, w, 3]`."""
    height = max(1, round(_IN_TERMINAL * image.height / image.width))
    size = (_IN_TERMINAL, min(height, 2 * _IN_TERMINAL))
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX))


def _small(image: Image.Image) -> Image.Image:
    """Returns a picture that fits a cell; small ones are enlarged by whole pixels."""
    factor = min(_SIDE / image.width, _SIDE / image.height)
    size = (max(1, int(image.width * factor)), max(1, int(image.height * factor)))
    filtering = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
    return image.resize(size, filtering)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Imported here, as only this command needs it: its font has most alphabets.
    from matplotlib import font_manager

    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 15)
