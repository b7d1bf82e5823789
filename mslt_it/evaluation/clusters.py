"""What is drawn together when items are drawn again: clusters of rows, and languages that share them.

Rows of one language with one group (XNLI: three hypotheses to a premise; TyDiQA: several questions on a passage) are
not independent, nor are translations of one item. Rows are joined where their ids are equal in two languages, or their
groups in one; what hangs together is one cluster and is drawn whole, in all its languages at once (the ultimate cluster
of Kalton 1979). Languages without a common item are drawn by themselves.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

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
    parent = list(range(len(numbers)))  # of items: a forest whose trees are the clusters

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    item_of = []
    for ids, names in zip(item_ids, groups, strict=True):
        first: dict[str, int] = {}
        for item, name in zip(ids, names, strict=True):
            if name:
                low, high = sorted((root(numbers[item]), root(first.setdefault(name, numbers[item]))))
                parent[high] = low
        item_of.append(np.array([numbers[item] for item in ids], dtype=int))
    roots = np.array([root(number) for number in range(len(parent))], dtype=int)
    return [_component(members, item_of, roots) for members in _connected([set(roots[rows]) for rows in item_of])]


def _connected(sets: Sequence[set[int]]) -> list[tuple[int, ...]]:
    """Which of the sets hang together by common members, each in the order of its first."""
    found: list[tuple[list[int], set[int]]] = []
    for number, members in enumerate(sets):
        touching = [one for one in found if one[1] & members]
        joined = ([n for one in touching for n in one[0]] + [number], members.union(*(one[1] for one in touching)))
        found = [one for one in found if one not in touching] + [joined]
    return sorted(tuple(sorted(numbers)) for numbers, _ in found)


def _component(members: tuple[int, ...], item_of: Sequence[np.ndarray], roots: np.ndarray) -> Component:
    rows = [roots[item_of[number]] for number in members]
    numbers, clusters = np.unique(np.concatenate(rows), return_inverse=True)
    return Component(members, tuple(np.split(clusters, np.cumsum([len(one) for one in rows])[:-1])), len(numbers))


def sums_by(numbers: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """(size, ...) sums of the (rows, ...) values with each number."""
    found = np.zeros((size, *values.shape[1:]))
    np.add.at(found, numbers, values)
    return found


def resampled(
    component: Component,
    blocks: Sequence[Sequence[np.ndarray]],
    value: Callable[[np.ndarray], np.ndarray],
    *,
    num_bootstrap: int,
    seed: int,
    name: str,
) -> np.ndarray:
    """(languages, systems, resamples) figures with the component's clusters drawn again (Efron 1979).

    What is drawn depends on the clusters alone, so that a figure has the same interval whatever stands beside it.

    Args:
        blocks: per language of the component, per system, (rows, k) counts.
        value: (..., k) sums of counts -> (...) figures.
        name: makes the random stream of one component independent of the others'.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    size = component.num_clusters
    summed = [
        [sums_by(numbers, counts, size) for counts in systems]
        for numbers, systems in zip(component.cluster_of, blocks, strict=True)
    ]
    found = np.empty((len(summed), len(summed[0]), num_bootstrap))
    step = max(1, MAX_DRAWS // size)
    for start in range(0, num_bootstrap, step):
        some = slice(start, min(start + step, num_bootstrap))
        num = some.stop - start
        drawn = rng.integers(size, size=(num, size)) + size * np.arange(num)[:, None]
        weights = np.bincount(drawn.reshape(-1), minlength=num * size).reshape(num, size).astype(float)
        for language, systems in enumerate(summed):
            for system, one in enumerate(systems):
                found[language, system, some] = values_of(weights @ one, one.sum(axis=0), value)
    return found


def values_of(sums: np.ndarray, whole: np.ndarray, value: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(resamples, ..., k) sums -> (resamples, ...) figures; where none of a small language's rows was drawn, that of
    all its rows, (..., k)."""
    empty = ~sums.any(axis=-1, keepdims=True)
    return np.asarray(value(np.where(empty, whole, sums) if empty.any() else sums))


def percentiles(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Between which the middle ``confidence`` of (resamples,) figures lies."""
    tail = (1 - confidence) / 2
    # Of B resamples the k-th smallest has k / (B + 1) below it on average; other rules are too narrow for small B.
    low, high = np.quantile(values, [tail, 1 - tail], method="weibull")
    return float(low), float(high)
