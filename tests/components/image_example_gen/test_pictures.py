"""Every common kind of picture becomes an array."""

import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.image_example_gen.hints import Hints
from components.image_example_gen.pictures import Picture, decode, find_form
from contract.errors import BadInputError
from tests.components.image_example_gen.forms.letters import letters, picture, png

GREY = letters([0])[0]
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)


def read(content: bytes, **hints: Any) -> np.ndarray:
    """Reads one picture without resizing or conversion."""
    form = find_form([("it", lambda: io.BytesIO(content))], Hints(**hints))
    return decode("it", content, form)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "PPM"])
def test_grey_pictures_keep_their_levels(kind: str) -> None:
    np.testing.assert_array_equal(read(picture(Image.fromarray(GREY), kind)), GREY)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_pictures_in_colour_keep_their_levels(kind: str) -> None:
    np.testing.assert_array_equal(read(picture(Image.fromarray(COLOUR), kind)), COLOUR)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_compressed_pictures_are_near(kind: str) -> None:
    smooth = np.tile(np.arange(0, 160, 10, dtype=np.uint8), (16, 1))
    found = read(picture(Image.fromarray(smooth), kind), colour="grey")
    assert np.abs(found.astype(int) - smooth).max() < 12


def test_black_and_white_is_0_and_255() -> None:
    found = read(picture(Image.fromarray(GREY).convert("1"), "PNG"))
    assert set(np.unique(found)) == {0, 255}


def test_a_palette_is_looked_up() -> None:
    indexed = Image.fromarray(GREY // 64, "P")
    indexed.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    np.testing.assert_array_equal(read(picture(indexed, "PNG")), colours[GREY // 64])


def test_a_palette_of_greys_is_grey() -> None:
    indexed = Image.fromarray(GREY // 64, "P")
    indexed.putpalette([0, 0, 0, 80, 80, 80, 160, 160, 160, 255, 255, 255])
    levels = np.array([0, 80, 160, 255], np.uint8)
    np.testing.assert_array_equal(read(picture(indexed, "PNG")), levels[GREY // 64])


def test_what_is_transparent_lies_on_white_or_on_the_background() -> None:
    see_through = np.zeros((4, 4, 4), np.uint8)
    see_through[1, 1] = (10, 20, 30, 255)
    content = picture(Image.fromarray(see_through), "PNG")
    found = read(content)
    assert found[1, 1].tolist() == [10, 20, 30]
    assert found[0, 0].tolist() == [255, 255, 255]
    assert read(content, background="0")[0, 0].tolist() == [0, 0, 0]


def test_grey_with_transparency_is_grey() -> None:
    layers = np.stack([np.full((4, 4), 99), np.full((4, 4), 255)], -1).astype(np.uint8)
    assert (
        read(picture(Image.fromarray(layers, "LA"), "PNG")).tolist() == [[99] * 4] * 4
    )


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_become_eight(kind: str) -> None:
    deep = GREY.astype(np.uint16) * 257
    np.testing.assert_array_equal(read(picture(Image.fromarray(deep), kind)), GREY)


def test_cmyk_is_a_picture_in_colour() -> None:
    printed = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = read(picture(printed, "TIFF"))
    assert red[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_stands_as_its_camera_says(turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    turned: dict[int, Any] = {
        1: GREY,
        2: GREY[:, ::-1],
        3: GREY[::-1, ::-1],
        4: GREY[::-1],
        5: GREY.T,
        6: np.rot90(GREY, 3),
        7: GREY[::-1, ::-1].T,
        8: np.rot90(GREY),
    }
    found = read(png(GREY, exif=exif))
    np.testing.assert_array_equal(found, turned[turn])


def test_of_several_frames_the_first_is_taken() -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    content = picture(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read(content), GREY)


def test_a_picture_is_brought_to_a_size_whatever_its_proportions() -> None:
    halves = np.zeros((10, 300), np.uint8)
    halves[:, 150:] = 200
    found = read(png(halves), resize="4x2")
    assert found.shape == (2, 4)
    assert found[0].tolist() == [0, found[0, 1], found[0, 2], 200]


def test_no_more_pictures_are_read_than_tell_the_format() -> None:
    """The bytes of all of them might exceed the memory."""

    def some() -> Iterator[Picture]:
        yield "grey", lambda: io.BytesIO(png(GREY))
        yield "colourful", lambda: io.BytesIO(png(COLOUR))
        pytest.fail("it has colour")

    assert find_form(some(), Hints()).shape == COLOUR.shape


def test_a_colour_among_grey_ones_needs_a_word() -> None:
    form = find_form([("grey", lambda: io.BytesIO(png(GREY)))], Hints())
    with pytest.raises(BadInputError, match=r"--colour rgb or --colour grey"):
        decode("colourful", png(COLOUR), form)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "expected a picture, found an empty file: repair or remove it"),
        (b"<html>", "expected a picture, found 0x3c68746d: repair or remove it"),
    ],
)
def test_what_is_no_picture_is_told_by_its_first_bytes(
    content: bytes, reason: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        read(content)
    assert str(caught.value).startswith(f"it: {reason}")


def test_floating_levels_are_refused() -> None:
    content = picture(Image.fromarray(GREY.astype(np.float32)), "TIFF")
    with pytest.raises(BadInputError, match=r"levels that are no whole numbers"):
        read(content)


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = picture(Image.new("1", (20_000, 6_000)), "PNG")
    with pytest.raises(BadInputError, match=r"expected at most 100,000,000 pixels"):
        read(content, resize="8x8")
