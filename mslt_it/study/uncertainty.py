"""Uncertainty of a study's figures: items and seeds are both drawn again, items for all cells at once.

A study's figures depend on which items were scored and on which seeds were trained. One draw of a *hierarchical
bootstrap* makes both new:

- Items: of each language as many as there are, with replacement; the same draw for every cell and the base, so what
  makes an item hard for all of them cancels in differences. Items that are translations of each other are drawn in all
  languages at once, and those of one premise or passage together (`mslt_it.evaluation.clusters`).
- Seeds: a set's mean over its R seeds is moved by the mean of R residuals, (value of a seed) - (mean of its set), drawn
  from all sets of the same size. Three seeds drawn with replacement would show only two thirds of their variance and
  take 10 different values; residuals times sqrt(R / (R - 1)), from many sets, have neither fault. Pooling assumes that
  sets of one size are about equally noisy. A residual has all languages of one cell, so languages that err together
  stay together. The part of the residuals that all sets of one seed share is drawn once for all sets. Residuals differ
  also because two models do not fail on quite the same items; drawing items shows that already, so they are shrunk by
  it, and widened as Student's t is where they are few.

Sets are not drawn: all sets of a pool are what there is to know about the pool, and figures say nothing about other
pools. ``tests/study/test_analyses_uncertainty.py`` measures how often the intervals hold the truth.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from mslt_it.evaluation.clusters import components, percentiles, sums_by, values_of
from mslt_it.problems import Problem
from mslt_it.study.collect import ScoredCell, Slice, Study

FEW_RESIDUALS = 12  # fewer residuals of one size are joined with those of the others
TINY = 1e-12


@dataclass(frozen=True)
class Settings:
    """How uncertainty is stated."""

    confidence: float = 0.95
    num_bootstrap: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise Problem(f"confidence={self.confidence} is no share between 0 and 1. Write 0.95 for 95 %.")
        if self.num_bootstrap < 100:
            raise Problem(f"num_bootstrap={self.num_bootstrap} is too few to state an interval. Use 1000 or more.")


@dataclass(frozen=True, eq=False)
class SetFigures:
    """The sets of one slice: mean over seeds, as measured and in every draw.

    Shapes: S sets, L target languages, B draws.
    """

    sets: tuple[tuple[str, ...], ...]
    targets: tuple[str, ...]
    point: np.ndarray  # (S, L)
    drawn: np.ndarray  # (B, S, L)
    base: np.ndarray | None  # (L,)
    base_drawn: np.ndarray | None  # (B, L)
    of_seeds: tuple[Mapping[int, np.ndarray], ...]  # per set: seed -> (L,)
    settings: Settings

    @property
    def sizes(self) -> list[int]:
        """Numbers of sources that there are, rising."""
        return sorted({len(one) for one in self.sets})

    def of_size(self, k: int) -> np.ndarray:
        """Row numbers of the sets of k languages."""
        return np.array([i for i, one in enumerate(self.sets) if len(one) == k], dtype=int)

    @property
    def mean(self) -> np.ndarray:
        """(S,): the mean over target languages."""
        return np.asarray(self.point.mean(axis=1))

    @property
    def mean_drawn(self) -> np.ndarray:
        """(B, S)."""
        return np.asarray(self.drawn.mean(axis=2))

    def seeds_of(self, rows: Sequence[int] | np.ndarray) -> list[int]:
        """All seeds that these sets were trained with."""
        return sorted({seed for row in rows for seed in self.of_seeds[row]})

    def seed_sd(self, rows: Sequence[int] | np.ndarray) -> float | None:
        """Standard deviation over seeds of a set's mean over languages, pooled over the sets; None with one seed."""
        squares, freedom = 0.0, 0
        for row in rows:
            values = np.array([v.mean() for v in self.of_seeds[row].values()])
            squares += float(((values - values.mean()) ** 2).sum())
            freedom += len(values) - 1
        return float(np.sqrt(squares / freedom)) if freedom else None

    def interval(self, drawn: np.ndarray) -> tuple[float, float]:
        """(B,) drawn figures -> between which the middle of them lies."""
        return percentiles(drawn, self.settings.confidence)

    def estimate(self, rows: Sequence[int] | np.ndarray) -> tuple[float, tuple[float, float]]:
        """Mean over sets and languages, with its interval."""
        rows = np.asarray(rows)
        return float(self.mean[rows].mean()), self.interval(self.mean_drawn[:, rows].mean(axis=1))


