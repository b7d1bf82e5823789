"""Percentile bootstrap over items (Efron 1979) of any figure that is a function of summed per-item counts."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np

MAX_DRAWS = 20_000_000  # items x resamples held at a time


def bootstrap(
    groups: Sequence[np.ndarray],
    statistic: Callable[[Sequence[np.ndarray]], np.ndarray],
    *,
    confidence: float,
    num_bootstrap: int,
    seed: int,
    name: str,
) -> tuple[float, float]:
    """Interval of ``statistic`` over resampled items.

    Args:
        groups: (items, k) counts each; every group's items are resampled by themselves. Counts that belong to one item
            (two models', several languages' of a parallel benchmark) stand side by side in one row.
        statistic: one (resamples, k) array of sums per group -> (resamples,) figures.
        name: makes the random stream of one figure independent of the others'.
    """
    values = statistic(resampled_sums(groups, num_bootstrap=num_bootstrap, seed=seed, name=name))
    return percentiles(values, confidence)


def resampled_sums(groups: Sequence[np.ndarray], *, num_bootstrap: int, seed: int, name: str) -> list[np.ndarray]:
    """One (num_bootstrap, k) array of sums per group of (items, k) counts; arguments as in ``bootstrap``.

    The order of a group's rows is without effect.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return [_resampled_sums(np.asarray(group, dtype=float), num_bootstrap, rng) for group in groups]


def percentiles(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Between which the middle ``confidence`` of (resamples,) figures lies."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _resampled_sums(counts: np.ndarray, num: int, rng: np.random.Generator) -> np.ndarray:
    """(num, k): sums over as many items as there are, drawn with replacement."""
    # Drawing n items is drawing how often each distinct row comes up: few rows where the counts are right or wrong.
    distinct, multiplicity = np.unique(counts, axis=0, return_counts=True)
    shares = multiplicity / len(counts)
    step = max(1, MAX_DRAWS // len(distinct))
    parts = [
        rng.multinomial(len(counts), shares, size=min(step, num - start)) @ distinct for start in range(0, num, step)
    ]
    return np.concatenate(parts)
