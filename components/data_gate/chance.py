"""How far the shares of classes in two samples differ by chance alone."""

import numpy as np
from numpy.typing import ArrayLike

LEVEL = 0.001
"""How seldom two samples of the same data are farther apart than the bound: in one of
1,000 comparisons. A run makes two between its splits and three with the model that is
served, so that chance refuses one run in 200 at most."""


def least_share(rows: int, share: float, level: float = LEVEL) -> float:
    """Returns the least share of a sample that is no evidence for less than a bound.

    The number of rows that have a property is binomial, where a share of all has it.

    Args:
        rows: Of the sample; at least 1.
        share: Of all rows, at least.
        level: Probability that a sample of such rows has a smaller share.
    """
    from scipy.stats import binom

    return float(binom.ppf(level, rows, share)) / rows


def share_bound(
    counts: ArrayLike, others: ArrayLike, level: float = LEVEL
) -> np.ndarray:
    """Returns how far the share of each class may differ if only chance is at work.

    Fisher's exact test, class by class: given how many rows of a class there are in
    both samples together, the number of them in one sample is hypergeometric. The level
    is shared out among the classes (Bonferroni) and between too few and too many.

    Args:
        counts: Rows of each class in one sample, `[classes]`.
        others: The same of the other sample.
        level: Probability that any class differs by more.

    Returns:
        float64 `[classes]`: the largest difference of shares that is no evidence;
        0 for a class without rows.
    """
    # Not at import: it takes as long as reading a small data set.
    from scipy.stats import hypergeom

    one, other = np.asarray(counts, np.int64), np.asarray(others, np.int64)
    rows, other_rows = int(one.sum()), int(other.sum())
    if not rows or not other_rows:
        return np.ones(len(one))
    together = one + other
    tail = level / max(1, np.count_nonzero(together)) / 2
    # Classes of one size have one bound, and many classes have few sizes.
    sizes, place = np.unique(together, return_inverse=True)
    sampled = hypergeom(rows + other_rows, sizes, rows)
    edges = np.stack([sampled.ppf(tail), sampled.isf(tail)])
    differences = np.abs(edges / rows - (sizes - edges) / other_rows)
    return differences.max(axis=0)[place]
