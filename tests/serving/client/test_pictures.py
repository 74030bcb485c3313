"""Pictures of any common form become images of any task."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from contract.task import Task
from serving.client import pictures
from serving.client.errors import InputError
from serving.client.pictures import Fit, Way
from serving.client.prepare import Form, from_drawing
from tests.serving import stand_in
from tests.serving.tasks import DIGITS, LETTERS, SHAPES

GREY = replace(SHAPES, channels=1)
RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (12, 16, 3)).astype(np.uint8)


def encoded(
    image: Image.Image | np.ndarray, kind: str = "PNG", **more: object
) -> bytes:
    content = io.BytesIO()
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(content, kind, **more)
    return content.getvalue()


def halves(height: int, width: int) -> np.ndarray:
    """Red on the left, green on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = pixels[:, width // 2 :, 1] = 200
    return pixels


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "GIF"])
@pytest.mark.parametrize("fit", [None, *Fit])
def test_a_picture_of_the_tasks_size_is_kept(kind: str, fit: Fit | None) -> None:
    pixels = COLOURS if kind != "GIF" else halves(12, 16)
    options = {"lossless": True} if kind == "WEBP" else {}
    found, way = pictures.from_bytes(encoded(pixels, kind, **options), SHAPES, fit)
    np.testing.assert_array_equal(found, pixels)
    assert way is Way.AS_IS


def test_a_jpeg_is_read() -> None:
    found, _ = pictures.from_bytes(encoded(halves(96, 128), "JPEG"), SHAPES)
    assert np.abs(found[6, 2].astype(int) - (200, 0, 0)).max() <= 4
    assert np.abs(found[6, 13].astype(int) - (0, 200, 0)).max() <= 4


def test_stretching_sees_all_of_the_picture() -> None:
    found, way = pictures.from_bytes(encoded(halves(90, 30)), SHAPES)
    assert way is Way.STRETCH
    assert found.shape == (12, 16, 3)
    assert (found[:, :7] == (200, 0, 0)).all()
    assert (found[:, 9:] == (0, 200, 0)).all()


def test_padding_keeps_proportions_on_white() -> None:
    found, way = pictures.from_bytes(encoded(halves(90, 30)), SHAPES, Fit.PAD)
    assert way is Way.PAD
    assert (found[:, :6] == 255).all()
    assert (found[:, 10:] == 255).all()
    assert found[6, 6].tolist() == [200, 0, 0]
    assert found[6, 9].tolist() == [0, 200, 0]


def test_padding_is_on_the_background_where_there_is_one() -> None:
    page = np.full((90, 30), 7, np.uint8)
    found, _ = pictures.from_bytes(encoded(page), DIGITS, Fit.PAD)
    assert set(found[:, 0]) == {0}
    assert set(found[:, 14]) == {7}


def test_cropping_keeps_proportions_and_the_middle() -> None:
    pixels = halves(90, 30)
    pixels[:20] = pixels[-20:] = 255  # of 90 rows the middle 22.5 are seen
    found, way = pictures.from_bytes(encoded(pixels), SHAPES, Fit.CROP)
    assert way is Way.CROP
    assert not (found == 255).all(-1).any()
    assert found[6, 2].tolist() == [200, 0, 0]


def test_a_grey_picture_has_three_equal_channels() -> None:
    found, _ = pictures.from_bytes(encoded(COLOURS[..., 0]), SHAPES)
    for channel in range(3):
        np.testing.assert_array_equal(found[..., channel], COLOURS[..., 0])


def test_colours_become_grey_as_television_weighs_them() -> None:
    found, _ = pictures.from_bytes(encoded(COLOURS), GREY)
    weighed = COLOURS @ (0.299, 0.587, 0.114)
    assert np.abs(found - weighed).max() <= 1


def test_transparency_is_laid_on_white_or_the_background() -> None:
    layers = np.dstack([COLOURS, np.full((12, 16), 0, np.uint8)])
    assert (pictures.from_bytes(encoded(layers), SHAPES)[0] == 255).all()
    on_grey = replace(GREY, background=30)
    assert (pictures.from_bytes(encoded(layers), on_grey, Fit.PAD)[0] == 30).all()


