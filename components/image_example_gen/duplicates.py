"""Images that are in the training part and in the test split: exact duplicates."""

import numpy as np


class Seen:
    """What images there were, as 8 bytes each.

    Python's own hash of bytes (SipHash) has 64 bits: in ten million images, two that
    differ have the same one with a probability of three in a million.
    """

    def __init__(self) -> None:
        """Has seen nothing."""
        self._training: list[np.ndarray] = []
        self._test: list[np.ndarray] = []

    def add(self, images: np.ndarray, is_test: np.ndarray) -> None:
        """Takes note of a block.

        Args:
            images: uint8 `[rows, *shape]`.
            is_test: bool `[rows]`: whether the row is of the test split.
        """
        hashes = np.fromiter((hash(image.tobytes()) for image in images), np.int64)
        self._training.append(hashes[~is_test])
        self._test.append(hashes[is_test])

    def test_rows_in_training(self) -> int:
        """Returns how many rows of the test split are in the others, too."""
        if not self._test:
            return 0
        test, training = np.concatenate(self._test), np.concatenate(self._training)
        return int(np.isin(test, training).sum())
