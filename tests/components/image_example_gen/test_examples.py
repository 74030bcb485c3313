"""The serialised tf.Examples equal those of TensorFlow's own classes."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.image_example_gen.examples import read_serialized, serialize
from tests.components.datasets import Dataset

images_of_any_kind = arrays(
    np.uint8,
    st.tuples(st.integers(1, 4), st.just(28), st.just(28)),
    # From 128 on, a pixel needs two bytes instead of one.
    elements=st.sampled_from([0, 1, 126, 127, 128, 129, 254, 255]),
    fill=st.sampled_from([0, 127, 128, 255]),
)


def parsed(record: bytes) -> tuple[dict[str, str], np.ndarray, list[int]]:
    """Returns the features' kinds, pixels and label, as tf.train.Example reads them."""
    feature = tf.train.Example.FromString(record).features.feature
    kinds = {name: value.WhichOneof("kind") for name, value in feature.items()}
    pixels = np.array(feature["image"].int64_list.value).reshape(28, 28)
    return kinds, pixels, list(feature["label"].int64_list.value)


def parsed_message(record: bytes) -> tf.train.Example:
    return tf.train.Example.FromString(record)


def as_tensorflow_has_it(image: np.ndarray, label: int) -> tf.train.Example:
    example = tf.train.Example()
    example.features.feature["image"].int64_list.value.extend(image.ravel().tolist())
    example.features.feature["label"].int64_list.value.append(label)
    return example


def test_the_features_are_two_integer_lists(dataset: Dataset) -> None:
    (record,) = serialize(dataset.train_images[:1], dataset.train_labels[:1])
    kinds, pixels, label = parsed(record)
    assert kinds == {"image": "int64_list", "label": "int64_list"}
    np.testing.assert_array_equal(pixels, dataset.train_images[0])
    assert label == [dataset.train_labels[0]]


def test_every_grey_value_is_kept() -> None:
    values = np.arange(256, dtype=np.uint8)
    images = np.repeat(values, 784).reshape(256, 28, 28)
    records = serialize(images, values % 10)
    pixels = np.stack([parsed(record)[1] for record in records])
    np.testing.assert_array_equal(pixels, images)


def test_every_label_is_kept() -> None:
    labels = np.arange(10, dtype=np.uint8)
    records = serialize(np.zeros((10, 28, 28), np.uint8), labels)
    assert [parsed(record)[2] for record in records] == [[n] for n in range(10)]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(images=images_of_any_kind, data=st.data())
def test_the_examples_are_those_that_tensorflow_would_make(
    images: np.ndarray, data: st.DataObject
) -> None:
    labels = data.draw(arrays(np.uint8, len(images), elements=st.integers(0, 9)))
    found = [tf.train.Example.FromString(r) for r in serialize(images, labels)]
    assert found == [
        as_tensorflow_has_it(image, label)
        for image, label in zip(images, labels.tolist(), strict=True)
    ]


def test_real_digits_come_back_through_the_parser_of_tensorflow(
    dataset: Dataset,
) -> None:
    records = serialize(dataset.train_images, dataset.train_labels)
    rows = tf.io.parse_example(
        records,
        {
            "image": tf.io.FixedLenFeature([784], tf.int64),
            "label": tf.io.FixedLenFeature([1], tf.int64),
        },
    )
    np.testing.assert_array_equal(
        rows["image"].numpy().reshape(-1, 28, 28), dataset.train_images
    )
    np.testing.assert_array_equal(rows["label"].numpy()[:, 0], dataset.train_labels)


def test_the_size_of_the_block_does_not_matter(dataset: Dataset) -> None:
    images, labels = dataset.train_images, dataset.train_labels
    at_once = serialize(images, labels)
    one_by_one = [
        serialize(images[row : row + 1], labels[row : row + 1])[0] for row in range(50)
    ]
    # The order of an example's features is not guaranteed.
    assert list(map(parsed_message, at_once)) == list(map(parsed_message, one_by_one))


def test_no_images_are_no_records() -> None:
    assert serialize(np.empty((0, 28, 28), np.uint8), np.empty(0, np.uint8)) == []


def test_a_split_whose_files_are_gone_is_no_empty_split(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}/.*: expected TFRecord"):
        read_serialized(str(tmp_path))
