"""Examples into memory, through the Transform graph."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf
import tensorflow_transform as tft

from pipeline.features import LABEL, SCALED_IMAGE

_PARSE_ROWS = 2048
"""Rows parsed at once: 13 MB of int64 pixels."""


@dataclass(frozen=True)
class Samples:
    """A split in memory.

    Attributes:
        images: float32 `[rows, 28, 28]`, scaled.
        labels: int64 `[rows]`.
    """

    images: tf.Tensor
    labels: tf.Tensor

    def __len__(self) -> int:
        """Returns the number of rows."""
        return int(self.labels.shape[0])


def load(
    file_patterns: Sequence[str],
    transform: tft.TFTransformOutput,
    limit: int | None = None,
) -> Samples:
    """Reads a split's examples, in the order in which they were written.

    The split is parsed and scaled once, not once an epoch: at MNIST's size
    that is 150 MB.

    Args:
        file_patterns: Gzipped TFRecords of raw tf.Examples.
        transform: The graph to send them through.
        limit: Most rows to read.
    """
    files = sorted(file for p in file_patterns for file in tf.io.gfile.glob(p))
    raw_spec = transform.raw_feature_spec()

    def parse(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        transformed = transform.transform_raw_features(
            tf.io.parse_example(records, raw_spec)
        )
        return transformed[SCALED_IMAGE], tf.squeeze(transformed[LABEL], axis=1)

    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    if limit is not None:
        records = records.take(limit)
    images, labels = [], []
    for image_block, label_block in records.batch(_PARSE_ROWS).map(parse).prefetch(1):
        images.append(image_block)
        labels.append(label_block)
    return Samples(tf.concat(images, axis=0), tf.concat(labels, axis=0))
