"""Whose items lie near an item: translations found (retrieval), and how languages mix among the nearest neighbours.

Row i of each language is the same item; every measure gives a figure per item, so that items can be resampled.
"""

from __future__ import annotations

import numpy as np

from mslt_it.representations.cka import FLAT, Array

# Cosines closer than this are ties: one sentence computed in two batches differs by about 1e-7.
TIE = 1e-6
BLOCK = 1024  # rows of a similarity matrix held at a time


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
