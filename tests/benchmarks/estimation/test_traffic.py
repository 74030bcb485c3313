"""The pictures that the study of estimates sends."""

import numpy as np
import pytest

from benchmarks.estimation import traffic
from tests.serving.tasks import DIGITS

KINDS = traffic.disturbed()


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def images() -> np.ndarray:
    """Twenty images of a bar in the middle."""
    images = np.zeros((20, 28, 28), np.uint8)
    images[:, 6:22, 12:16] = 200
    return images


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_makes_other_images_of_the_same_form(
    kind: str, images: np.ndarray, chance: np.random.Generator
) -> None:
    made = KINDS[kind](images, chance)
    assert (made.shape, made.dtype) == (images.shape, np.uint8)
    assert (made == images).all() == (kind == "as they are")


def test_a_shift_moves_all_ink_to_one_side(
    images: np.ndarray, chance: np.random.Generator
) -> None:
    middles = [
        tuple(axis.mean() - 13.5 for axis in np.nonzero(image))
        for image in KINDS["shifted by 3"](images, chance)
    ]
    assert set(middles) == {(3, 0), (-3, 0), (0, 3), (0, -3)}


def test_digits_are_drawn_in_the_form_that_the_page_gives_them(
    chance: np.random.Generator,
) -> None:
    made, labels = traffic.drawn(30, DIGITS, chance)
    assert made.shape == (30, 28, 28)
    assert set(labels) <= set(range(10))
    for image in made:
        rows, columns = np.nonzero(image)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20


def test_letters_are_those_that_are_asked_for(chance: np.random.Generator) -> None:
    upright = traffic.letters("l", 5, DIGITS, chance)
    wide = traffic.letters("w", 5, DIGITS, chance)
    assert upright.shape == wide.shape == (5, 28, 28)

    def width(images: np.ndarray) -> int:
        return int((images > 0).any(axis=1).sum(axis=1).mean())

    assert width(upright) < 12 < width(wide)
