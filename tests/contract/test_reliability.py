"""Reliability is measured on held rows, and read back."""

from pathlib import Path

import numpy as np
import pytest

from contract.errors import BadInputError
from contract.reliability import (
    RELIABILITY_FILE,
    Reliability,
    measure,
    read_reliability,
)


def rows_of(confidences: list[float], right: list[bool]) -> Reliability:
    """Returns the reliability on rows of two classes, all answered with class 1."""
    ones = np.array(confidences, np.float32)
    labels = np.array(right, np.int64)
    novelty = np.arange(len(ones), dtype=np.float32)
    return measure(np.stack([1 - ones, ones], axis=1), labels, novelty)


def test_a_block_has_the_share_of_right_answers_that_never_falls() -> None:
    measured = rows_of(
        [0.6, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9, 0.9],
        # 0.7 was right and 0.8 was wrong, so isotonic regression merges both.
        [False, False, True, False, True, True, True, False],
    )
    assert measured.edges == pytest.approx((0, 0.7, 0.9))
    assert measured.rows == (2, 2, 4)
    assert measured.right == (0, 1, 3)
    assert measured.answered == (0, 8)
    assert measured.accuracy == 0.5


def test_answers_of_one_confidence_are_one_block_in_whatever_order() -> None:
    right = [True, False, True, False]
    assert rows_of([0.9] * 4, right) == rows_of([0.9] * 4, right[::-1])
    assert rows_of([0.9] * 4, right).rows == (4,)


def test_the_parts_hold_as_many_rows_and_the_bound_leaves_a_hundredth() -> None:
    novelty = np.random.default_rng(0).permutation(1000).astype(np.float32)
    halves = np.full((1000, 2), 0.5, np.float32)
    measured = measure(halves, np.zeros(1000, np.int64), novelty)
    assert measured.novelty_edges == tuple(range(99, 900, 100))
    assert measured.novelty_rows == (100,) * 10
    # All have the same confidence, so there are fewer than ten bins.
    assert measured.confidence_rows == (1000, *[0] * 9)
    assert (novelty > measured.novelty_bound).sum() == 10


def test_it_comes_back_from_a_saved_model_and_an_older_one_has_none(
    tmp_path: Path,
) -> None:
    assert read_reliability(str(tmp_path)) is None
    measured = rows_of([0.6, 0.9], [False, True])
    path = tmp_path / RELIABILITY_FILE
    path.parent.mkdir()
    path.write_text(measured.to_json())
    assert read_reliability(str(tmp_path)) == measured


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"edges": {}}', "\xff"], ids=lambda text: text or "empty"
)
def test_another_file_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / RELIABILITY_FILE
    path.parent.mkdir()
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadInputError) as refused:
        read_reliability(str(tmp_path))
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)
