"""Images become pictures of the page, pixel by pixel."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from components.image_example_gen import mnist
from components.image_example_gen.examples import Rows
from components.report import pictures
from contract.task import Task
from tests.tasks import LETTERS, SHAPES

PHOTOS = replace(SHAPES, height=300, width=400)
GREY = replace(mnist.TASK, background=None)


def decode(picture: pictures.Picture) -> np.ndarray:
    kind, _, data = picture.uri.partition(";base64,")
    assert kind in ("data:image/png", "data:image/jpeg")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def images_of(task: Task, count: int = 5) -> np.ndarray:
    shape = (count, *task.shape)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def test_what_can_be_drawn_is_dark_on_light_whatever_the_background() -> None:
    [light] = images_of(mnist.TASK, 1)
    np.testing.assert_array_equal(
        decode(pictures.picture(light, mnist.TASK)), 255 - light
    )
    [dark] = images_of(LETTERS, 1)
    np.testing.assert_array_equal(decode(pictures.picture(dark, LETTERS)), dark)
    assert "ink" in pictures.picture(dark, LETTERS).look


@pytest.mark.parametrize("task", [GREY, SHAPES], ids=["grey", "colour"])
def test_any_other_is_shown_as_it_is(task: Task) -> None:
    image = np.full(task.shape, 40, np.uint8)
    picture = pictures.picture(image, task)
    np.testing.assert_array_equal(decode(picture), image)
    assert "ink" not in picture.look


def test_a_small_one_is_shown_by_whole_pixels() -> None:
    picture = pictures.picture(images_of(SHAPES)[0], SHAPES, side=84)
    assert (picture.width, picture.height) == (80, 60)
    assert decode(picture).shape == (12, 16, 3)
    assert "crisp" in picture.look


def test_a_large_one_is_made_smaller_and_keeps_its_proportions() -> None:
    picture = pictures.picture(images_of(PHOTOS, 1)[0], PHOTOS, side=84)
    assert (picture.width, picture.height) == (84, 63)
    assert decode(picture).shape == (63, 84, 3)
    assert "crisp" not in picture.look
    assert len(picture.uri) < 9000


@pytest.mark.parametrize("shape", [(1, 1000), (1000, 1), (1, 1)])
def test_any_proportion_can_be_shown(shape: tuple[int, int]) -> None:
    task = replace(GREY, height=shape[0], width=shape[1])
    picture = pictures.picture(np.zeros(shape, np.uint8), task, side=84)
    assert min(picture.width, picture.height) >= 1
    assert max(picture.width, picture.height) <= 84


def test_the_first_images_of_each_class_come_in_the_order_of_the_rows() -> None:
    images = images_of(mnist.TASK)
    found = list(
        pictures.galleries(Rows(images, np.array([3, 0, 3, 3, 9])), mnist.TASK)
    )
    assert [len(gallery.images) for gallery in found] == [1, 0, 0, 3, *[0] * 5, 1]
    np.testing.assert_array_equal(255 - decode(found[3].images[1]), images[2])
    assert found[1].mean is None


def test_the_mean_is_of_all_images_of_the_class() -> None:
    images = images_of(mnist.TASK)
    [of_first, *_] = pictures.galleries(Rows(images, np.zeros(5, int)), mnist.TASK)
    assert of_first.mean is not None
    np.testing.assert_allclose(
        255 - decode(of_first.mean), images.mean(axis=0), atol=0.5
    )


def test_of_hundreds_of_photographs_there_are_few_bytes() -> None:
    task = replace(PHOTOS, classes=tuple(map(str, range(300))))
    rows = Rows(np.repeat(images_of(PHOTOS, 4), 150, axis=0), np.arange(600) % 300)
    found = list(pictures.galleries(rows, task))
    assert len(found) == pictures.ROWS + pictures.SINGLES
    shown = [p for gallery in found for p in (gallery.mean, *gallery.images) if p]
    assert sum(len(picture.uri) for picture in shown) < 1_000_000
