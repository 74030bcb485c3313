"""The differences between shares of classes that chance alone explains."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from components.data_gate.chance import LEVEL, share_bound


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one / one.sum() - other / other.sum())


def test_it_is_fishers_exact_test_of_scipy() -> None:
    """The test finds nothing within the bound, and finds something beyond it."""
    one = np.array([60, 40])
    for count in range(101):
        other = np.array([count, 100 - count])
        found = fisher_exact([one, other]).pvalue < LEVEL / 2
        beyond = difference(one, other)[0] > share_bound(one, other)[0]
        assert found == beyond, count


def test_at_100_rows_chance_passes_the_schemas_bound() -> None:
    """500 and 100 rows of MNIST were refused for a skew of 0.055."""
    assert 0.1 < share_bound([40] * 10, [10] * 10).max() < 0.2


def test_at_mnists_rows_the_schemas_bound_is_the_wider_one() -> None:
    assert share_bound([4_800] * 10, [1_200] * 10).max() < 0.02


def test_samples_of_one_population_are_nearly_always_within() -> None:
    random = np.random.default_rng(7)
    beyond = 0
    for _ in range(500):
        one, other = (random.multinomial(rows, [0.1] * 10) for rows in (400, 100))
        beyond += bool((difference(one, other) > share_bound(one, other)).any())
    assert beyond <= 2


def test_rows_ordered_by_class_are_beyond_it_with_few_classes_and_with_many() -> None:
    for classes in (2, 10, 100):
        counts = np.full(classes, 20)
        last = np.where(np.arange(classes) >= classes // 2, 20, 0)
        beyond = difference(counts - last, last) > share_bound(counts - last, last)
        assert beyond.any()


@pytest.mark.parametrize("counts", [([0, 0], [1, 2]), ([1, 2], [0, 0])])
def test_nothing_can_be_said_of_no_rows(counts: tuple[list[int], list[int]]) -> None:
    assert share_bound(*counts).tolist() == [1, 1]
