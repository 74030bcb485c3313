"""A data set on disk: a training part and a test part of labelled images."""

import hashlib
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from components.image_example_gen import idx, npz
from contract.errors import BadInputError
from contract.features import IMAGE_HEIGHT, IMAGE_WIDTH, NUM_CLASSES

BLOCK_ROWS = 4096
"""Rows held in memory at once: 3 MB of pixels."""

_IMAGE_SHAPE = (IMAGE_HEIGHT, IMAGE_WIDTH)

MNIST_FINGERPRINT = "37712b7ed5852c9fa083c11672585fe8f3396369dde13ee2ee44f7661a7dfe4d"
"""`Source.fingerprint()` of the canonical MNIST, in whatever wrapping."""


class Part(Protocol):
    """Labelled images in a fixed order."""

    def count(self) -> int:
        """Returns the number of images that the headers promise."""

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (images uint8 `[rows, 28, 28]`, labels uint8 `[rows]`), checked.

        Raises:
            BadInputError: At the first thing that is wrong with the files.
        """


@dataclass(frozen=True)
class Source:
    """A data set: what to train on (and hold out from), and what to test on."""

    train: Part
    test: Part

    def fingerprint(self) -> str:
        """Returns the SHA-256 of all images and labels, after checking them all.

        The same content has the same fingerprint as plain IDX, gzipped IDX or
        npz; file names and times do not enter.

        Raises:
            BadInputError: At the first thing that is wrong with the files.
        """
        content = Fingerprint()
        for name, part in (("train", self.train), ("test", self.test)):
            content.start(name)
            for images, labels in part.blocks():
                content.add(images, labels)
        return content.hexdigest()


class Fingerprint:
    """Incremental hash of a data set's content; part by part, block by block."""

    def __init__(self) -> None:
        """Starts with no parts."""
        self._parts: list[tuple[str, hashlib._Hash, hashlib._Hash]] = []

    def start(self, part: str) -> None:
        """Begins the named part."""
        self._parts.append((part, hashlib.sha256(), hashlib.sha256()))

    def add(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Adds a block to the part begun last; its size does not matter."""
        _, of_images, of_labels = self._parts[-1]
        of_images.update(images.tobytes())
        of_labels.update(labels.tobytes())

    def hexdigest(self) -> str:
        """Returns the fingerprint of what was added, 64 hexadecimal digits."""
        whole = hashlib.sha256()
        for part, of_images, of_labels in self._parts:
            whole.update(
                f"{part}:{of_images.hexdigest()}:{of_labels.hexdigest()}\n".encode()
            )
        return whole.hexdigest()


def open_source(path: str) -> Source:
    """Opens a folder with the four IDX files, or an npz as Keras publishes it.

    Args:
        path: A folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
            `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each with or
            without `.gz`; or a file `*.npz` with `x_train`, `y_train`, `x_test`
            and `y_test`.

    Raises:
        BadInputError: No such path, or a file is not there. Contents are
            checked while they are read.
    """
    if os.path.isdir(path):
        return Source(
            train=_IdxPart(
                _find(path, "train-images", 3), _find(path, "train-labels", 1)
            ),
            test=_IdxPart(_find(path, "t10k-images", 3), _find(path, "t10k-labels", 1)),
        )
    if os.path.isfile(path):
        if not zipfile.is_zipfile(path):
            raise BadInputError(
                f"{path}: expected a folder with four IDX files or an .npz file, "
                "found a file that is no zip archive"
            )
        return Source(
            train=_NpzPart(path, "x_train", "y_train"),
            test=_NpzPart(path, "x_test", "y_test"),
        )
    raise BadInputError(
        f"{path}: missing: expected a folder with four IDX files or an .npz file"
    )


def _find(folder: str, stem: str, dimensions: int) -> str:
    """Returns the one of the customary spellings that exists."""
    names = [f"{stem}{sep}idx{dimensions}-ubyte" for sep in "-."]
    for name in (spelling + suffix for spelling in names for suffix in ("", ".gz")):
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    present = ", ".join(sorted(os.listdir(folder))[:8]) or "nothing"
    raise BadInputError(
        f"{os.path.join(folder, names[0])}: missing: expected it there (or with .gz), "
        f"found {present}"
    )


@dataclass(frozen=True)
class _IdxPart:
    images_path: str
    labels_path: str

    def count(self) -> int:
        images = idx.read_count(self.images_path, _IMAGE_SHAPE)
        labels = idx.read_count(self.labels_path, ())
        if images != labels:
            raise BadInputError(
                f"{self.labels_path}: counts differ: expected {images:,} labels "
                f"for the images in {os.path.basename(self.images_path)}, "
                f"found {labels:,}"
            )
        return images

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        self.count()
        images = idx.read_blocks(self.images_path, _IMAGE_SHAPE, BLOCK_ROWS)
        labels = idx.read_blocks(self.labels_path, (), BLOCK_ROWS)
        return _checked(self.labels_path, images, labels)


@dataclass(frozen=True)
class _NpzPart:
    path: str
    images_key: str
    labels_key: str

    def count(self) -> int:
        images = npz.read_count(self.path, self.images_key, _IMAGE_SHAPE)
        labels = npz.read_count(self.path, self.labels_key, ())
        if images != labels:
            raise BadInputError(
                f"{self.path}: counts differ: expected {images:,} values in "
                f"{self.labels_key}, found {labels:,}"
            )
        return images

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        self.count()
        return _checked(
            f"{self.path}[{self.labels_key}]",
            npz.read_blocks(self.path, self.images_key, _IMAGE_SHAPE, BLOCK_ROWS),
            npz.read_blocks(self.path, self.labels_key, (), BLOCK_ROWS),
        )


def _checked(
    labels_name: str, images: Iterator[np.ndarray], labels: Iterator[np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs the two streams; refuses a label that is no digit."""
    row = 0
    for block, digits in zip(images, labels, strict=True):
        wrong = np.flatnonzero(digits >= NUM_CLASSES)
        if wrong.size:
            raise BadInputError(
                f"{labels_name}: label out of range: expected 0 to "
                f"{NUM_CLASSES - 1}, found {digits[wrong[0]]} in row "
                f"{row + wrong[0]:,}"
            )
        yield block, digits
        row += len(digits)
