"""Examples on disk come into memory as they were written."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from pipeline.features import IMAGE, LABEL
from pipeline.training.data import Reader


@pytest.fixture(scope="module")
def written(examples: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and labels of the train split, read without our code."""
    files = sorted(str(path) for path in (examples / "Split-train").iterdir())
    pixels, labels = [], []
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP"):
        features = tf.train.Example.FromString(record.numpy()).features.feature
        pixels.append(features[IMAGE].int64_list.value)
        labels.append(features[LABEL].int64_list.value[0])
    return np.array(pixels), np.array(labels)


def test_all_shards_in_the_order_of_writing(
    examples: Path,
    transform: tft.TFTransformOutput,
    written: tuple[np.ndarray, np.ndarray],
) -> None:
    pixels, labels = written
    assert len(list((examples / "Split-train").iterdir())) == 3

    samples = Reader(transform).load([str(examples / "Split-train/*")])

    assert len(samples) == len(labels) == 1149
    assert samples.images.dtype == tf.float32
    assert samples.labels.dtype == tf.int64
    np.testing.assert_array_equal(samples.labels, labels)
    np.testing.assert_allclose(
        samples.images, pixels.reshape(-1, 28, 28) / 255, rtol=2e-7
    )


def test_more_patterns_are_one_split(
    examples: Path, transform: tft.TFTransformOutput
) -> None:
    patterns = [str(examples / f"Split-{split}/*") for split in ("eval", "test")]
    assert len(Reader(transform).load(patterns)) == 288 + 360


def test_one_reader_reads_all_splits(
    examples: Path, transform: tft.TFTransformOutput
) -> None:
    reader = Reader(transform)
    rows = [
        len(reader.load([str(examples / f"Split-{split}/*")]))
        for split in ("train", "eval", "test")
    ]
    assert rows == [1149, 288, 360]
