"""Examples on disk are read into memory unchanged."""

from pathlib import Path

import numpy as np
import psutil
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from contract.errors import BadInputError
from contract.features import IMAGE, LABEL
from pipeline.training.data import HALVES, HELD, WATCHED, Reader, _Cache


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


def test_the_halves_of_a_split_are_every_other_row(
    examples: Path, transform: tft.TFTransformOutput
) -> None:
    reader, pattern = Reader(transform), [str(examples / "Split-test/*")]
    whole = reader.load(pattern)
    for half in HALVES:
        part = reader.load(pattern, half=half)
        np.testing.assert_array_equal(part.labels, whole.labels[half::2])
        np.testing.assert_array_equal(part.images, whole.images[half::2])


def test_a_split_of_one_row_has_no_half_to_watch(
    examples: Path, transform: tft.TFTransformOutput, tmp_path: Path
) -> None:
    [file, *_] = sorted((examples / "Split-test").iterdir())
    records = tf.data.TFRecordDataset([str(file)], compression_type="GZIP").take(1)
    with tf.io.TFRecordWriter(str(tmp_path / "one"), "GZIP") as writer:
        writer.write(next(iter(records)).numpy())
    reader, pattern = Reader(transform), [str(tmp_path / "one")]
    assert len(reader.load(pattern, half=HELD)) == 1
    with pytest.raises(BadInputError, match="expected at least 2 images, found fewer"):
        reader.load(pattern, half=WATCHED)


def test_what_does_not_fit_is_on_disk_and_comes_in_the_same_order(
    transform: tft.TFTransformOutput, examples: Path
) -> None:
    pattern = [str(examples / f"Split-{split}/*") for split in ("train", "eval")]
    reader = Reader(transform, parsed_values=500 * 28 * 28)
    whole = reader.load(pattern)

    bounded = reader.load(pattern, cache_bytes=600 * 28 * 28 * 4)

    assert len(bounded) == len(whole) == 1437
    assert bounded.images.shape == (500, 28, 28)
    assert bounded.cached_bytes == 500 * 28 * 28 * 4
    blocks = list(bounded.blocks(400))
    assert [len(labels) for _, labels in blocks] == [400, 400, 400, 237]
    np.testing.assert_array_equal(tf.concat([b[0] for b in blocks], 0), whole.images)
    np.testing.assert_array_equal(tf.concat([b[1] for b in blocks], 0), whole.labels)


def test_rows_are_in_memory_once_and_leave_it_with_the_last_user() -> None:
    def megabytes() -> float:
        return psutil.Process().memory_info().rss / 1e6

    before = megabytes()
    block = np.random.default_rng(0).random((1_000, 30, 40, 1), np.float32)
    cache = _Cache(block)
    for _ in range(49):
        cache.append(block)
    images = cache.tensor()
    del cache

    assert images.shape == (50_000, 30, 40, 1)
    np.testing.assert_array_equal(images[::1_000], block[[0] * 50])
    assert 240 < megabytes() - before < 300
    del images
    assert megabytes() - before < 60


def test_parts_are_rows_in_the_order_asked_for(
    transform: tft.TFTransformOutput, examples: Path
) -> None:
    reader = Reader(transform, parsed_values=500 * 28 * 28)
    pattern = [str(examples / "Split-train/*")]
    whole = reader.load(pattern)
    bounded = reader.load(pattern, cache_bytes=0)
    order = np.random.default_rng(1).permutation(1149).astype(np.int32)

    [(images, labels, all_of_them)] = whole.parts(order, 300)
    assert images is whole.images
    assert labels is whole.labels
    assert all_of_them is order

    parts = list(bounded.parts(order, 300))
    assert [len(chosen) for _, _, chosen in parts] == [300, 300, 300, 249]
    together = np.concatenate([images[chosen] for images, _, chosen in parts])
    np.testing.assert_array_equal(together, tf.gather(whole.images, order))
    of_labels = np.concatenate([labels[chosen] for _, labels, chosen in parts])
    np.testing.assert_array_equal(of_labels, tf.gather(whole.labels, order))
