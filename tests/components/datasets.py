"""A data set in memory, and its common forms on disk."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.image_example_gen import digits
from components.image_example_gen.source import open_source
from contract.errors import BadInputError

Examples = list[Any]
"""`tf.train.Example`s."""


@dataclass(frozen=True)
class Dataset:
    """Labelled images, for training and for testing."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @classmethod
    def embedded(cls, folder: Path) -> Dataset:
        """Returns the embedded data set, which is written to a new folder."""
        digits.write(str(folder))
        source = open_source(str(folder))
        train, test = (
            [np.concatenate(column) for column in zip(*part.blocks(), strict=True)]
            for part in (source.train, source.test)
        )
        return cls(*train, *test)

    def files(self) -> dict[str, np.ndarray]:
        """Returns the arrays by the names of MNIST's own files."""
        return {
            "train-images-idx3-ubyte": self.train_images,
            "train-labels-idx1-ubyte": self.train_labels,
            "t10k-images-idx3-ubyte": self.test_images,
            "t10k-labels-idx1-ubyte": self.test_labels,
        }

    def arrays(self) -> dict[str, Any]:
        """Returns the arrays by the names in Keras' npz.

        Typed as Any, because NumPy 2 declares a flag among `savez`'s keyword arguments.
        """
        return {
            "x_train": self.train_images,
            "y_train": self.train_labels,
            "x_test": self.test_images,
            "y_test": self.test_labels,
        }

    def write(
        self,
        folder: Path,
        *,
        pack: Callable[[bytes], bytes] = bytes,
        suffix: str = "",
        spell: Callable[[str], str] = str,
    ) -> str:
        """Writes the four IDX files; returns the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, items in self.files().items():
            (folder / (spell(name) + suffix)).write_bytes(pack(idx_bytes(items)))
        return str(folder)

    def with_label(self, row: int, label: int) -> Dataset:
        """Returns a copy with one other label in the training part."""
        labels = self.train_labels.copy()
        labels[row] = label
        return replace(self, train_labels=labels)

    def with_pixel(self, row: int, value: int) -> Dataset:
        """Returns a copy with one other pixel in the training part."""
        images = self.train_images.copy()
        images[row, 14, 14] = value
        return replace(self, train_images=images)


def idx_bytes(items: np.ndarray) -> bytes:
    """Returns an IDX file according to the format's description."""
    header = struct.pack(f">HBB{items.ndim}I", 0, 8, items.ndim, *items.shape)
    return header + items.astype(np.uint8).tobytes()


def refusal(path: str | Path) -> str:
    """Returns the one line with which a data set is refused."""
    with pytest.raises(BadInputError) as caught:
        open_source(str(path)).fingerprint()
    message = str(caught.value)
    assert "\n" not in message
    return message