def resample(study: Study, chosen: Slice, settings: Settings) -> SetFigures:
    """All sets of a slice with items and seeds drawn ``settings.num_bootstrap`` times."""
    cells = [cell for cell in study.cells if cell.slice == chosen]
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, cell in enumerate(cells):
        groups.setdefault(cell.sources, []).append(number)
    for sources, members in groups.items():
        seeds = [cells[i].seed for i in members]
        if len(set(seeds)) < len(seeds):
            raise Problem(f"Cells of {' '.join(sources)} ({chosen.name}) have one seed twice. Keep one of them.")
    point, drawn, base, base_drawn = _items_drawn(study, cells, settings)
    sets = sorted(groups, key=lambda one: (len(one), [_place(study.pool, code) for code in one]))
    rows = [groups[one] for one in sets]
    noise = _seed_noise(sets, rows, [cell.seed for cell in cells], point, drawn, settings)
    return SetFigures(
        tuple(sets),
        study.targets,
        np.array([point[members].mean(axis=0) for members in rows]),
        np.stack([drawn[:, members].mean(axis=1) for members in rows], axis=1) + noise,
        base,
        base_drawn,
        tuple({cells[i].seed: point[i] for i in members} for members in rows),
        settings,
    )


def _place(pool: Sequence[str], code: str) -> int:
    return list(pool).index(code) if code in pool else len(pool)


def _items_drawn(
    study: Study, cells: Sequence[ScoredCell], settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Figures (C, L) as measured and (B, C, L) with items drawn; of the base too, on the same draws."""
    counts = [cell.counts for cell in cells] + ([study.base] if study.base is not None else [])
    num, k = len(counts), counts[0].shape[2]
    point = np.zeros((num, len(study.targets)))
    drawn = np.zeros((settings.num_bootstrap, num, len(study.targets)))
    for component in components(study.item_ids, study.groups):
        size = component.num_clusters
        rng = _stream(settings, f"items {study.targets[component.languages[0]]}")
        weights = rng.multinomial(size, np.full(size, 1 / size), size=settings.num_bootstrap).astype(np.float32)
        for place, column in zip(component.cluster_of, component.languages, strict=True):
            n = len(place)
            stacked = np.stack([one[column, :n] for one in counts], axis=1).reshape(n, num * k)
            whole = stacked.sum(axis=0, dtype=float).reshape(num, k)
            summed = sums_by(place, stacked, size).astype(np.float32)
            point[:, column] = study.measure.value(whole)
            sums = (weights @ summed).reshape(-1, num, k).astype(float)
            drawn[:, :, column] = values_of(sums, whole, study.measure.value)
    if study.base is None:
        return point, drawn, None, None
    return point[:-1], drawn[:, :-1], point[-1], drawn[:, -1]


@dataclass(frozen=True, eq=False)
class _Residual:
    """What a seed did to its set."""

    seed: int
    value: np.ndarray  # (L,): the seed's figures minus the set's, times sqrt(R / (R - 1))
    of_items: float  # variance of its mean over languages when items are drawn: no doing of the seed as such


def _seed_noise(
    sets: Sequence[tuple[str, ...]],
    members: Sequence[Sequence[int]],
    seeds: Sequence[int],
    point: np.ndarray,
    drawn: np.ndarray,
    settings: Settings,
) -> np.ndarray:
    """(B, S, L): what other seeds would have moved each set's mean by; 0 where no set has two seeds.

    Args:
        members: per set the numbers of its cells; seeds: of each cell.
        point: (C, L), drawn: (B, C, L) figures of cells.
    """
    noise = np.zeros((settings.num_bootstrap, len(sets), point.shape[1]))
    residuals: dict[int, list[_Residual]] = {}
    num_sets: dict[int, int] = {}
    for one, cells in zip(sets, members, strict=True):
        r = len(cells)
        if r < 2:
            continue
        num_sets[len(one)] = num_sets.get(len(one), 0) + 1
        moved = (drawn[:, cells] - drawn[:, cells].mean(axis=1, keepdims=True)).mean(axis=2).var(axis=0) * r / (r - 1)
        values = (point[cells] - point[cells].mean(axis=0)) * np.sqrt(r / (r - 1))
        found = zip(cells, values, moved, strict=True)
        residuals.setdefault(len(one), []).extend(_Residual(seeds[i], v, float(m)) for i, v, m in found)
    if not residuals:
        return noise
    everything = list(itertools.chain.from_iterable(residuals.values()))
    shared = {
        seed: np.mean([one.value for one in everything if one.seed == seed], axis=0)
        for seed in {one.seed for one in everything}
    }
    pool = np.array([shared[seed] for seed in sorted(shared)])
    draws = _stream(settings, "shared seeds").integers(len(pool), size=(settings.num_bootstrap, len(pool)))
    common = pool[draws].mean(axis=1)  # (B, L)
    for row, (one, cells) in enumerate(zip(sets, members, strict=True)):
        own = residuals.get(len(one), [])
        is_own = len(own) >= FEW_RESIDUALS
        chosen = own if is_own else everything
        freedom = len(chosen) - (num_sets[len(one)] if is_own else sum(num_sets.values()))
        pool = _without_items(chosen, shared) * _few_freedoms(freedom, settings.confidence)
        rng = _stream(settings, "seeds " + " ".join(one))
        draws = rng.integers(len(pool), size=(settings.num_bootstrap, len(cells)))
        noise[:, row] = common + pool[draws].mean(axis=1)
    return noise


def _without_items(chosen: Sequence[_Residual], shared: Mapping[int, np.ndarray]) -> np.ndarray:
    """(residuals, L) less what all sets of a seed share, and shrunk by what drawing items does already."""
    values = np.array([one.value - shared[one.seed] for one in chosen])
    if len(chosen) < FEW_RESIDUALS:
        return values  # too few to tell the two apart
    whole = float(np.square(values.mean(axis=1)).mean())
    of_items = float(np.mean([one.of_items for one in chosen]))
    return values * np.sqrt(max(0.0, 1 - of_items / whole)) if whole > TINY**2 else values


def _few_freedoms(freedom: int, confidence: float) -> float:
    """How much wider Student's t interval is than the normal one (Cornish and Fisher's expansion)."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    first = (z**2 + 1) / (4 * freedom)
    return 1 + first + (5 * z**4 + 16 * z**2 + 3) / (96 * freedom**2)


