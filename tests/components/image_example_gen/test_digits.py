"""The embedded digits: scikit-learn's scans, enlarged, in a fixed order."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from components.image_example_gen import digits, idx
from components.image_example_gen.source import open_source
from tests.components.datasets import Dataset


def test_the_last_fifth_is_the_test_part(all_digits: Dataset) -> None:
    assert all_digits.train_images.shape == (1437, 28, 28)
    assert all_digits.test_images.shape == (360, 28, 28)


def test_every_scan_is_there_once(all_digits: Dataset) -> None:
    labels = np.concatenate([all_digits.train_labels, all_digits.test_labels])
    np.testing.assert_array_equal(
        np.bincount(labels), np.bincount(load_digits(return_X_y=True)[1])
    )
    images = np.concatenate([all_digits.train_images, all_digits.test_images])
    assert len(np.unique(images, axis=0)) == 1797


def test_both_parts_have_about_as_many_of_each_digit(all_digits: Dataset) -> None:
    shares = [
        np.bincount(labels, minlength=10) / len(labels)
        for labels in (all_digits.train_labels, all_digits.test_labels)
    ]
    assert np.abs(shares[0] - shares[1]).max() < 0.05


def test_images_are_like_mnists_in_box_and_grey_range(all_digits: Dataset) -> None:
    images = all_digits.train_images
    frame = np.ones((28, 28), bool)
    frame[4:24, 4:24] = False
    assert not images[:, frame].any()
    assert images.min() == 0
    assert images.max() == 255


def test_an_image_made_small_again_is_the_scan(all_digits: Dataset) -> None:
    scans, labels = load_digits(return_X_y=True)
    # A cell has 2.5 pixels: at its middle the value is close to the scan's.
    middle = (4 + np.floor(2.5 * np.arange(8) + 1.25)).astype(int)
    images = all_digits.test_images[:100, middle][:, :, middle]
    distances = np.abs(images.reshape(-1, 1, 64) / 255 - scans / 16).mean(axis=2)
    np.testing.assert_array_equal(
        labels[distances.argmin(axis=1)], all_digits.test_labels[:100]
    )


def test_the_content_is_the_same_each_time(tmp_path: Path) -> None:
    digits.write(str(tmp_path / "first"))
    digits.write(str(tmp_path / "second"))
    first = open_source(str(tmp_path / "first")).fingerprint()
    assert first == open_source(str(tmp_path / "second")).fingerprint()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    digits.write(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_interrupted_in_the_middle_it_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def write(path: str, items: np.ndarray) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(path)

    monkeypatch.setattr(idx, "write", write)
    with pytest.raises(KeyboardInterrupt):
        digits.write(str(tmp_path / "digits"))
    assert list(tmp_path.iterdir()) == []
