"""The page shows these rows of a split."""

from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen.examples import Rows, SplitWriter
from components.report.rows import sample_rows
from contract.task import Task

TASK = Task("dots", 2, 2, 1, ("a", "b", "c"), "dot", None)
EACH = 40


@pytest.mark.parametrize("is_sorted", [True, False])
def test_of_rows_that_are_ordered_by_class_each_class_is_seen(
    tmp_path: Path, is_sorted: bool
) -> None:
    labels = np.arange(3 * EACH, dtype=np.int64) % 3
    labels = np.sort(labels) if is_sorted else labels
    images = np.arange(3 * EACH, dtype=np.uint8)[:, None, None].repeat(4, 1)
    images = images.reshape(-1, 2, 2)
    writer = SplitWriter(str(tmp_path), len(labels), 50)
    writer.write(Rows(images, labels))
    writer.close()
    rows, is_by_class = sample_rows(str(tmp_path), TASK, limit=EACH)
    assert is_by_class == is_sorted
    assert np.bincount(rows.labels).min() >= EACH // 3
    np.testing.assert_array_equal(labels[rows.images[:, 0, 0]], rows.labels)
    for label in range(3):
        seen = rows.images[rows.labels == label, 0, 0].tolist()
        assert seen == np.flatnonzero(labels == label)[: len(seen)].tolist()


def test_all_rows_are_seen_where_they_are_few(tmp_path: Path) -> None:
    writer = SplitWriter(str(tmp_path), 3, 50)
    writer.write(Rows(np.zeros((3, 2, 2), np.uint8), np.array([0, 0, 1])))
    writer.close()
    rows, is_by_class = sample_rows(str(tmp_path), TASK, limit=EACH)
    assert (rows.labels.tolist(), is_by_class) == ([0, 0, 1], False)
