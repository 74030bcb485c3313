"""The requests that the executor writes are read back by the probe."""

from pathlib import Path

import numpy as np

from components.serving_validator.requests import Requests


def test_what_is_saved_is_loaded_again(requests: Requests, tmp_path: Path) -> None:
    path = str(tmp_path / "requests.npz")
    requests.save(path)
    loaded = Requests.load(path)
    np.testing.assert_array_equal(loaded.images, requests.images)
    np.testing.assert_array_equal(loaded.probabilities, requests.probabilities)
    np.testing.assert_array_equal(loaded.novelty, requests.novelty)
    assert loaded.examples == requests.examples
    assert loaded.task == requests.task


def test_examples_of_any_length_and_bytes_keep_their_bounds(tmp_path: Path) -> None:
    path = str(tmp_path / "requests.npz")
    examples = [b"", b"\0", b"\0\xff\n" * 100, b"", b"last\0"]
    Requests(
        np.zeros((5, 28, 28), np.uint8),
        examples,
        np.zeros((5, 10), np.float32),
        np.zeros(5, np.float32),
        "{}",
    ).save(path)
    assert Requests.load(path).examples == examples


def test_types_are_kept(requests: Requests, tmp_path: Path) -> None:
    path = str(tmp_path / "requests.npz")
    requests.save(path)
    loaded = Requests.load(path)
    assert loaded.images.dtype == np.uint8
    assert loaded.probabilities.dtype == np.float32
