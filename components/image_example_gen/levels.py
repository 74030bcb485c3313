"""Levels of pixels as people save them, brought to whole numbers from 0 to 255."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from components.image_example_gen.part import BLOCK_VALUES, Blocks, Part
from contract.errors import BadInputError

_WHITES = (1, 16, 255)
"""What white may be: 1 as of floats and of black and white, 16 as of the UCI's digits
(which scikit-learn has), 255 as of pictures."""


def as_bytes(
    parts: Mapping[str, Part],
) -> tuple[dict[str, Part], tuple[str, ...]]:
    """Returns parts whose images are uint8, and what a person has to know of it.

    White is the smallest of 1, 16 and 255 that no value of a part exceeds. As soon as
    one exceeds 16 it is known: whole numbers are rarely read beyond the first block.

    Raises:
        BadInputError: Floats that are no levels of pixels, or parts of which one has
            another white than the others. Whole numbers are checked as they are read.
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
            # Such as nan compare as false.
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
