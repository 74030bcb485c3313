"""Images that are in the training part and in the test split: exact duplicates."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from contract.features import SPLITS, TEST, TRAIN

SPLIT_FILE = "split.json"
"""In an Examples artifact: how the rows were split, how many of each class are where,
and which test images are in the training part."""

MOST_PAIRS = 20
"""Duplicates that are named."""

Row = tuple[str, int]
"""A part, and the place of one of its rows, from 0."""


class Hashes:
    """What images there were, as 8 bytes each.

    Python's own hash of bytes (SipHash) has 64 bits: in ten million images, two that
    differ have the same one with a probability of three in a million.
    """

    def __init__(self) -> None:
        self._by_part: dict[str, list[np.ndarray]] = {}

    def add(self, part: str, images: np.ndarray) -> None:
        """Takes note of a part's next images, uint8 `[rows, *shape]`."""
        content, each = images.tobytes(), images[0].size
        starts = range(0, len(content), each)
        hashes = np.array([hash(content[at : at + each]) for at in starts], np.int64)
        self._by_part.setdefault(part, []).append(hashes)

    def test_rows_in_training(self, splits: Mapping[str, np.ndarray]) -> int:
        """Returns how many rows of the test split are in the others, too.

        Args:
            splits: By part: the place in `SPLITS` of each row's split.
        """
        hashes, is_test = self._all(splits)
        return int(np.isin(hashes[is_test], hashes[~is_test]).sum())

    def pairs(self, splits: Mapping[str, np.ndarray]) -> list[tuple[Row, Row]]:
        """Returns rows of the test split, each with one that has the same image.

        Returns:
            The first `MOST_PAIRS`.
        """
        hashes, is_test = self._all(splits)
        test, others = np.flatnonzero(is_test), np.flatnonzero(~is_test)
        twice = test[np.isin(hashes[test], hashes[others])][:MOST_PAIRS]
        rows = [(part, row) for part, of in splits.items() for row in range(len(of))]
        return [
            (rows[one], rows[others[np.argmax(hashes[others] == hashes[one])]])
            for one in twice
        ]

    def _all(self, splits: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the hashes of all parts, and which of them are of the test split."""
        hashes = np.concatenate(
            [block for part in splits for block in self._by_part[part]]
        )
        return hashes, np.concatenate(list(splits.values())) == SPLITS.index(TEST)


def named(
    pairs: Sequence[tuple[Row, Row]], name: Callable[[str, int], str]
) -> list[dict[str, str]]:
    """Returns pairs for people: the name of each test image and of the other."""
    return [{TEST: name(*one), TRAIN: name(*other)} for one, other in pairs]


def read_named(folder: str) -> list[dict[str, str]]:
    """Returns what `named` made, from an Examples artifact; empty in an older one."""
    return read_split(folder).get("duplicates", [])


def read_split(folder: str) -> dict[str, Any]:
    """Returns an Examples artifact's `SPLIT_FILE`; empty if an older one has none."""
    # Here, as it imports TensorFlow: `check` does without.
    from tfx.dsl.io import fileio
    from tfx.utils import io_utils

    path = os.path.join(folder, SPLIT_FILE)
    return json.loads(io_utils.read_string_file(path)) if fileio.exists(path) else {}
