"""Finds exact duplicates: test images that are also in the other splits."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from contract.features import SPLITS, TEST, TRAIN

SPLIT_FILE = "split.json"
"""File in an Examples artifact: how the rows were split, the rows of each class by
split, and test images that are also in the training part."""

MOST_PAIRS = 20
"""Maximum number of duplicates that are listed by name."""


class Hashes:
    """Collects a hash of 8 bytes for each image.

    Python's own hash of bytes (SipHash) has 64 bits: among ten million images, two
    different ones have the same hash with a probability of three in a million.
    """

    def __init__(self) -> None:
        self._by_part: dict[str, list[np.ndarray]] = {}

    def add(self, part: str, images: np.ndarray) -> None:
        """Adds a part's next images, uint8 `[rows, *shape]`."""
        content, each = images.tobytes(), images[0].size
        starts = range(0, len(content), each)
        hashes = np.array([hash(content[at : at + each]) for at in starts], np.int64)
        self._by_part.setdefault(part, []).append(hashes)

    def test_rows_in_training(self, splits: Mapping[str, np.ndarray]) -> int:
        """Returns how many images of the test split are also in another split.

        Args:
            splits: By part: the index in `SPLITS` of each row's split.
        """
        hashes, is_test = self._all(splits)
        return int(np.isin(hashes[is_test], hashes[~is_test]).sum())

    def pairs(
        self, splits: Mapping[str, np.ndarray], name: Callable[[str, int], str]
    ) -> list[dict[str, str]]:
        """Returns the first `MOST_PAIRS` duplicates.

        Args:
            splits: See `test_rows_in_training`.
            name: Returns the name of an image for a part and the index of its row.

        Returns:
            For each a test image's name, by `TEST`, and that of the same image in the
            training part, by `TRAIN`.
        """
        hashes, is_test = self._all(splits)
        test, others = np.flatnonzero(is_test), np.flatnonzero(~is_test)
        twice = test[np.isin(hashes[test], hashes[others])][:MOST_PAIRS]
        rows = [(part, row) for part, of in splits.items() for row in range(len(of))]
        return [
            {
                TEST: name(*rows[one]),
                TRAIN: name(*rows[others[np.argmax(hashes[others] == hashes[one])]]),
            }
            for one in twice
        ]

    def _all(self, splits: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the hashes of all parts, and a mask of the test split's rows."""
        hashes = np.concatenate(
            [block for part in splits for block in self._by_part[part]]
        )
        return hashes, np.concatenate(list(splits.values())) == SPLITS.index(TEST)


def read_named(folder: str) -> list[dict[str, str]]:
    """Reads the duplicates that `Hashes.pairs` named; older artifacts have none."""
    return read_split(folder).get("duplicates", [])


def read_split(folder: str) -> dict[str, Any]:
    """Reads an Examples artifact's `SPLIT_FILE`; an older artifact has none."""
    # Imported here because it imports TensorFlow, which `check` does not need.
    from tfx.dsl.io import fileio
    from tfx.utils import io_utils

    path = os.path.join(folder, SPLIT_FILE)
    return json.loads(io_utils.read_string_file(path)) if fileio.exists(path) else {}
