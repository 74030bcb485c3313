"""Scales pixel values of different ranges to whole numbers from 0 to 255."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from components.image_example_gen.part import BLOCK_VALUES, Blocks, Part
from contract.errors import BadInputError

_WHITES = (1, 16, 255)
"""Possible values of white: 1 for floats and black-and-white images, 16 for UCI's
digits (in scikit-learn), 255 for pictures."""


def as_bytes(
    parts: Mapping[str, Part],
) -> tuple[dict[str, Part], tuple[str, ...]]:
    """Returns parts with uint8 images, and notices for the user.

    White is the smallest of 1, 16 and 255 that no value of a part exceeds. A whole
    number above 16 decides at once, so reading mostly stops after the first block.

    Raises:
        BadInputError: Floats are outside of 0 to 255, or a part has another white than
            the others. Whole numbers are checked later, while they are read.
    """
    whites = {name: _white(part) for name, part in parts.items()}
    white = max(whites.values())
    for name, of_part in whites.items():
        if of_part != white:
            other = next(n for n in whites if whites[n] == white)
            raise BadInputError(
                f"{parts[name].images_name}: expected numbers from 0 to {white}, as in "
                f"{parts[other].images_name}, found none above {of_part}: save all of "
                "them with the same levels"
            )
    notices: tuple[str, ...] = ()
    if white != _WHITES[-1]:
        notices = (
            f"pixels are from 0 to {white}, and are multiplied by {255 / white:g}, as "
            "those of pictures are from 0 to 255",
        )
    return {
        name: replace(part, image_blocks=_brought(part, white))
        for name, part in parts.items()
    }, notices


def _white(part: Part) -> int:
    rows = max(1, BLOCK_VALUES // int(np.prod(part.shape)))
    highest: float = 0
    for block in part.image_blocks(rows):
        if block.dtype.kind == "f":
            low, high = float(block.min()), float(block.max())
            # Written so that nan, whose comparisons are false, is refused.
            if not (low >= 0 and high <= 255):
                raise BadInputError(
                    f"{part.images_name}: expected numbers from 0 to 255, or from 0 to "
                    f"1, found {low:g} to {high:g}: bring them to 0 to 255 and save "
                    "them again"
                )
            highest = max(highest, high)
        else:
            highest = max(highest, int(block.max()))
            if highest > _WHITES[-2]:
                break
    return next((white for white in _WHITES if highest <= white), 255)


def _brought(part: Part, white: int) -> Blocks:
    def blocks(rows: int) -> Iterator[np.ndarray]:
        start = 0
        for block in part.image_blocks(rows):
            yield _to_bytes(part, block, white, start)
            start += len(block)

    return blocks


def _to_bytes(part: Part, block: np.ndarray, white: int, start: int) -> np.ndarray:
    if block.dtype == np.uint8 and white == 255:
        return block
    wrong = (block < 0) | (block > 255)
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise BadInputError(
            f"{part.images_name}: expected whole numbers from 0 to 255, found "
            f"{block[wrong][0]} in row {start + row:,}"
        )
    if block.dtype.kind == "f" or white != 255:
        block = np.floor(block * (255 / white) + 0.5)
    return block.astype(np.uint8)
