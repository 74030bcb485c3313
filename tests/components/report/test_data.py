"""The facts about the data, against the rows that they are of."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from components.image_example_gen.rows import Rows

from components.report.data import (
    describe_sample,
    describe_split,
    describe_splits,
    mean_images,
)


def counts(labels: np.ndarray) -> tuple[int, ...]:
    return tuple(np.bincount(labels, minlength=10).tolist())


def test_a_split_is_counted_and_measured(
    rows: dict[str, Any], statistics: dict[str, Any]
) -> None:
    images, labels = rows["eval"]
    split = describe_split("eval", statistics["eval"])
    assert (split.name, split.examples) == ("eval", 200)
    assert split.digits == counts(labels)
    assert split.other_labels == 0
    assert split.pixels is not None
    assert split.pixels.mean == pytest.approx(images.mean())
    assert split.pixels.std_dev == pytest.approx(images.std(), rel=1e-6)
    assert split.pixels.inked == pytest.approx((images > 0).mean())
    assert (split.pixels.lowest, split.pixels.highest) == (images.min(), images.max())


def test_a_digit_that_a_split_lacks_is_counted_as_none(
    rows: dict[str, Any], describe: Callable[..., Any]
) -> None:
    images, labels = rows["eval"]
    kept = labels != 4
    split = describe_split("eval", describe((images[kept], labels[kept])))
    assert split.digits == counts(labels[kept])
    assert split.digits[4] == 0


def test_a_label_that_is_no_digit_is_counted_apart(
    rows: dict[str, Any], describe: Callable[..., Any]
) -> None:
    images, labels = rows["eval"]
    labels = labels.copy()
    labels[:3] = 77
    split = describe_split("eval", describe((images, labels)))
    assert split.other_labels == 3
    assert sum(split.digits) == 197


def test_a_split_without_examples_has_nothing_to_measure(
    rows: dict[str, Any], describe: Callable[..., Any]
) -> None:
    images, labels = rows["eval"]
    split = describe_split("eval", describe((images[:0], labels[:0])))
    assert (split.examples, sum(split.digits), split.other_labels) == (0, 0, 0)
    assert split.pixels is None


def test_splits_come_in_the_order_that_is_asked_for(statistics: dict[str, Any]) -> None:
    shuffled = {name: statistics[name] for name in ("test", "eval", "train")}
    extra = {"more": statistics["eval"], **shuffled}
    found = describe_splits(extra, ["train", "eval", "test"])
    assert [split.name for split in found] == ["train", "eval", "test", "more"]


def test_a_sample_tells_the_ink_of_each_digit(rows: dict[str, Any]) -> None:
    images, labels = rows["train"]
    kept = labels != 7
    sampled = describe_sample("train", Rows(images[kept], labels[kept]))
    assert sampled.rows == kept.sum()
    assert sampled.found == counts(labels[kept])
    assert sampled.inked[7] is None
    assert sampled.inked[1] == pytest.approx((images[labels == 1] > 0).mean())


def test_mean_images_are_of_each_digit(rows: dict[str, Any]) -> None:
    images, labels = rows["train"]
    kept = labels != 7
    means = mean_images(Rows(images[kept], labels[kept]))
    assert means[7] is None
    assert means[2] is not None
    np.testing.assert_allclose(means[2], images[labels == 2].mean(axis=0), atol=0.5)
