"""Ranking all sets of k languages by a score, exactly where there are few enough, else by greedy search with swaps.

A scorer takes sets as an index array [m, j] (j languages each, every j up to k) and returns [m] scores. Higher is
better.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mslt_it.problems import Problem

Floats = NDArray[np.float64]
Sets = NDArray[np.intp]
Scorer = Callable[[Sets], Floats]

EXACT_LIMIT = 3_000_000  # sets ranked exactly; about a second and 100 MB per criterion at the limit
CHUNK = 1 << 16  # sets scored at once, so that the arrays between stay in the cache
TIE_DIGITS = 9  # scores that agree in so many decimals are ties; sums in another order differ in the 16th


@dataclass(frozen=True)
class Ranking:
    """Sets in the order of their scores; equal scores have equal ranks (1, 1, 3)."""

    sets: Sets  # [m, k], best first
    scores: Floats  # [m]
    ranks: NDArray[np.int64]  # [m], from 1
    order: NDArray[np.intp] | None = None  # exact: the row of each in the list of all sets


@dataclass(frozen=True)
class Space:
    """Which sets are allowed: k of n, some of them compulsory, within a budget."""

    n: int
    k: int
    must: tuple[int, ...] = ()
    cost: tuple[float, ...] = ()  # of each language; empty: not known, and none is too dear
    max_cost: float | None = None

    @property
    def num_sets(self) -> int:
        """Sets before the budget is looked at."""
        return math.comb(self.n - len(self.must), self.k - len(self.must))

    @property
    def is_exact(self) -> bool:
        return self.num_sets <= EXACT_LIMIT

    def affordable(self, sets: Sets) -> Sets:
        if self.max_cost is None:
            return sets
        return sets[np.asarray(self.cost)[sets].sum(axis=1) <= self.max_cost + 1e-9]

    def cheapest(self, chosen: Sequence[int]) -> float:
        """What the cheapest set costs that holds these languages."""
        others = sorted(one for i, one in enumerate(self.cost) if i not in chosen)
        return sum(self.cost[i] for i in chosen) + sum(others[: self.k - len(chosen)])

    def has_room_for(self, chosen: Sequence[int]) -> bool:
        """Whether a set within the budget holds these languages."""
        return self.max_cost is None or self.cheapest(chosen) <= self.max_cost + 1e-9


def all_sets(space: Space) -> Sets:
    """Every allowed set, [m, k], indices rising within a row, rows in lexicographic order of the free languages."""
    _refuse_too_dear(space)
    free = [i for i in range(space.n) if i not in space.must]
    left = space.k - len(space.must)
    flat = itertools.chain.from_iterable(itertools.combinations(free, left))
    chosen = np.fromiter(flat, dtype=np.intp, count=space.num_sets * left).reshape(space.num_sets, left)
    must = np.broadcast_to(np.array(space.must, dtype=np.intp), (space.num_sets, len(space.must)))
    sets = np.concatenate([must, chosen], axis=1)
    if space.must:
        sets.sort(axis=1)
    return space.affordable(sets)


def _refuse_too_dear(space: Space) -> None:
    if not space.has_room_for(space.must):
        raise Problem(
            f"No set costs at most max_cost={space.max_cost:g}, the cheapest costs {space.cheapest(space.must):g}. "
            "Raise max_cost."
        )


def score_all(scorer: Scorer, sets: Sets) -> Floats:
    """Scores of all sets, chunk by chunk, rounded so that ties are ties."""
    parts = [scorer(sets[start : start + CHUNK]) for start in range(0, len(sets), CHUNK)]
    return np.asarray(np.round(np.concatenate(parts), TIE_DIGITS), dtype=np.float64)


def rank_exact(sets: Sets, scores: Floats) -> Ranking:
    """Every set in its place; ties keep the order of ``sets``."""
    order = np.argsort(-scores, kind="stable")
    return Ranking(sets[order], scores[order], _ranks(scores[order]), order)


def _ranks(falling: Floats) -> NDArray[np.int64]:
    places = np.arange(1, len(falling) + 1)
    first = np.concatenate([[True], falling[1:] != falling[:-1]])
    return np.maximum.accumulate(np.where(first, places, 0))


def search_greedy(scorer: Scorer, space: Space, keep: int = 50, seed: int = 0, num_starts: int = 16) -> Ranking:
    """The best sets met while adding the best language, then swapping one for another until nothing improves.

    From up to ``num_starts`` first languages. Not proven to hold the best set; ranks are among the sets looked at.
    """
    _refuse_too_dear(space)
    free = [i for i in range(space.n) if i not in space.must]
    starts = np.random.default_rng(seed).permutation(free)[:num_starts]
    found: dict[tuple[int, ...], float] = {}
    for start in starts:
        chosen = [*space.must]
        if len(chosen) < space.k and space.has_room_for([*chosen, int(start)]):
            chosen.append(int(start))
        while len(chosen) < space.k:
            options = [c for c in free if c not in chosen and space.has_room_for([*chosen, c])]
            sets = np.array([sorted([*chosen, c]) for c in options], dtype=np.intp)
            chosen.append(options[int(np.argmax(score_all(scorer, sets)))])
        _swap(scorer, space, chosen, free, found, keep)
    rows = sorted(found, key=lambda row: (-found[row], row))[:keep]
    scores = np.array([found[row] for row in rows])
    return Ranking(np.array(rows, dtype=np.intp), scores, _ranks(scores))


def _swap(
    scorer: Scorer, space: Space, chosen: list[int], free: list[int], found: dict[tuple[int, ...], float], keep: int
) -> None:
    current = np.array([sorted(chosen)], dtype=np.intp)
    best = float(score_all(scorer, current)[0])
    found[tuple(int(i) for i in current[0])] = best
    while True:
        inside = current[0].tolist()
        swaps = [
            sorted([*(i for i in inside if i != out), new])
            for out in inside
            if out not in space.must
            for new in free
            if new not in inside
        ]
        sets = space.affordable(np.array(swaps, dtype=np.intp).reshape(-1, space.k))
        if not len(sets):
            return
        scores = score_all(scorer, sets)
        for row in np.argsort(-scores, kind="stable")[:keep]:
            found[tuple(int(i) for i in sets[row])] = float(scores[row])
        top = int(np.argmax(scores))
        if scores[top] <= best:
            return
        current, best = sets[top : top + 1], float(scores[top])
