"""A data set on disk: a training part and a test part of labelled images."""

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from components.image_example_gen import idx, npz
from contract.errors import BadInputError

BLOCK_VALUES = 4 << 20
"""Most values of images that are held in memory at once: 4 MB."""

_CLASS_NAMES = ("classes", "class_names")
"""Arrays of an npz with the names of the classes."""

_Blocks = Callable[[int], Iterator[np.ndarray]]


@dataclass(frozen=True)
class Part:
    """Labelled images in a fixed order.

    Attributes:
        images_name: What the images are read from, for messages.
        labels_name: What the labels are read from.
        count: Images, as the headers promise.
        shape: Of one image: `(height, width)` or `(height, width, channels)`.
        image_blocks: Yields uint8 `[rows, *shape]`, so many rows at once.
        label_blocks: Yields whole numbers `[rows]`, so many rows at once.
    """

    images_name: str
    labels_name: str
    count: int
    shape: tuple[int, ...]
    image_blocks: _Blocks
    label_blocks: _Blocks

    def labels(self) -> np.ndarray:
        """Returns all labels, int64 `[count]`.

        Raises:
            BadInputError: One is negative, or the files are not what they say.
        """
        blocks = [block.astype(np.int64) for block in self.label_blocks(1 << 20)]
        labels = np.concatenate(blocks)
        negative = np.flatnonzero(labels < 0)
        if negative.size:
            raise BadInputError(
                f"{self.labels_name}: label out of range: expected 0 or more, found "
                f"{labels[negative[0]]} in row {negative[0]:,}"
            )
        return labels

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (images uint8 `[rows, *shape]`, labels int64 `[rows]`), in order.

        Raises:
            BadInputError: At the first thing that is wrong with the files.
        """
        rows = max(1, BLOCK_VALUES // int(np.prod(self.shape)))
        for images, labels in zip(
            self.image_blocks(rows), self.label_blocks(rows), strict=True
        ):
            yield images, labels.astype(np.int64)


@dataclass(frozen=True)
class Source:
    """A data set: what to train on (and hold out from), and what to test on.

    Attributes:
        path: As it was named.
        train: What to train on.
        test: What to judge by.
        class_names: What the data itself calls its classes; empty if it does not.
    """

    path: str
    train: Part
    test: Part
    class_names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        """Sees that both parts have images of one shape."""
        if self.train.shape != self.test.shape:
            raise BadInputError(
                f"{self.test.images_name}: wrong image size: expected "
                f"{shape_text(self.train.shape)}, as in {self.train.images_name}, "
                f"found {shape_text(self.test.shape)}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image: `(height, width)` or `(height, width, channels)`."""
        return self.train.shape

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
    """Incremental hash of a data set's content; part by part, block by block.

    Labels are hashed as bytes where all of them are below 256, whatever their type
    on disk, and as int64 else.
    """

    def __init__(self) -> None:
        """Starts with no parts."""
        self._parts: list[tuple[str, hashlib._Hash, list[np.ndarray]]] = []

    def start(self, part: str) -> None:
        """Begins the named part."""
        self._parts.append((part, hashlib.sha256(), []))

    def add(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Adds a block to the part begun last; its size does not matter."""
        _, of_images, all_labels = self._parts[-1]
        of_images.update(np.ascontiguousarray(images).data)
        all_labels.append(labels)

    def hexdigest(self) -> str:
        """Returns the fingerprint of what was added, 64 hexadecimal digits."""
        largest = max(
            (int(block.max()) for _, _, labels in self._parts for block in labels),
            default=0,
        )
        dtype = np.dtype("u1") if largest < 256 else np.dtype("<i8")
        whole = hashlib.sha256()
        for part, of_images, labels in self._parts:
            of_labels = hashlib.sha256()
            for block in labels:
                of_labels.update(block.astype(dtype).tobytes())
            whole.update(
                f"{part}:{of_images.hexdigest()}:{of_labels.hexdigest()}\n".encode()
            )
        return whole.hexdigest()


def open_source(path: str) -> Source:
    """Opens a folder with the four IDX files, or an npz as Keras publishes it.

    Args:
        path: A folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
            `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each with or
            without `.gz` (idx4 for images in colour); or a file `*.npz` with
            `x_train`, `y_train`, `x_test` and `y_test`, and perhaps `classes`.

    Raises:
        BadInputError: No such path, a file is not there, or a header is not that of
            images and as many labels. Contents are checked while they are read.
    """
    if os.path.isdir(path):
        return Source(
            path,
            train=_idx_part(_find(path, "train-images"), _find(path, "train-labels")),
            test=_idx_part(_find(path, "t10k-images"), _find(path, "t10k-labels")),
        )
    if os.path.isfile(path):
        if not zipfile.is_zipfile(path):
            raise BadInputError(
                f"{path}: expected a folder with four IDX files or an .npz file, "
                "found a file that is no zip archive"
            )
        return Source(
            path,
            train=_npz_part(path, "x_train", "y_train"),
            test=_npz_part(path, "x_test", "y_test"),
            class_names=_names_in_npz(path),
        )
    raise BadInputError(
        f"{path}: missing: expected a folder with four IDX files or an .npz file"
    )


def shape_text(shape: tuple[int, ...]) -> str:
    """Returns the shape of an image for people: `28x28`, `12x16x3`."""
    return "x".join(map(str, shape))


def _find(folder: str, stem: str) -> str:
    """Returns the one of the customary spellings that exists."""
    dimensions = "34" if stem.endswith("images") else "1"
    names = [f"{stem}{sep}idx{d}-ubyte" for d in dimensions for sep in "-."]
    for name in (spelling + suffix for spelling in names for suffix in ("", ".gz")):
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    present = ", ".join(sorted(os.listdir(folder))[:8]) or "nothing"
    raise BadInputError(
        f"{os.path.join(folder, names[0])}: missing: expected it there (or with .gz), "
        f"found {present}"
    )


def _idx_part(images_path: str, labels_path: str) -> Part:
    count, *shape = idx.read_shape(images_path)
    labels, *of_label = idx.read_shape(labels_path)
    _check_image(images_path, tuple(shape))
    if of_label:
        raise BadInputError(
            f"{labels_path}: expected a number for each image, found "
            f"{len(of_label) + 1} dimensions"
        )
    if count != labels:
        raise BadInputError(
            f"{labels_path}: counts differ: expected {count:,} labels for the images "
            f"in {os.path.basename(images_path)}, found {labels:,}"
        )
    return Part(
        images_path,
        labels_path,
        count,
        _squeezed(shape),
        lambda rows: _reshaped(idx.read_blocks(images_path, rows), _squeezed(shape)),
        lambda rows: idx.read_blocks(labels_path, rows),
    )


def _npz_part(path: str, images_key: str, labels_key: str) -> Part:
    (count, *shape), dtype = npz.read_header(path, images_key)
    (labels, *of_label), label_dtype = npz.read_header(path, labels_key)
    images_name, labels_name = f"{path}: {images_key}", f"{path}: {labels_key}"
    _check_image(images_name, tuple(shape))
    if dtype != np.uint8:
        raise BadInputError(f"{images_name}: expected uint8, found {dtype}")
    if label_dtype.kind not in "ui" or any(size != 1 for size in of_label):
        raise BadInputError(
            f"{labels_name}: expected a whole number for each image, found "
            f"{label_dtype} of shape {(labels, *of_label)}"
        )
    if count != labels:
        raise BadInputError(
            f"{path}: counts differ: expected {count:,} values in {labels_key}, "
            f"found {labels:,}"
        )
    return Part(
        images_name,
        labels_name,
        count,
        _squeezed(shape),
        lambda rows: _reshaped(
            npz.read_blocks(path, images_key, rows), _squeezed(shape)
        ),
        # Keras' CIFAR has labels `[n, 1]`.
        lambda rows: (b.reshape(-1) for b in npz.read_blocks(path, labels_key, rows)),
    )


def _names_in_npz(path: str) -> tuple[str, ...]:
    there = npz.list_arrays(path)
    key = next((name for name in _CLASS_NAMES if name in there), None)
    if key is None:
        return ()
    blocks = npz.read_blocks(path, key, 1 << 20)
    return tuple(str(name) for block in blocks for name in block.reshape(-1))


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    """Returns the shape of an image; one of a single channel is grey."""
    return tuple(shape[:2]) if shape[2:] == [1] else tuple(shape)


def _reshaped(
    blocks: Iterator[np.ndarray], shape: tuple[int, ...]
) -> Iterator[np.ndarray]:
    return (block.reshape(-1, *shape) for block in blocks)


def _check_image(name: str, shape: tuple[int, ...]) -> None:
    """Refuses what is no image: neither grey, nor red, green and blue."""
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3)):
        return
    raise BadInputError(
        f"{name}: wrong image size: expected height x width, or height x width x 3, "
        f"found {shape_text(shape) or 'single numbers'}"
    )
