"""Whose items lie near an item: translations found (retrieval), and how languages mix among the nearest neighbours.

Row i of each language is the same item; every measure gives a figure per item, so that items can be resampled.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import hypergeom

from mslt_it.representations.cka import FLAT, Array

# Cosines closer than this are ties: one sentence computed in two batches differs by about 1e-7.
TIE = 1e-6
BLOCK = 1024  # rows of a similarity matrix held at a time


def retrieval(x: Array, y: Array, *, csls: int = 0) -> tuple[Array, Array]:
    """Sentence retrieval by cosine between parallel items of two languages: (n, d) of unit length, centred as wanted.

    Of each item 1 where its nearest neighbour among the other language's items is its own translation, else 0: of x's,
    which look for y's, and of y's, (n,) each. A tie of m items counts 1 / m, what a random choice among them gives.

    Args:
        csls: discount items that are near to everything by their mean cosine with so many neighbours in the other
            language (Conneau et al. 2018; 10 there); 0 = plain cosine.
    """
    scores = x @ y.T
    if csls:
        near_x = np.sort(scores, axis=1)[:, -csls:].mean(axis=1, keepdims=True)
        near_y = np.sort(scores, axis=0)[-csls:].mean(axis=0, keepdims=True)
        scores = 2 * scores - near_x - near_y
    return _hits(scores), _hits(scores.T)


def mixing(states: Array, *, neighbours: int = 10, own_translations: bool = False) -> tuple[Array, Array]:
    """Whose items the nearest neighbours (by cosine) of each item are, among the items of all languages.

    The share of neighbours of another language, and the entropy of the languages among the neighbours, which tells a
    language that mixes with all from one that mixes with a single other; (languages, n) each, 1 is what neighbours
    drawn at random give, 0 is neighbours of one's own language only.

    Args:
        states: (languages, n, d), at least 2 languages; centre them first as wanted (`centred`).
        own_translations: let an item's own translations be its neighbours. They are left out otherwise, so that the
            figure is about languages lying together and not about translations found, which is retrieval.
    """
    count, n, width = states.shape
    others = n if own_translations else n - 1  # candidates in each other language; an item is never its own neighbour
    sizes = [n - 1] + [others] * (count - 1)
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
    return (share / random_share).reshape(count, n), scaled.reshape(count, n)


def centred(states: Array, how: str) -> Array:
    """(languages, n, d) without a mean: "all" (that of all items) or "language" (each language's own).

    Items that are all equal become exactly 0, not what rounding leaves of them.
    """
    means = states.mean(axis=(0, 1) if how == "all" else 1, keepdims=True)
    result = states - means
    axes = (0, 1, 2) if how == "all" else (1, 2)
    flat = (result**2).sum(axis=axes, keepdims=True) <= FLAT * (states**2).sum(axis=axes, keepdims=True)
    return np.where(flat, 0.0, result)


def unit(points: Array) -> Array:
    """Rows scaled to length 1; a row of zeros stays."""
    norms = np.linalg.norm(points, axis=-1, keepdims=True)
    return points / np.where(norms > 0, norms, 1)


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
    drawn = np.arange(1, k + 1)
    chances = sum(hypergeom.pmf(drawn, sum(sizes), size, k) for size in sizes)
    return float(-(chances * drawn / k * np.log(drawn / k)).sum())
