"""Each row is assigned to a split."""

from typing import Any

import numpy as np
import pytest

from components.image_example_gen.splitting import (
    Assignment,
    Settings,
    assign,
    count,
    is_ordered,
)
from contract.errors import BadInputError
from contract.features import SPLITS

CLASSES = ("ant", "bee", "cat")
SHUFFLED = np.random.default_rng(3).permutation(np.repeat([0, 1, 2], [100, 60, 40]))
TEST = np.repeat([0, 1, 2], 10)


def split(
    labels: np.ndarray = SHUFFLED,
    test: np.ndarray | None = None,
    in_order: bool = True,
    **settings: Any,
) -> Assignment:
    parts = {"train": labels} if test is None else {"train": labels, "test": test}
    return assign("data", parts, CLASSES, Settings(**settings), in_order)


def rows(assignment: Assignment, split: str) -> list[int]:
    """Returns the rows of the training part in a split."""
    codes = assignment.rows["train"]
    return np.flatnonzero(codes == SPLITS.index(split)).tolist()


def shares(assignment: Assignment, labels: np.ndarray = SHUFFLED) -> dict[str, Any]:
    """Returns the number of rows of each class, by split."""
    counts = count({"train": labels}, assignment, len(CLASSES))
    return {split: of_split.tolist() for split, of_split in counts.items()}


def test_with_a_test_part_the_last_rows_are_eval_as_in_keras() -> None:
    found = split(test=TEST)
    assert found.how == "last"
    assert rows(found, "train") == list(range(160))
    assert rows(found, "eval") == list(range(160, 200))
    assert (found.rows["test"] == SPLITS.index("test")).all()


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(np.sort(SHUFFLED), id="ordered"),
        pytest.param(np.sort(SHUFFLED)[::-1], id="ordered the other way round"),
        pytest.param(
            np.concatenate([np.sort(SHUFFLED[:150]), SHUFFLED[150:]])[::-1],
            id="ordered at the end",
        ),
    ],
)
def test_rows_that_are_ordered_by_class_are_split_stratified(
    labels: np.ndarray,
) -> None:
    found = split(labels, test=TEST)
    assert found.how == "stratified"
    assert "ordered by class" in found.why
    assert shares(found, labels) == {
        "train": [80, 48, 32],
        "eval": [20, 12, 8],
        "test": [0, 0, 0],
    }


def test_without_a_test_part_each_class_gives_its_share_to_each_split() -> None:
    assert shares(split()) == {
        "train": [64, 38, 26],
        "eval": [16, 10, 6],
        "test": [20, 12, 8],
    }


def test_files_in_folders_have_no_order_that_could_be_kept() -> None:
    assert split(test=TEST, in_order=False).how == "stratified"


def test_the_same_seed_takes_the_same_rows_and_another_one_others() -> None:
    assert rows(split(), "test") == rows(split(), "test")
    assert rows(split(seed=2), "test") != rows(split(), "test")


def test_rows_in_another_order_are_split_in_the_same_shares() -> None:
    assert shares(split(np.sort(SHUFFLED)), np.sort(SHUFFLED)) == shares(split())


def test_what_is_asked_for_wins() -> None:
    assert split(test=TEST, split="stratified").how == "stratified"
    found = split(np.sort(SHUFFLED), split="last", test_fraction=0.1)
    assert rows(found, "test") == list(range(180, 200))
    assert rows(found, "eval") == list(range(144, 180))


def test_a_validation_part_is_eval() -> None:
    parts = {"train": SHUFFLED, "eval": TEST, "test": TEST}
    found = assign("data", parts, CLASSES, Settings(), True)
    assert found.how == "own"
    counts = count(parts, found, len(CLASSES))
    assert counts["eval"].tolist() == [10, 10, 10]
    assert counts["train"].sum() == 200


@pytest.mark.parametrize("few", [1, 2])
def test_a_class_too_small_to_be_split_is_named(few: int) -> None:
    labels = np.concatenate([np.repeat([0, 1], 50), np.full(few, 2)])
    with pytest.raises(BadInputError) as caught:
        split(labels)
    assert str(caught.value) == (
        "data: expected at least 3 images of each class, one for each split, found "
        f"{few} of 'cat': add some, or take the class out"
    )


def test_three_images_of_each_class_are_one_for_each_split() -> None:
    labels = np.repeat([0, 1, 2], 3)
    assert shares(split(labels), labels) == {
        "train": [1, 1, 1],
        "eval": [1, 1, 1],
        "test": [1, 1, 1],
    }


def test_a_class_that_only_the_last_rows_have_is_an_order() -> None:
    """Ordered rows are recognised even if many classes make every share small."""
    labels = np.repeat(np.arange(500), 2)
    assert is_ordered(labels, 500, 0.2)
    shuffled = np.concatenate([np.arange(500), np.arange(500)])
    assert not is_ordered(shuffled, 500, 0.2)