def test_16_bits_are_scaled_to_8() -> None:
    deep = COLOURS[..., 0].astype(np.uint16) * 257
    found, _ = pictures.from_bytes(encoded(deep), GREY)
    np.testing.assert_array_equal(found, COLOURS[..., 0])


def test_a_palette_is_looked_up() -> None:
    palette = Image.fromarray(halves(12, 16)).quantize(4)
    found, _ = pictures.from_bytes(encoded(palette), SHAPES)
    np.testing.assert_array_equal(found, halves(12, 16))


def test_the_cameras_orientation_is_honoured() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # held on its side
    sideways = np.ascontiguousarray(np.rot90(halves(12, 16)))
    found, way = pictures.from_bytes(encoded(sideways, exif=exif), SHAPES)
    np.testing.assert_array_equal(found, halves(12, 16))
    assert way is Way.AS_IS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<svg/>", "expected a picture"),
        (encoded(COLOURS)[:80], "the picture is damaged"),
        (encoded(np.zeros((4, 4), np.float32), "TIFF"), "levels of 8 or 16 bit"),
        (encoded(np.full((4, 4), 1 << 20, np.int32), "TIFF"), "levels of 8 or 16 bit"),
        (encoded(np.zeros((7100, 7100), bool)), "at most 50000000 pixels"),
    ],
)
def test_what_is_no_picture_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pictures.from_bytes(content, SHAPES)


class TestDrawings:
    """A task that can be drawn, of any size and either polarity."""

    @pytest.mark.parametrize("inverted", [False, True])
    def test_the_box_and_the_background_are_the_tasks(self, inverted: bool) -> None:
        page = np.zeros((60, 60), np.float32)
        page[10:50, 25:40] = 255
        found = from_drawing(255 - page if inverted else page, LETTERS)
        assert found.shape == (20, 24)
        assert found[0, 0] == 255
        rows, columns = np.nonzero(found < 128)
        # 20 high and 24 wide: a margin of 3, a box of 14 by 18
        assert (rows.min(), rows.max()) == (3, 16)
        assert abs(columns.mean() + 0.5 - 12) <= 0.5
        assert found.min() == 0

    def test_mnists_box_is_20_in_28(self) -> None:
        assert Form.of(DIGITS) == Form(28, 28, 20, 20, 0, 255)

    def test_an_image_of_the_task_is_kept_whatever_its_margins(self) -> None:
        page = stand_in.letter("w", stand_in.FACES[0], np.random.default_rng(0))
        found, _ = pictures.from_bytes(encoded(page), LETTERS)
        np.testing.assert_array_equal(found, page)

    def test_one_of_the_other_polarity_is_a_drawing(self) -> None:
        page = stand_in.letter("w", stand_in.FACES[0], np.random.default_rng(0))
        found, _ = pictures.from_bytes(encoded(255 - page), LETTERS)
        assert found[0, 0] == 255

    def test_a_blank_page_holds_no_letter(self) -> None:
        page = np.full((50, 50), 200, np.float32)
        with pytest.raises(InputError, match="no letter found: the picture is blank"):
            from_drawing(page, LETTERS)


@pytest.mark.parametrize(
    ("task", "shape"), [(SHAPES, (12, 16, 3)), (DIGITS, (28, 28)), (LETTERS, (20, 24))]
)
def test_arrays_of_the_tasks_shape_are_sent_as_they_are(
    task: Task, shape: tuple[int, ...]
) -> None:
    pixels = RNG.integers(0, 256, shape).astype(np.uint8)
    found, way = pictures.from_array(pixels, task)
    assert found is pixels
    assert way is Way.AS_IS


def test_arrays_of_other_shapes_are_fitted() -> None:
    found, way = pictures.from_array(halves(24, 32), SHAPES)
    assert (found.shape, way) == ((12, 16, 3), Way.STRETCH)
    with pytest.raises(InputError, match=r"found \[4, 4, 2\]"):
        pictures.from_array(np.zeros((4, 4, 2), np.uint8), SHAPES)
