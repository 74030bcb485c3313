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


class Reader:
    """Reads splits through a Transform graph, which is traced once for all."""

    def __init__(self, transform: tft.TFTransformOutput) -> None:
        """Takes the graph to send the examples through."""
        raw_spec = transform.raw_feature_spec()

        # AutoGraph has nothing to convert here, and takes seconds to find out.
        @tf.function(
            input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
        )
        def parse(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            transformed = transform.transform_raw_features(
                tf.io.parse_example(records, raw_spec)
            )
            return transformed[SCALED_IMAGE], tf.squeeze(transformed[LABEL], axis=1)

        self._parse = parse

    def load(self, file_patterns: Sequence[str]) -> Samples:
        """Reads a split's examples, in the order in which they were written.

        They are parsed and scaled once, not once an epoch: at MNIST's size that
        is 150 MB.

        Args:
            file_patterns: Gzipped TFRecords of raw tf.Examples.
        """
        files = sorted(file for p in file_patterns for file in tf.io.gfile.glob(p))
        records = tf.data.TFRecordDataset(files, compression_type="GZIP")
        blocks = [self._parse(block) for block in records.batch(_PARSE_ROWS)]
        return Samples(
            tf.concat([images for images, _ in blocks], axis=0),
            tf.concat([labels for _, labels in blocks], axis=0),
        )
