"""Images that are in the training part and in the test split: exact duplicates."""

from collections.abc import Mapping

import numpy as np

from contract.features import SPLITS, TEST


class Hashes:
    """What images there were, as 8 bytes each.

    Python's own hash of bytes (SipHash) has 64 bits: in ten million images, two that
    differ have the same one with a probability of three in a million.
    """

    def __init__(self) -> None:
        """Has seen nothing."""
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
        hashes = np.concatenate(
            [block for part in splits for block in self._by_part[part]]
        )
        is_test = np.concatenate(list(splits.values())) == SPLITS.index(TEST)
        return int(np.isin(hashes[is_test], hashes[~is_test]).sum())
