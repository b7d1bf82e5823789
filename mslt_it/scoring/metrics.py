"""Accuracy with its interval, the paired gain, and what disqualifies a set of scores."""

from __future__ import annotations

import math
import zlib
from statistics import NormalDist

import numpy as np


def wilson_interval(num_right: int, n: int, confidence: float) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927), as shares of 1."""
    if n == 0:
        raise ValueError("an interval needs at least one item")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = num_right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # Exact at the ends, where rounding would leave the bound a hair inside.
    return (0.0 if num_right == 0 else centre - half, 1.0 if num_right == n else centre + half)


def paired_gain(
    right: np.ndarray, base_right: np.ndarray, *, confidence: float, num_bootstrap: int, seed: int, name: str
) -> tuple[float, float, float]:
    """Mean difference in accuracy on the same items, and its percentile bootstrap interval (items resampled).

    Args:
        right, base_right: bool (items,) or (items, languages); with languages, the mean over them is resampled by item,
            since the items are translations of each other.
        name: makes the random stream of one figure independent of the others'.
    """
    difference = right.astype(float) - base_right.astype(float)
    if difference.ndim == 2:
        difference = difference.mean(axis=1)
    low, high = bootstrap_mean(
        difference, confidence=confidence, num_bootstrap=num_bootstrap, seed=seed, name=f"gain {name}"
    )
    return float(difference.mean()), low, high


def bootstrap_mean(
    values: np.ndarray, *, confidence: float, num_bootstrap: int, seed: int, name: str
) -> tuple[float, float]:
    """Percentile bootstrap interval (Efron 1979) of the mean of (items,) values."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    n = len(values)
    # Resampling n items is drawing how often each distinct value comes up.
    distinct, counts = np.unique(values, return_counts=True)
    draws = rng.multinomial(n, counts / n, size=num_bootstrap)
    means = draws @ distinct / n
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def why_invalid(scores: np.ndarray) -> str:
    """Why (items, choices) log-likelihoods cannot be turned into an accuracy, or an empty string.

    A broken model gives NaN, infinities or the same score for everything; taking the largest would then answer the
    first label everywhere and look like chance.
    """
    if scores.size == 0:
        return "no items"
    if np.isnan(scores).any():
        return f"{int(np.isnan(scores).any(axis=1).sum())} of {len(scores)} items have a score that is NaN"
    if np.isinf(scores).any():
        return f"{int(np.isinf(scores).any(axis=1).sum())} of {len(scores)} items have an infinite score"
    if (scores.max(axis=1) == scores.min(axis=1)).all():
        return "every item has the same score for all its choices"
    if len(scores) > 1 and (scores == scores[0]).all():
        return "all items have the same scores, whatever they ask"
    return ""
