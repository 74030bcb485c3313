"""The facts about the data agree with the rows."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from components.image_example_gen.examples import Rows
from components.report.data import describe_sample, describe_split, describe_splits
from contract.features import EVAL, TRAIN
from tests.components.report.conftest import TASKS, Small, describe


@pytest.fixture(scope="module")
def digits(small: Callable[[str], Small]) -> Small:
    return small("digits")


@pytest.mark.parametrize("name", TASKS)
def test_a_split_is_counted_and_measured(
    small: Callable[[str], Small], name: str
) -> None:
    given = small(name)
    images = given.rows[EVAL].images
    split = describe_split("eval", given.statistics[EVAL], given.task)
    assert (split.name, split.examples) == ("eval", len(images))
    assert list(split.counts) == given.counts(EVAL)
    assert split.other_labels == 0
    assert split.pixels is not None
    assert split.pixels.mean == pytest.approx(images.mean())
    assert split.pixels.std_dev == pytest.approx(images.std(), rel=1e-5)
    assert (split.pixels.lowest, split.pixels.highest) == (images.min(), images.max())
    if name == "digits":
        assert split.pixels.inked == pytest.approx((images > 0).mean())
    else:
        assert split.pixels.inked is None


def test_a_class_that_a_split_lacks_is_counted_as_none(digits: Small) -> None:
    rows = digits.rows[EVAL]
    kept = rows.labels != 4
    lacking = Rows(rows.images[kept], rows.labels[kept])
    split = describe_split("eval", describe(lacking, digits.schema), digits.task)
    assert split.counts[4] == 0
    assert sum(split.counts) == kept.sum()


def test_a_label_that_is_of_no_class_is_counted_apart(digits: Small) -> None:
    rows = digits.rows[EVAL]
    labels = rows.labels.copy()
    labels[:3] = 77
    split = describe_split(
        "eval", describe(Rows(rows.images, labels), digits.schema), digits.task
    )
    assert split.other_labels == 3
    assert sum(split.counts) == len(labels) - 3


def test_a_split_without_examples_has_nothing_to_measure(digits: Small) -> None:
    rows = digits.rows[EVAL]
    nothing = Rows(rows.images[:0], rows.labels[:0])
    split = describe_split("eval", describe(nothing, digits.schema), digits.task)
    assert (split.examples, sum(split.counts), split.other_labels) == (0, 0, 0)
    assert split.pixels is None


def test_splits_come_in_the_order_that_is_asked_for(digits: Small) -> None:
    shuffled = {name: digits.statistics[name] for name in ("test", "eval", "train")}
    extra = {"more": digits.statistics["eval"], **shuffled}
    found = describe_splits(extra, digits.task, ["train", "eval", "test"])
    assert [split.name for split in found] == ["train", "eval", "test", "more"]


@pytest.mark.parametrize(("name", "background"), [("digits", 0), ("letters", 255)])
def test_ink_is_what_is_not_the_background(
    small: Callable[[str], Small], name: str, background: int
) -> None:
    given = small(name)
    rows = given.rows[TRAIN]
    kept = rows.labels != 7
    of = Rows(rows.images[kept], rows.labels[kept])
    sampled = describe_sample("train", of, given.task)
    assert sampled.rows == kept.sum()
    assert sampled.found[7] == 0
    assert sampled.inked[7] is None
    expected = (given.of_class(TRAIN, 1) != background).mean()
    assert sampled.inked[1] == pytest.approx(expected)


def test_a_pixel_in_colour_has_ink_if_one_channel_has(
    small: Callable[[str], Small],
) -> None:
    task = replace(small("shapes").task, background=0)
    images = np.zeros((1, *task.shape), np.uint8)
    images[0, 0, :8, 2] = 200
    sampled = describe_sample("train", Rows(images, np.zeros(1, int)), task)
    assert sampled.inked[0] == pytest.approx(8 / (task.height * task.width))


def test_without_a_background_there_is_no_ink(small: Callable[[str], Small]) -> None:
    given = small("shapes")
    assert describe_sample("train", given.rows[TRAIN], given.task).inked == ()
