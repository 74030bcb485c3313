"""Images and labels back from the examples, a block at a time."""

import os
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from contract.features import IMAGE, IMAGE_HEIGHT, IMAGE_SIZE, IMAGE_WIDTH, LABEL

_BLOCK_ROWS = 2048


@dataclass(frozen=True)
class Rows:
    """Some examples of a split, in the order in which they were written.

    Attributes:
        images: uint8 `[rows, 28, 28]`, 0 is background.
        labels: int64 `[rows]`.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.labels)


def read_rows(split_uri: str, limit: int | None = None) -> Rows:
    """Reads a split's first examples.

    Args:
        split_uri: Folder of the split.
        limit: Most rows to read; None is all: 8 MB for MNIST's test split.
    """
    files = sorted(tf.io.gfile.glob(os.path.join(split_uri, "*")))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    if limit is not None:
        records = records.take(limit)
    spec = {
        IMAGE: tf.io.FixedLenFeature([IMAGE_SIZE], tf.int64),
        LABEL: tf.io.FixedLenFeature([], tf.int64),
    }
    images = [np.empty((0, IMAGE_SIZE), np.uint8)]
    labels = [np.empty(0, np.int64)]
    for block in records.batch(_BLOCK_ROWS):
        parsed = tf.io.parse_example(block, spec)
        images.append(parsed[IMAGE].numpy().astype(np.uint8))
        labels.append(parsed[LABEL].numpy())
    return Rows(
        np.concatenate(images).reshape(-1, IMAGE_HEIGHT, IMAGE_WIDTH),
        np.concatenate(labels),
    )
