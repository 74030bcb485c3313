"""Digits as PNGs, pixel by pixel."""

import base64
import io

import numpy as np
from components.image_example_gen.rows import Rows
from PIL import Image

from components.report import pictures


def decode(uri: str) -> np.ndarray:
    prefix = "data:image/png;base64,"
    assert uri.startswith(prefix)
    png = base64.b64decode(uri.removeprefix(prefix))
    return np.asarray(Image.open(io.BytesIO(png)))


IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)


def test_ink_is_dark_on_light() -> None:
    np.testing.assert_array_equal(decode(pictures.picture(IMAGES[0])), 255 - IMAGES[0])


def test_the_grid_has_a_row_for_each_digit_in_the_order_of_the_rows() -> None:
    rows = Rows(IMAGES, np.array([3, 0, 3, 3, 9]))
    uri, width, height = pictures.grid(rows, columns=2)
    sheet = 255 - decode(uri)
    assert sheet.shape == (height, width) == (10 * 32 - 4, 2 * 32 - 4)
    np.testing.assert_array_equal(sheet[96:124, :28], IMAGES[0])
    np.testing.assert_array_equal(sheet[96:124, 32:60], IMAGES[2])
    np.testing.assert_array_equal(sheet[:28, :28], IMAGES[1])
    np.testing.assert_array_equal(sheet[288:316, :28], IMAGES[4])
    assert not sheet[32:96].any()


def test_a_strip_leaves_gaps() -> None:
    uri, width, height = pictures.strip([IMAGES[0], None, IMAGES[1]])
    sheet = 255 - decode(uri)
    assert sheet.shape == (height, width) == (28, 92)
    np.testing.assert_array_equal(sheet[:, :28], IMAGES[0])
    np.testing.assert_array_equal(sheet[:, 64:], IMAGES[1])
    assert not sheet[:, 28:64].any()
