"""How alike two languages' representations of the same items are, as spaces: debiased linear CKA.

Row i of each language is the same item. Beside its value comes how much each item contributed to it, so that items can
be resampled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Of the sum of squares. Less than this around the mean is what rounding leaves of representations that are all equal.
FLAT = 1e-10


def cka_pairs(grams: Array) -> tuple[Array, Array]:
    """Debiased CKA (Kornblith et al. 2019) of every pair of languages from their Gram matrices, as `grams` gives them:
    (languages, languages), NaN where undefined; and (languages, languages, n), each item's influence on it.

    1: equal up to rotation, reflection and scale. 0: unrelated. Debiased, the Hilbert-Schmidt criterion is the
    unbiased estimate of Song et al. (2012), as Nguyen et al. (2021) use it, so unrelated spaces give 0 on average
    (and figures a little below 0 at times); the plain estimate gives them 0.91 where 50 items have 512 dimensions.

    An ordinary bootstrap over items is not an option for the intervals: a resample holds items twice, and what an item
    has in common with itself is just the bias that the estimate leaves out (0.91 for unrelated spaces of 50 items
    and 512 dimensions). Leaving out one item is exact, and all n values together cost no more than the first. An
    item's influence is (n - 1) times what the value loses without it (the jackknife); over the square root of n, its
    standard deviation over the items is the standard error of the value, or a little more (by a tenth in the test).
    """
    count, n = grams.shape[:2]
    rows = grams.sum(axis=2)  # (languages, n)
    totals = rows.sum(axis=1)
    hsic = np.empty((count, count))
    without = np.empty((count, count, n))
    for a in range(count):
        for b in range(a, count):
            shared = (grams[a] * grams[b]).sum(axis=1)
            products = float(rows[a] @ rows[b])
            hsic[a, b] = hsic[b, a] = _unbiased(shared.sum(), totals[a] * totals[b], products, n)
            # Row i and column i go: from the sums of all rows, and from each row what it has in common with i.
            left = (totals[a] - 2 * rows[a]) * (totals[b] - 2 * rows[b])
            crossed = products - grams[a] @ rows[b] - grams[b] @ rows[a] + shared - rows[a] * rows[b]
            without[a, b] = without[b, a] = _unbiased(shared.sum() - 2 * shared, left, crossed, n - 1)
    values = _ratio(hsic)
    return values, (n - 1) * (values[..., None] - _ratio(without))


def grams(states: Array) -> Array:
    """(languages, n, n) inner products of items around their mean, 0 on the diagonal, from (languages, n, d).

    A language whose items are all equal gets NaN.
    """
    # The estimate is the same without centring; with it, large common parts cannot swamp the digits.
    around = states - states.mean(axis=1, keepdims=True)
    result = around @ around.swapaxes(1, 2)
    result[:, *np.diag_indices(states.shape[1])] = 0.0
    result[(around**2).sum(axis=(1, 2)) <= FLAT * (states**2).sum(axis=(1, 2))] = np.nan
    return result


def _unbiased(shared: Any, totals: Any, products: Any, n: int) -> Any:
    """The unbiased Hilbert-Schmidt independence criterion from its three sums (Song et al. 2012, equation 5)."""
    return (shared + totals / ((n - 1) * (n - 2)) - 2 * products / (n - 2)) / (n * (n - 3))


def _ratio(hsic: Array) -> Array:
    """HSIC(a, b) over the geometric mean of HSIC(a, a) and HSIC(b, b); NaN where one of them is not above 0."""
    own = hsic[np.diag_indices(len(hsic))]
    scale = np.sqrt(np.where(own > 0, own, np.nan))
    return hsic / (scale[:, None] * scale[None, :])
