"""Test images that are in the training part are counted during reading."""

import numpy as np

from components.image_example_gen.duplicates import Hashes
from contract.features import SPLITS
from tests.components.datasets import Dataset

TRAIN, EVAL, TEST = range(len(SPLITS))


def test_each_test_image_that_is_in_the_training_part_counts(dataset: Dataset) -> None:
    hashes = Hashes()
    copies = dataset.train_images[[3, 44, 44]]
    hashes.add("train", dataset.train_images[:30])
    hashes.add("train", dataset.train_images[30:])
    hashes.add("test", np.concatenate([dataset.test_images, copies]))
    splits = {
        "train": np.repeat([TRAIN, EVAL], [40, 10]),
        "test": np.full(23, TEST),
    }
    assert hashes.test_rows_in_training(splits) == 3


def test_splits_of_one_part_are_compared(dataset: Dataset) -> None:
    hashes = Hashes()
    hashes.add("train", dataset.train_images[[0, 1, 2, 0, 3]])
    splits = {"train": np.array([TRAIN, TRAIN, EVAL, TEST, TEST])}
    assert hashes.test_rows_in_training(splits) == 1
    found = hashes.pairs(splits, "{} {}".format)
    assert found == [{"test": "train 3", "train": "train 0"}]


def test_one_pixel_makes_another_image(dataset: Dataset) -> None:
    hashes = Hashes()
    hashes.add("train", dataset.train_images[:5])
    hashes.add("test", dataset.train_images[:5] ^ np.uint8(1))
    splits = {"train": np.full(5, TRAIN), "test": np.full(5, TEST)}
    assert hashes.test_rows_in_training(splits) == 0
