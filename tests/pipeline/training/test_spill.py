"""Rows in a temporary file are read back by their numbers."""

import os

import numpy as np
import pytest

from pipeline.training.spill import Spill

FLOAT = np.dtype(np.float32)


def filled(rows: np.ndarray) -> Spill:
    spill = Spill(rows.shape[1:], rows.dtype)
    spill.append(rows[:3])
    spill.append(rows[3:])
    return spill


def test_any_rows_in_any_order_go_where_they_shall() -> None:
    rows = np.random.default_rng(0).random((10, 2, 3), np.float32)
    spill = filled(rows)
    into = np.full((5, 2, 3), -1, np.float32)

    spill.read(np.array([9, 0, 4, 4]), into, np.array([0, 2, 3, 4]))

    assert len(spill) == 10
    np.testing.assert_array_equal(into[[0, 2, 3, 4]], rows[[9, 0, 4, 4]])
    assert (into[1] == -1).all()


def test_nothing_asked_for_is_nothing_read() -> None:
    into = np.empty((0, 2), np.float32)
    Spill((2,), FLOAT).read(np.array([], int), into, np.array([], int))


def test_a_row_that_is_not_there_is_an_error() -> None:
    spill = filled(np.zeros((4, 2), np.float32))
    with pytest.raises(OSError, match=r"^row 4 .*expected 8 bytes, found 0$"):
        spill.read(np.array([4]), np.empty((1, 2), np.float32), np.array([0]))


def test_its_file_has_no_name(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    filled(np.zeros((4, 2), np.float32))
    assert os.listdir(str(tmp_path)) == []
