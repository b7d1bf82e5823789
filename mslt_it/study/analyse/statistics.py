"""Tests, ranks and rank correlations of many draws at once: along the last axis, whatever stands before it."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
from scipy.stats import rankdata

MAX_RENAMINGS = 5040  # all of 7 languages; of larger pools as many drawn ones
TINY = 1e-12


def as_good_as_best(point: np.ndarray, drawn: np.ndarray, confidence: float) -> np.ndarray:
    """bool (S,): the sets that cannot be told from the best one, with all of them compared at once.

    The largest of the S studentised errors of (best - set) decides, so that in the share of ``confidence`` no set is
    told apart wrongly (Hsu's 1984 comparison with the best, by bootstrap).

    Args:
        point: (S,), drawn: (B, S).
    """
    best = int(np.argmax(point))
    behind = point[best] - point
    errors = (drawn[:, [best]] - drawn) - behind
    scale = errors.std(axis=0)
    moving = scale > TINY
    result = behind <= TINY
    if moving.any():
        largest = (errors[:, moving] / scale[moving]).max(axis=1)
        result[moving] |= behind[moving] <= np.quantile(largest, confidence) * scale[moving]
    result[best] = True
    return np.asarray(result)


def average_ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks from 1 for the largest; equal scores, rounding aside, share the mean of their places."""
    return np.asarray(rankdata(-np.round(scores, 9), axis=-1))


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rho of (S,) with each (..., S); 0 where one of them is constant (scipy's takes one pair at a time)."""
    a, b = (ranks - ranks.mean(-1, keepdims=True) for ranks in map(average_ranks, (x, y)))
    below = np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
    return np.asarray(np.divide((a * b).sum(-1), below, out=np.zeros(np.shape(below)), where=below > 0))


def kendall(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Kendall's tau-b (1945) of (S,) with each (..., S); 0 where one of them is constant."""
    x, y = np.round(x, 9), np.round(y, 9)
    agreeing, of_x, of_y = 0.0, 0.0, 0.0
    for i in range(len(x) - 1):  # set by set: all pairs of many sets in every draw would not fit into memory
        a, b = np.sign(x[i + 1 :] - x[i]), np.sign(y[..., i + 1 :] - y[..., i : i + 1])
        agreeing, of_x, of_y = agreeing + (a * b).sum(-1), of_x + (a**2).sum(-1), of_y + (b**2).sum(-1)
    below = np.sqrt(of_x * of_y)
    return np.asarray(np.divide(agreeing, below, out=np.zeros(np.shape(below)), where=below > 0))


def renamings(n: int, seed: int) -> np.ndarray:
    """(renamings, n): the orders of n languages, the given one first; drawn ones where all are too many."""
    if math.factorial(n) <= MAX_RENAMINGS:
        return np.array(list(itertools.permutations(range(n))))
    rng = np.random.default_rng(seed)
    return np.array([np.arange(n), *(rng.permutation(n) for _ in range(MAX_RENAMINGS - 1))])


@functools.lru_cache(maxsize=32)
def places(sets: tuple[tuple[str, ...], ...], seed: int) -> np.ndarray:
    """(orders, sets): which set each becomes when the languages get each other's names, the sets as they are first.

    That leaves the overlap of sets as it is, which shuffling sets would not. All n! orders of n <= 7 languages, 5,040
    drawn ones of more; but only those that make measured sets out of measured sets: with all sets of a size every one,
    with a choice of sets maybe one alone.

    Args:
        sets: of one size.
    """
    codes = sorted({code for one in sets for code in one})
    members = np.array([[codes.index(code) for code in one] for one in sets])
    # A set as a number with a bit per language, so that renamed sets are looked up at once.
    own = (1 << members).sum(axis=1)
    renamed = (1 << renamings(len(codes), seed))[:, members].sum(axis=2)
    rising = np.argsort(own)
    found = rising[np.minimum(np.searchsorted(own[rising], renamed), len(own) - 1)]
    return np.asarray(found[(own[found] == renamed).all(axis=1)])
