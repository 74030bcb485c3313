"""Reads splits through the Transform graph, into memory or a temporary file."""

import mmap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from contract.errors import BadInputError
from contract.features import IMAGE, LABEL, SCALED_IMAGE
from contract.tf_records import read_records
from pipeline.training.spill import Spill

_PARSED_VALUES = 1_600_000
"""Number of pixel values that are parsed at once: 13 MB as int64."""

UNBOUNDED = 2**63 - 1

HALVES = HELD, WATCHED = 0, 1
"""Halves of a split: rows 0, 2, 4, ... are held out, the others are watched."""


@dataclass(frozen=True)
class Samples:
    """A split: its first rows in memory, and the rest, if any, on disk.

    Attributes:
        images: float32 `[rows in memory, *task.shape]`, scaled.
        labels: int64 `[rows in memory]`.
        spilled: Images of the rows on disk.
        spilled_labels: int64, labels of the rows on disk.
    """

    images: tf.Tensor
    labels: tf.Tensor
    spilled: Spill | None = None
    spilled_labels: np.ndarray | None = None

    def __len__(self) -> int:
        return self._in_memory + (len(self.spilled) if self.spilled else 0)

    @property
    def _in_memory(self) -> int:
        return int(self.labels.shape[0])

    @property
    def row_bytes(self) -> int:
        """Returns the bytes of one image."""
        return int(np.prod(self.images.shape[1:])) * self.images.dtype.size

    @property
    def all_labels(self) -> np.ndarray:
        """Returns the labels of all rows, int64, in the order of the files."""
        here = self.labels.numpy()
        if self.spilled_labels is None:
            return here
        return np.concatenate([here, self.spilled_labels])

    @property
    def cached_bytes(self) -> int:
        """Returns the bytes of the images in memory."""
        return int(tf.size(self.images)) * self.images.dtype.size

    def parts(
        self, order: np.ndarray, rows: int
    ) -> Iterator[tuple[tf.Tensor, tf.Tensor, np.ndarray]]:
        """Yields the rows in the given order, as (images, labels, indices into these).

        If all rows are in memory, they are yielded once, with `order` as the indices.
        Otherwise each part has at most `rows` rows, already in order.

        Args:
            order: int32 `[n]`, numbers of rows, at least one.
            rows: Most rows that are read from disk at once. Two such parts are in
                memory at a time.
        """
        if self.spilled is None:
            yield self.images, self.labels, order
            return
        parts = (order[start : start + rows] for start in range(0, len(order), rows))
        # A part is read while the network is trained on the part before it.
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self._take, next(parts))
            for part in parts:
                taken, ahead = ahead, reader.submit(self._take, part)
                yield _in_order(*taken.result())
            yield _in_order(*ahead.result())

    def blocks(self, rows: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Yields all rows in the order of the files, at most `rows` at once."""
        for start in range(0, len(self), rows):
            stop = min(start + rows, len(self))
            if stop <= self._in_memory:
                yield self.images[start:stop], self.labels[start:stop]
            else:
                images, labels = self._take(np.arange(start, stop))
                yield tf.constant(images), tf.constant(labels)

    def _take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns rows by their numbers, from memory and from disk."""
        assert self.spilled is not None, "else there is nothing to put together"
        assert self.spilled_labels is not None
        images = np.empty((len(rows), *self.images.shape[1:]), np.float32)
        labels = np.empty(len(rows), np.int64)
        here = rows < self._in_memory
        images[here] = tf.gather(self.images, rows[here]).numpy()
        labels[here] = tf.gather(self.labels, rows[here]).numpy()
        there = np.flatnonzero(~here)
        beyond = rows[there] - self._in_memory
        self.spilled.read(beyond, images, there)
        labels[there] = self.spilled_labels[beyond]
        return images, labels


def _in_order(
    images: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns a part together with indices that keep its order."""
    return images, labels, np.arange(len(labels), dtype=np.int32)


class _Cache:
    """Rows in memory that become a tensor without a second copy of them.

    TensorFlow's allocator keeps what it once had, so a concatenated copy would take its
    memory for the rest of the run. The system moves the pages of a mapping that grows,
    and has them back when the tensor is gone.
    """

    def __init__(self, first: np.ndarray) -> None:
        """Takes the first rows `[n, ...]`."""
        self._row_shape = first.shape[1:]
        self._dtype = first.dtype
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._pages = mmap.mmap(-1, first.nbytes, flags=private)
        self._pages[:] = first.data

    def append(self, rows: np.ndarray) -> None:
        """Appends rows `[n, ...]`."""
        end = len(self._pages)
        self._pages.resize(end + rows.nbytes)
        self._pages[end:] = rows.data

    def tensor(self) -> tf.Tensor:
        """Returns all rows; afterwards none can be appended."""
        rows = np.frombuffer(self._pages, self._dtype).reshape(-1, *self._row_shape)
        return tf.experimental.dlpack.from_dlpack(rows.__dlpack__())


class Reader:
    """Reads splits through a Transform graph, which is traced only once."""

    def __init__(
        self, transform: tft.TFTransformOutput, parsed_values: int = _PARSED_VALUES
    ) -> None:
        raw_spec = transform.raw_feature_spec()
        values = int(np.prod(raw_spec[IMAGE].shape))
        self._parse_rows = max(1, parsed_values // values)

        # AutoGraph has nothing to convert here, but takes seconds to find that out.
        @tf.function(
            input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
        )
        def parse(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            transformed = transform.transform_raw_features(
                tf.io.parse_example(records, raw_spec)
            )
            return transformed[SCALED_IMAGE], tf.squeeze(transformed[LABEL], axis=1)

        self._parse = parse

    def blocks(
        self, file_patterns: Sequence[str], half: int | None = None
    ) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Yields a split's (images, labels), in the order of the files.

        Args:
            file_patterns: Gzipped TFRecords of raw tf.Examples.
            half: One of `HALVES`; None for all rows.
        """
        files = sorted(file for p in file_patterns for file in tf.io.gfile.glob(p))
        records = read_records(files, "GZIP")
        if half is not None:
            records = records.shard(len(HALVES), half)
        # A block is read while the one before it is parsed.
        for block in records.batch(self._parse_rows).prefetch(1):
            yield self._parse(block)

    def load(
        self,
        file_patterns: Sequence[str],
        cache_bytes: int = UNBOUNDED,
        half: int | None = None,
    ) -> Samples:
        """Reads a split into memory, to go over it many times.

        The examples are parsed and scaled once, not once per epoch. MNIST's 48,000
        training rows take 150 MB.

        Args:
            file_patterns: Gzipped TFRecords of raw tf.Examples.
            cache_bytes: Most memory for images. Rows that do not fit go to a temporary
                file.
            half: One of `HALVES`; None for all rows.

        Raises:
            BadInputError: The split has too few rows: no row would be left.
        """
        cache: _Cache | None = None
        cached_labels: list[np.ndarray] = []
        spill: Spill | None = None
        spilled_labels: list[np.ndarray] = []
        left = cache_bytes
        for images, labels in self.blocks(file_patterns, half):
            rows = images.numpy()
            left -= rows.nbytes
            # The first block always stays in memory: it gives the shapes.
            if cache is None:
                cache = _Cache(rows)
            elif left >= 0:
                cache.append(rows)
            else:
                if spill is None:
                    spill = Spill(rows.shape[1:], rows.dtype)
                spill.append(rows)
            beyond = spill is not None
            (spilled_labels if beyond else cached_labels).append(labels.numpy())
        if cache is None:
            raise BadInputError(
                f"{', '.join(file_patterns)}: expected at least "
                f"{1 if half is None else len(HALVES)} images, found fewer"
            )
        return Samples(
            cache.tensor(),
            tf.constant(np.concatenate(cached_labels)),
            spill,
            np.concatenate(spilled_labels) if spilled_labels else None,
        )
