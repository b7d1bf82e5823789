"""How alike languages' representations of the same items are: as spaces (debiased linear CKA), by the translations
found (retrieval), and by how languages mix among the nearest neighbours.

Row i of each language is the same item. Beside its value comes how much each item contributed to it, or a figure per
item, so that items can be resampled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_it.selection.typology import unit

Array = NDArray[np.float64]
# Of the sum of squares. Less than this around the mean is what rounding leaves of representations that are all equal.
FLAT = 1e-10
# Cosines closer than this are ties: one sentence computed in two batches differs by about 1e-7.
TIE = 1e-6
BLOCK = 1024  # rows of a similarity matrix held at a time


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


# ---------------------------------------------------------------- nearest neighbours


def retrieval(x: Array, y: Array) -> tuple[Array, Array]:
    """Sentence retrieval by cosine between parallel items of two languages: (n, d) of unit length, centred as wanted.

    Of each item 1 where its nearest neighbour among the other language's items is its own translation, else 0: of x's,
    which look for y's, and of y's, (n,) each. A tie of m items counts 1 / m, what a random choice among them gives.
    """
    scores = x @ y.T
    return _hits(scores), _hits(scores.T)


def mixing(states: Array, *, neighbours: int = 10) -> Array:
    """Whose items the nearest neighbours (by cosine) of each item are, among the items of all languages.

    The share of neighbours of another language, (languages, n): 1 is what neighbours drawn at random give, 0 is
    neighbours of one's own language only. An item's own translations are left out, so that the figure is about
    languages lying together and not about translations found, which is retrieval.

    Args:
        states: (languages, n, d), at least 2 languages; centre them first as wanted (`centred`).
    """
    count, n, width = states.shape
    points = unit(states.reshape(-1, width))
    share = np.empty(len(points))
    for start in range(0, len(points), BLOCK):
        index = np.arange(start, min(start + BLOCK, len(points)))
        scores = points[index] @ points.T
        scores.reshape(len(index), count, n)[np.arange(len(index)), :, index % n] = -np.inf
        found = _nearest(scores, neighbours).reshape(len(index), count, n).sum(axis=2) / neighbours
        share[index] = 1 - found[np.arange(len(index)), index // n]
    return (share / ((count - 1) / count)).reshape(count, n)


def centred(states: Array, how: str) -> Array:
    """(languages, n, d) without a mean: "all" (that of all items) or "language" (each language's own).

    Items that are all equal become exactly 0, not what rounding leaves of them.
    """
    means = states.mean(axis=(0, 1) if how == "all" else 1, keepdims=True)
    result = states - means
    axes = (0, 1, 2) if how == "all" else (1, 2)
    flat = (result**2).sum(axis=axes, keepdims=True) <= FLAT * (states**2).sum(axis=axes, keepdims=True)
    return np.where(flat, 0.0, result)


def _hits(scores: Array) -> Array:
    own = np.diagonal(scores)
    best = scores.max(axis=1)
    return np.where(own >= best - TIE, 1 / (scores >= best[:, None] - TIE).sum(axis=1), 0.0)


def _nearest(scores: Array, k: int) -> Array:
    """Weights of the k highest scores of each row; those that tie for the last places share them."""
    last = np.partition(scores, -k, axis=1)[:, -k][:, None]
    above = scores > last + TIE
    tied = (scores >= last - TIE) & ~above
    return above + tied * ((k - above.sum(axis=1)) / tied.sum(axis=1))[:, None]
