"""How alike two languages' representations of the same items are: similarity, retrieval, neighbourhoods, maps.

Every measure takes arrays in which row i of each language is the same item, and gives, beside its value, how much each
item contributed to it, so that items can be resampled (`mslt_it.study.mingling`).
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mslt_it.problems import Problem, nearest

Array = NDArray[np.float64]

CENTRINGS = ("none", "all", "language")
# Cosines closer than this are ties: one sentence computed in two batches differs by about 1e-7.
TIE = 1e-6
# Of the sum of squares. Less than this around the mean is what rounding leaves of representations that are all equal.
FLAT = 1e-10
BLOCK = 1024  # rows of a similarity matrix held at a time


def cka(x: ArrayLike, y: ArrayLike, *, debiased: bool = True) -> float:
    """Linear centred kernel alignment of n items seen by two systems or in two languages (Kornblith et al. 2019).

    1: equal up to rotation, reflection and scale. 0: unrelated. Debiased, the Hilbert-Schmidt criterion is the
    unbiased estimate of Song et al. (2012), as Nguyen et al. (2021) use it, so unrelated spaces give 0 on average
    (and figures a little below 0 at times); the plain estimate gives them 0.91 where 50 items have 512 dimensions.

    Args:
        x, y: (n, d) and (n, e), n >= 4.

    Raises:
        Problem: fewer than 4 items, different numbers of items, values that are not finite, or items that are all equal
            (the similarity is then 0 / 0).
    """
    first, second = _matrix(x, "x"), _matrix(y, "y")
    if len(first) != len(second):
        raise Problem(f"x holds {len(first)} items and y {len(second)}: row i of both must be the same item.")
    if len(first) < 4:
        raise Problem(f"{len(first)} items are too few for a similarity of representations. Give at least 4.")
    for name, values in (("x", first), ("y", second)):
        if _is_flat(values):
            raise Problem(
                f"{name}: all {len(values)} items have the same representation, so there is nothing to align."
            )
    if debiased:
        return float(cka_pairs(np.stack([_gram(first), _gram(second)])).values[0, 1])
    a, b = first - first.mean(axis=0), second - second.mean(axis=0)
    between = _squared_norm(a, b)
    return float(between / math.sqrt(_squared_norm(a, a) * _squared_norm(b, b)))


@dataclass(frozen=True)
class CkaPairs:
    """``values``: (languages, languages), debiased, NaN where undefined. ``influence``: (languages, languages, n).

    An item's influence is (n - 1) times what the value loses when the item is left out (the jackknife); over the square
    root of n, its standard deviation over the items is the standard error of the value, or a little more (by a tenth
    in the test).
    """

    values: Array
    influence: Array


def cka_pairs(grams: Array, *, influence: bool = False) -> CkaPairs:
    """Debiased CKA of every pair of languages from their Gram matrices, (languages, n, n) as `grams` gives them.

    An ordinary bootstrap over items is not an option for the intervals: a resample holds items twice, and what an item
    has in common with itself is just the bias that the estimate leaves out (0.91 for unrelated spaces of 50 items
    and 512 dimensions). Leaving out one item is exact, and all n values together cost no more than the first.
    """
    count, n = grams.shape[:2]
    rows = grams.sum(axis=2)  # (languages, n)
    totals = rows.sum(axis=1)
    hsic = np.empty((count, count))
    without = np.empty((count, count, n)) if influence else np.empty((0, 0, 0))
    for a in range(count):
        for b in range(a, count):
            shared = (grams[a] * grams[b]).sum(axis=1)
            products = float(rows[a] @ rows[b])
            hsic[a, b] = hsic[b, a] = _unbiased(shared.sum(), totals[a] * totals[b], products, n)
            if influence:
                # Row i and column i go: from the sums of all rows, and from each row what it has in common with i.
                left = (totals[a] - 2 * rows[a]) * (totals[b] - 2 * rows[b])
                crossed = products - grams[a] @ rows[b] - grams[b] @ rows[a] + shared - rows[a] * rows[b]
                without[a, b] = without[b, a] = _unbiased(shared.sum() - 2 * shared, left, crossed, n - 1)
    values = _ratio(hsic)
    if not influence:
        return CkaPairs(values, without)
    return CkaPairs(values, (n - 1) * (values[..., None] - _ratio(without)))


def grams(states: Array) -> Array:
    """(languages, n, n) inner products of items around their mean, 0 on the diagonal, from (languages, n, d).

    A language whose items are all equal gets NaN.
    """
    return np.stack([np.full((len(x), len(x)), np.nan) if _is_flat(x) else _gram(x) for x in states])


@dataclass(frozen=True)
class Retrieval:
    """Shares of (n,) items whose nearest neighbour among the other language's items is their own translation.

    A tie of m items counts 1 / m, what a random choice among them gives.
    """

    forward: Array  # x's items look for y's
    backward: Array

    @property
    def accuracy(self) -> float:
        """The mean of both directions; chance is 1 / n."""
        return float((self.forward.mean() + self.backward.mean()) / 2)


def retrieval(x: ArrayLike, y: ArrayLike, *, centre: bool = True, csls: int = 0) -> Retrieval:
    """Sentence retrieval by cosine between (n, d) parallel items of two languages.

    Args:
        centre: take each language's mean away first: what all its sentences share says nothing about what one means.
        csls: discount items that are near to everything by their mean cosine with so many neighbours in the other
            language (Conneau et al. 2018; 10 there); 0 = plain cosine.
    """
    first, second = _matrix(x, "x"), _matrix(y, "y")
    if first.shape != second.shape:
        raise Problem(f"x has the shape {first.shape} and y {second.shape}: row i of both must be the same item.")
    if not 0 <= csls <= len(first):
        raise Problem(f"csls={csls} is out of range: 0 (plain cosine) to {len(first)}, the number of items.")
    if centre:
        first, second = centred(np.stack([first, second]), "language")
    return unit_retrieval(unit(first), unit(second), csls=csls)


def unit_retrieval(x: Array, y: Array, *, csls: int = 0) -> Retrieval:
    """`retrieval` of vectors that are centred as wanted and of unit length."""
    scores = x @ y.T
    if csls:
        near_x = np.sort(scores, axis=1)[:, -csls:].mean(axis=1, keepdims=True)
        near_y = np.sort(scores, axis=0)[-csls:].mean(axis=0, keepdims=True)
        scores = 2 * scores - near_x - near_y
    return Retrieval(_hits(scores), _hits(scores.T))


@dataclass(frozen=True)
class Mixing:
    """(languages, n) each; 1 is what neighbours drawn at random give, 0 is neighbours of one's own language only.

    ``share``: neighbours of another language. ``entropy``: of the languages among the neighbours; it tells a language
    that mixes with all from one that mixes with a single other.
    """

    share: Array
    entropy: Array


def mixing(states: Array, *, neighbours: int = 10, own_translations: bool = False) -> Mixing:
    """Whose items the nearest neighbours (by cosine) of each item are, among the items of all languages.

    Args:
        states: (languages, n, d), at least 2 languages; centre them first as wanted (`centred`).
        own_translations: let an item's own translations be its neighbours. They are left out otherwise, so that the
            figure is about languages lying together and not about translations found, which is retrieval.
    """
    if states.ndim != 3 or len(states) < 2:
        raise Problem(f"Mixing needs (languages >= 2, items, width), not the shape {states.shape}.")
    count, n, width = states.shape
    others = n if own_translations else n - 1  # candidates in each other language; an item is never its own neighbour
    sizes = [n - 1] + [others] * (count - 1)
    if not 1 <= neighbours <= sum(sizes):
        raise Problem(f"neighbours={neighbours} is out of range: 1 to {sum(sizes)}, the number of other items.")
    points = unit(states.reshape(-1, width))
    share, entropy = np.empty(len(points)), np.empty(len(points))
    for start in range(0, len(points), BLOCK):
        index = np.arange(start, min(start + BLOCK, len(points)))
        scores = points[index] @ points.T
        if own_translations:
            scores[np.arange(len(index)), index] = -np.inf
        else:
            scores.reshape(len(index), count, n)[np.arange(len(index)), :, index % n] = -np.inf
        found = _nearest(scores, neighbours).reshape(len(index), count, n).sum(axis=2) / neighbours
        share[index] = 1 - found[np.arange(len(index)), index // n]
        entropy[index] = -(found * np.log(np.where(found > 0, found, 1))).sum(axis=1)
    random_share = sum(sizes[1:]) / sum(sizes)
    random_entropy = _random_entropy(sizes, neighbours)
    # One neighbour is always of one language: its entropy says nothing.
    scaled = entropy / random_entropy if random_entropy > 0 else np.full(len(points), np.nan)
    return Mixing((share / random_share).reshape(count, n), scaled.reshape(count, n))


def centred(states: Array, how: str) -> Array:
    """(languages, n, d) without a mean: "none", "all" (the mean of all items) or "language" (each language's own).

    Items that are all equal become exactly 0, not what rounding leaves of them.
    """
    if how not in CENTRINGS:
        raise Problem(f"Centring '{how}' is not known. {nearest(how, CENTRINGS)}")
    if how == "none":
        return states
    means = states.mean(axis=(0, 1) if how == "all" else 1, keepdims=True)
    result = states - means
    axes = (0, 1, 2) if how == "all" else (1, 2)
    flat = (result**2).sum(axis=axes, keepdims=True) <= FLAT * (states**2).sum(axis=axes, keepdims=True)
    return np.where(flat, 0.0, result)


def unit(points: Array) -> Array:
    """Rows scaled to length 1; a row of zeros stays."""
    norms = np.linalg.norm(points, axis=-1, keepdims=True)
    return points / np.where(norms > 0, norms, 1)


def bounded_perplexity(num_points: int, wanted: float) -> float:
    """At most a third of the other points, as t-SNE's authors' own code asks."""
    return min(wanted, (num_points - 1) / 3)


def tsne(points: ArrayLike, *, perplexity: float = 30.0, seed: int = 0) -> Array:
    """(n, 2) coordinates of a t-SNE map (van der Maaten and Hinton 2008); n >= 4.

    Distances between far groups and sizes of groups mean nothing in it; use it to look, and the figures to judge.
    """
    from sklearn.manifold import TSNE

    values = _matrix(points, "points")
    if len(values) < 4:
        raise Problem(f"{len(values)} points are too few for a t-SNE map. Give at least 4.")
    if perplexity <= 0:
        raise Problem(f"perplexity={perplexity} is out of range. It must be above 0; 30 is usual.")
    bounded = bounded_perplexity(len(values), perplexity)
    # Principal components as the start: the same map for the same points, and large-scale order is kept.
    found = TSNE(perplexity=bounded, init="pca", learning_rate="auto", random_state=seed).fit_transform(values)
    return np.asarray(found, dtype=np.float64)


def umap(points: ArrayLike, *, neighbours: int = 15, seed: int = 0) -> Array:
    """(n, 2) coordinates of a UMAP map (McInnes et al. 2018); needs the package umap-learn."""
    values = _matrix(points, "points")
    if len(values) < 4:
        raise Problem(f"{len(values)} points are too few for a UMAP map. Give at least 4.")
    mapper = umap_package().UMAP(n_neighbors=min(neighbours, len(values) - 1), random_state=seed, n_jobs=1)
    return np.asarray(mapper.fit_transform(values), dtype=np.float64)


def umap_package() -> Any:
    """umap-learn; a Problem where it is not installed."""
    try:
        return importlib.import_module("umap")
    except ImportError as error:
        raise Problem(
            "A UMAP map needs the package umap-learn, which is not installed: pip install 'mslt_it[umap]', or take "
            "the t-SNE map (map=tsne)."
        ) from error


def _matrix(values: ArrayLike, name: str) -> Array:
    """(n, d) in float64: float32 loses four digits in sums of squares of wide vectors."""
    result = np.asarray(values, dtype=np.float64)
    if result.ndim != 2:
        raise Problem(f"{name} has the shape {result.shape}, not (items, width).")
    if not np.isfinite(result).all():
        row = int(np.flatnonzero(~np.isfinite(result).all(axis=1))[0])
        raise Problem(f"{name}: item {row} holds a value that is not finite. Look at the model that it comes from.")
    return result


def _is_flat(x: Array) -> bool:
    return bool(((x - x.mean(axis=0)) ** 2).sum() <= FLAT * (x**2).sum())


def _gram(x: Array) -> Array:
    # The estimate is the same without centring; with it, large common parts cannot swamp the digits.
    around = x - x.mean(axis=0)
    result = around @ around.T
    np.fill_diagonal(result, 0.0)
    return result


def _squared_norm(a: Array, b: Array) -> float:
    """Squared Frobenius norm of a'b, through whichever of (d, e) and (n, n) is the smaller matrix."""
    n, widths = len(a), (a.shape[1], b.shape[1])
    return float((((a @ a.T) * (b @ b.T)).sum()) if n < min(widths) else ((a.T @ b) ** 2).sum())


def _unbiased(shared: Any, totals: Any, products: Any, n: int) -> Any:
    """The unbiased Hilbert-Schmidt independence criterion from its three sums (Song et al. 2012, equation 5)."""
    return (shared + totals / ((n - 1) * (n - 2)) - 2 * products / (n - 2)) / (n * (n - 3))


def _ratio(hsic: Array) -> Array:
    """HSIC(a, b) over the geometric mean of HSIC(a, a) and HSIC(b, b); NaN where one of them is not above 0."""
    own = np.stack([hsic[i, i] for i in range(len(hsic))])
    scale = np.sqrt(np.where(own > 0, own, np.nan))
    return hsic / (scale[:, None] * scale[None, :])


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


def _random_entropy(sizes: list[int], k: int) -> float:
    """Mean entropy of the languages of k items drawn at random without replacement: less than the log of their number.

    The counts are hypergeometric; the mean of a sum is the sum of the means, language by language.
    """
    total = sum(sizes)
    mean = 0.0
    for size in sizes:
        for drawn in range(max(1, k - (total - size)), min(k, size) + 1):
            chance = math.comb(size, drawn) * math.comb(total - size, k - drawn) / math.comb(total, k)
            mean -= chance * drawn / k * math.log(drawn / k)
    return mean
