"""Computes how far the shares of classes in two samples differ by chance."""

import numpy as np
from numpy.typing import ArrayLike

LEVEL = 0.001
"""Probability that two samples of the same data differ by more than the bound: one in
1,000 comparisons. A run makes two comparisons between its splits and three with the
served model, so chance refuses at most one run in 200."""


def least_share(rows: int, share: float) -> float:
    """Returns the smallest share in a sample that is consistent with a share of all.

    The number of rows with a property in a sample has a binomial distribution. A sample
    has a smaller share than the result with the probability `LEVEL`.

    Args:
        rows: Number of rows in the sample; at least 1.
        share: Share of all rows that have the property.
    """
    from scipy.stats import binom

    return float(binom.ppf(LEVEL, rows, share)) / rows


def share_bound(
    counts: ArrayLike, others: ArrayLike, level: float = LEVEL
) -> np.ndarray:
    """Returns how far the share of each class may differ by chance.

    It is Fisher's exact test for each class: given the number of rows of a class in
    both samples together, their number in one sample has a hypergeometric distribution.
    The level is divided among the classes (Bonferroni) and between both tails.

    Args:
        counts: Rows of each class in one sample, `[classes]`.
        others: Rows of each class in the other sample, `[classes]`.
        level: Probability that any class differs by more.

    Returns:
        float64 `[classes]`: the largest difference of shares that chance explains;
        0 for a class without rows.
    """
    # Imported here: the import takes as long as reading a small data set.
    from scipy.stats import hypergeom

    one, other = np.asarray(counts, np.int64), np.asarray(others, np.int64)
    rows, other_rows = int(one.sum()), int(other.sum())
    if not rows or not other_rows:
        return np.ones(len(one))
    together = one + other
    tail = level / max(1, np.count_nonzero(together)) / 2
    # Classes of the same size have the same bound, so each size is computed once.
    sizes, place = np.unique(together, return_inverse=True)
    sampled = hypergeom(rows + other_rows, sizes, rows)
    edges = np.stack([sampled.ppf(tail), sampled.isf(tail)])
    differences = np.abs(edges / rows - (sizes - edges) / other_rows)
    return differences.max(axis=0)[place]