def _stream(settings: Settings, name: str) -> np.random.Generator:
    """A random stream of its own for every name, so that a set more or less changes no other's draws."""
    return np.random.default_rng([settings.seed, zlib.crc32(name.encode())])


# ---------------------------------------------------------------- tests


def p_value(value: float, drawn: np.ndarray) -> float:
    """Two-sided bootstrap p of no difference: share of draws that lie as far from ``value`` as it lies from 0."""
    if abs(value) <= TINY:
        return 1.0
    # Draws tie with the observed where few items differ; rounding must not decide.
    far = np.abs(drawn - value) >= abs(value) * (1 - 1e-9)
    return float((1 + far.sum()) / (1 + len(drawn)))


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
    """Ranks from 1 for the largest along the last axis; equal scores share the mean of their places."""
    order = np.argsort(-scores, axis=-1, kind="stable")
    falling = np.take_along_axis(scores, order, axis=-1)
    changes = falling[..., 1:] != falling[..., :-1]
    edge = np.ones((*scores.shape[:-1], 1), dtype=bool)
    places = np.arange(scores.shape[-1])
    first = np.maximum.accumulate(np.where(np.concatenate([edge, changes], axis=-1), places, 0), axis=-1)
    ends = np.where(np.concatenate([changes, edge], axis=-1), places, places[-1])
    last = np.minimum.accumulate(ends[..., ::-1], axis=-1)[..., ::-1]
    ranks = np.empty(scores.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=-1)
    return ranks


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rho of (S,) with each (..., S); 0 where one of them is constant."""
    a, b = average_ranks(x), average_ranks(y)
    a, b = a - a.mean(-1, keepdims=True), b - b.mean(-1, keepdims=True)
    below = np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
    return np.asarray(np.divide((a * b).sum(-1), below, out=np.zeros(np.shape(below)), where=below > 0))


def kendall(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Kendall's tau-b (1945) of (S,) with each (..., S); 0 where one of them is constant."""
    left, right = np.triu_indices(x.shape[-1], 1)
    a = np.sign(x[..., left] - x[..., right])
    b = np.sign(y[..., left] - y[..., right])
    below = np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
    return np.asarray(np.divide((a * b).sum(-1), below, out=np.zeros(np.shape(below)), where=below > 0))
