"""What is drawn together when items are drawn again: clusters of rows, and languages that share them.

Rows of one language with one group (XNLI: three hypotheses to a premise; TyDiQA: several questions on a passage) are
not independent, nor are translations of one item. Rows are joined where their ids are equal in two languages, or their
groups in one; what hangs together is one cluster and is drawn whole, in all its languages at once (the ultimate cluster
of Kalton 1979). Languages without a common item are drawn by themselves.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

TINY = 1e-12  # differences and standard errors below are rounding
MAX_DRAWS = 20_000_000  # clusters x resamples held at a time


@dataclass(frozen=True, eq=False)
class Component:
    """Languages that share items, directly or through others, and their rows' clusters."""

    languages: tuple[int, ...]  # positions
    cluster_of: tuple[np.ndarray, ...]  # per language: (rows,) number of the cluster
    num_clusters: int


def components(item_ids: Sequence[Sequence[str]], groups: Sequence[Sequence[str]]) -> list[Component]:
    """The rows of all languages, as they are drawn.

    Args:
        item_ids: per language, one id per row; equal ids in two languages are translations of each other.
        groups: per language, one name per row; rows of a language with one name are not independent, "": the row is.
    """
    # Numbered by name, and clusters by their first item, so that the order of rows does not decide what is drawn.
    numbers = {item: number for number, item in enumerate(sorted({item for ids in item_ids for item in ids}))}
    rows = [np.array([numbers[item] for item in ids], dtype=int) for ids in item_ids]
    firsts: dict[tuple[int, str], int] = {}  # language, group -> its first item
    pairs = [
        (item, firsts.setdefault((language, name), item))
        for language, names in enumerate(groups)
        for item, name in zip(rows[language].tolist(), names, strict=True)
        if name
    ]
    clusters = _connected(len(numbers), pairs)
    of_rows = [clusters[one] for one in rows]
    # Languages hang together by the clusters that they have in common: each stands behind all clusters.
    num = len(numbers)
    shared = [(cluster, num + language) for language, one in enumerate(of_rows) for cluster in set(one.tolist())]
    parts = _connected(num + len(rows), shared)[num:].tolist()
    found = []
    for one in dict.fromkeys(parts):
        members = tuple(number for number, part in enumerate(parts) if part == one)
        own = [of_rows[number] for number in members]
        kept, numbered = np.unique(np.concatenate(own), return_inverse=True)
        ends = np.cumsum([len(each) for each in own])[:-1]
        found.append(Component(members, tuple(np.split(numbered, ends)), len(kept)))
    return found


def _connected(size: int, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """(size,) the part that each number is in, by pairs of numbers; parts are numbered by their first."""
    ends = np.array(pairs, dtype=np.int32).reshape(-1, 2).T  # SciPy 1.11 makes nothing of int64, and says nothing
    graph = coo_array((np.ones(len(pairs)), (ends[0], ends[1])), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1])


def sums_by(numbers: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """(size, ...) sums of the (rows, ...) values with each number."""
    found = np.zeros((size, *values.shape[1:]))
    np.add.at(found, numbers, values)
    return found


def resampled(
    component: Component,
    counts: Sequence[np.ndarray],
    value: Callable[[np.ndarray], np.ndarray],
    *,
    num_bootstrap: int,
    seed: int,
    name: str,
) -> np.ndarray:
    """(languages, systems, resamples) figures with the component's clusters drawn again (Efron 1979).

    What is drawn depends on the clusters alone, so that a figure has the same interval whatever stands beside it.

    Args:
        counts: per language of the component (rows, systems, k).
        value: (..., k) sums of counts -> (...) figures.
        name: makes the random stream of one component independent of the others'.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    size, shape = component.num_clusters, counts[0].shape[1:]
    summed = [sums_by(numbers, one, size) for numbers, one in zip(component.cluster_of, counts, strict=True)]
    found = np.empty((len(summed), shape[0], num_bootstrap))
    step = max(1, MAX_DRAWS // size)
    for start in range(0, num_bootstrap, step):
        some = slice(start, min(start + step, num_bootstrap))
        num = some.stop - start
        drawn = rng.integers(size, size=(num, size)) + size * np.arange(num)[:, None]
        weights = np.bincount(drawn.reshape(-1), minlength=num * size).reshape(num, size).astype(float)
        for language, one in enumerate(summed):
            sums = (weights @ one.reshape(size, -1)).reshape(num, *shape)
            found[language, :, some] = values_of(sums, one.sum(axis=0), value).T
    return found


def values_of(sums: np.ndarray, whole: np.ndarray, value: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(resamples, ..., k) sums -> (resamples, ...) figures; where none of a small language's rows was drawn, that of
    all its rows, (..., k)."""
    empty = ~sums.any(axis=-1, keepdims=True)
    return np.asarray(value(np.where(empty, whole, sums) if empty.any() else sums))


def spread(
    point: np.ndarray, drawn: np.ndarray, found: Sequence[Component], languages: Sequence[str], seed: int
) -> np.ndarray:
    """(B, S, L) figures in [0, 1] of which ``drawn`` had clusters drawn again, as far apart as other samples' are.

    Resamples of few clusters lie too near to the figure, the (S, L) ``point``: they are moved away from it as Student's
    t is. And beside a language's rows (as many independent ones as the draws' variance tells of) stand two of which
    nothing is known, as Agresti and Coull (1998) add them, skewed where a figure is near 0 or 1: where all is right, or
    systems do not differ on the few rows there are, no draw moves the figure. ``docs/statistics.md`` says how often
    the intervals then hold the truth. Of one cluster nothing can be known.
    """
    spread_out = np.empty_like(drawn)
    for component in found:
        name, size = min(languages[code] for code in component.languages), component.num_clusters
        rng = np.random.default_rng([seed, zlib.crc32(f"spread {name}".encode())])
        further = np.sqrt(size / rng.chisquare(size - 1, size=(len(drawn), 1))) if size > 1 else 1.0
        for clusters, code in zip(component.cluster_of, component.languages, strict=True):
            right, moved = point[:, code].clip(0, 1), drawn[:, :, code] - drawn[:, :, code].mean(axis=0)
            alone = right * (1 - right) / np.maximum(moved.var(axis=0), TINY**2)
            independent = np.clip(alone, len(np.unique(clusters)), len(clusters))
            # Half of what is not known of them all systems have in common, as they have the items.
            own, common = rng.exponential(size=(2, *moved.shape)), rng.exponential(size=(2, len(moved), 1))
            below, above = (2 - own - common) / math.sqrt(2)
            unknown = np.sqrt(right) * below - np.sqrt(1 - right) * above
            spread_out[:, :, code] = right + further * moved + unknown / (independent + 2)
    return spread_out


def percentiles(
    values: np.ndarray, confidence: float, least: float = -np.inf, most: float = np.inf
) -> tuple[float, float]:
    """Between which the middle ``confidence`` of (resamples,) figures lies, of those that are from least to most."""
    tail = (1 - confidence) / 2
    # Of B resamples the k-th smallest has k / (B + 1) below it on average; other rules are too narrow for small B.
    low, high = np.quantile(values, [tail, 1 - tail], method="weibull").clip(least, most)
    return float(low), float(high)
