"""Pixels of all customary ranges are converted to 0 to 255."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from tests.components.image_example_gen.forms.letters import letters

LABELS = [0, 1, 2, 2, 1, 0]
IMAGES = letters(LABELS, width=12)


def read(path: Path) -> np.ndarray:
    return next(open_source(str(path)).blocks("train"))[0]


@pytest.mark.parametrize("white", [1, 16, 255])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_floats_are_scaled_by_what_white_is(
    tmp_path: Path, white: int, kind: str
) -> None:
    np.savez(tmp_path / "a.npz", x=(IMAGES / 255 * white).astype(kind), y=LABELS)
    np.testing.assert_array_equal(read(tmp_path / "a.npz"), IMAGES)
    notices = open_source(str(tmp_path / "a.npz")).notices
    assert [f"from 0 to {white}, and are multiplied" in n for n in notices] == (
        [] if white == 255 else [True]
    )


@pytest.mark.parametrize("white", [1, 16])
def test_a_table_may_have_fractions_or_few_levels(tmp_path: Path, white: int) -> None:
    """scikit-learn's digits are in 0.0 to 16.0."""
    levels = np.round(IMAGES / 255 * white)
    rows = np.column_stack([LABELS, levels.reshape(len(LABELS), -1)])
    np.savetxt(tmp_path / "a.csv", rows, "%.1f", ",")
    expected = np.floor(levels * 255 / white + 0.5)
    np.testing.assert_array_equal(read(tmp_path / "a.csv"), expected)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda x: x / 127.5 - 1, "found -1 to 0.9"),
        (lambda x: x * 2.0, "found 0 to 50"),
        (lambda x: x * np.nan, "found nan to nan"),
    ],
)
def test_other_numbers_are_refused(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], found: str
) -> None:
    np.savez(tmp_path / "a.npz", x=change(IMAGES), y=LABELS)
    with pytest.raises(BadInputError, match=found):
        open_source(str(tmp_path / "a.npz"))
