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

With several assignments of items to languages (``assignments`` of the study), seeds are nested in them: what is drawn
again is an assignment with its seeds, so an assignment's figure is the mean over its seeds and takes a seed's place in
all of the above.

Sets are not drawn: all sets of a pool are what there is to know about the pool, and figures say nothing about other
pools. ``tests/study/test_resampling.py`` measures how often the intervals hold the truth.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mslt_it.evaluation import estimates
from mslt_it.evaluation.clusters import components, percentiles, sums_by, values_of
from mslt_it.evaluation.intervals import normal_quantile
from mslt_it.problems import Problem
from mslt_it.study.analyse.statistics import TINY, p_value
from mslt_it.study.analyse.tables import Row, interval
from mslt_it.study.collect import ScoredCell, Slice, Study

FEW_RESIDUALS = 12  # fewer residuals of one size are joined with those of the others
Rows = Sequence[int] | np.ndarray


class Settings(estimates.Settings):
    """How uncertainty is stated."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_bootstrap < 100:
            raise Problem(f"num_bootstrap={self.num_bootstrap} is too few to state an interval. Use 1000 or more.")


@dataclass(frozen=True)
class Compared:
    """Two groups' means and their difference."""

    a: float
    b: float
    value: float
    range: tuple[float, float]
    p: float

    @property
    def row(self) -> Row:
        """The difference as columns of a table, ``p`` to be adjusted."""
        return {"difference": self.value, **interval("difference", self.range), "p": self.p}


@dataclass(frozen=True, eq=False)
class SetFigures:
    """The sets of one slice: mean over seeds, as measured and in every draw.

    Shapes: S sets, L target languages, B draws.
    """

    study: Study
    slice: Slice
    sets: tuple[tuple[str, ...], ...]
    point: np.ndarray  # (S, L)
    drawn: np.ndarray  # (B, S, L)
    base: np.ndarray | None  # (L,)
    base_drawn: np.ndarray | None  # (B, L)
    runs: tuple[Mapping[tuple[int, int], np.ndarray], ...]  # per set: (assignment, seed) -> (L,)
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

    def seeds_of(self, rows: Rows) -> list[int]:
        """All seeds that these sets were trained with."""
        return sorted({seed for row in rows for _, seed in self.runs[row]})

    def assignments_of(self, rows: Rows) -> list[int]:
        """All assignments of items to languages that these sets were trained with."""
        return sorted({assignment for row in rows for assignment, _ in self.runs[row]})

    def replicates(self, row: int) -> dict[int, np.ndarray]:
        """What is drawn again, by seed: (L,); where there are several assignments, by assignment: mean of its seeds."""
        place = 0 if len(self.assignments_of(range(len(self.sets)))) > 1 else 1
        found: dict[int, list[np.ndarray]] = {}
        for key, values in self.runs[row].items():
            found.setdefault(key[place], []).append(values)
        return {key: np.mean(values, axis=0) for key, values in found.items()}

    def seed_sd(self, rows: Rows) -> float | None:
        """SD over seeds of a set's mean over languages, within assignments, pooled; None with one seed."""
        return _pooled_sd(
            [values.mean() for (assignment, _), values in self.runs[row].items() if assignment == one]
            for row in rows
            for one in self.assignments_of([row])
        )

    def assignment_sd(self, rows: Rows) -> float | None:
        """SD over assignments of the mean over their seeds, pooled over the sets; None with one assignment."""
        if len(self.assignments_of(rows)) < 2:
            return None
        return _pooled_sd([values.mean() for values in self.replicates(row).values()] for row in rows)

    def interval(self, drawn: np.ndarray) -> tuple[float, float]:
        """(B,) drawn figures -> between which the middle of them lies."""
        return percentiles(drawn, self.settings.confidence)

    def summary(self, rows: Rows) -> Row:
        """Mean over sets and languages, as columns of a table."""
        rows = np.asarray(rows)
        value = float(self.mean[rows].mean())
        return {
            "num_sets": len(rows),
            "num_seeds": len(self.seeds_of(rows)),
            "items": self.study.num_items,
            "accuracy": value,
            **interval("accuracy", self.interval(self.mean_drawn[:, rows].mean(axis=1))),
        }

    def compare(self, a: Rows, b: Rows, language: int | None = None) -> Compared:
        """Mean of the sets ``a`` minus mean of the sets ``b``, over all target languages or in one."""
        point = self.mean if language is None else self.point[:, language]
        drawn = self.mean_drawn if language is None else self.drawn[:, :, language]
        difference = drawn[:, a].mean(axis=1) - drawn[:, b].mean(axis=1)
        of_a, of_b = float(point[a].mean()), float(point[b].mean())
        value = of_a - of_b
        return Compared(of_a, of_b, value, self.interval(difference), p_value(value, difference))

    def basis(self, a: Rows, b: Rows | None = None) -> str:
        """What a claim rests on: languages, items, seeds, sets."""
        rows = [*a, *(b if b is not None else [])]
        num_seeds, num_assignments = len(self.seeds_of(rows)), len(self.assignments_of(rows))
        numbers = {len(ids) for ids in self.study.item_ids}
        items = f"{self.study.num_items:,} items" if len(numbers) > 1 else f"{min(numbers):,} items each"
        seeds = "1 seed" if num_seeds == 1 else f"{num_seeds} seeds"
        if num_assignments > 1:
            seeds = f"{num_assignments} assignments of items with {seeds} each"
        elif num_seeds == 1:
            seeds += ", so seed noise is not in the interval"
        sets = f"{len(a)}" if b is None else f"{len(a)} and {len(b)}"
        return f"{len(self.study.targets)} target languages, {items}, {seeds}, {sets} sets"


def _pooled_sd(groups: Iterable[Sequence[float]]) -> float | None:
    squares, freedom = 0.0, 0
    for group in groups:
        values = np.array(group)
        squares += float(((values - values.mean()) ** 2).sum())
        freedom += len(values) - 1
    return float(np.sqrt(squares / freedom)) if freedom else None


def resample(study: Study, chosen: Slice, settings: Settings) -> SetFigures:
    """All sets of a slice with items and seeds drawn ``settings.num_bootstrap`` times."""
    cells = [cell for cell in study.cells if cell.slice == chosen]
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, cell in enumerate(cells):
        groups.setdefault(cell.sources, []).append(number)
    for sources, members in groups.items():
        if len({(cells[i].assignment, cells[i].seed) for i in members}) < len(members):
            raise Problem(f"Cells of {' '.join(sources)} ({chosen.name}) have one seed twice. Keep one of them.")
    point, drawn, base, base_drawn = _items_drawn(study, cells, settings)
    sets = sorted(groups, key=lambda one: (len(one), [_place(study.pool, code) for code in one]))
    several = len({cell.assignment for cell in cells}) > 1
    replicates: list[list[int]] = []  # cells of each: a seed's, or an assignment's
    names: list[int] = []
    rows = []
    for one in sets:
        of_name: dict[int, list[int]] = {}
        for i in groups[one]:
            of_name.setdefault(cells[i].assignment if several else cells[i].seed, []).append(i)
        rows.append(list(range(len(replicates), len(replicates) + len(of_name))))
        replicates += of_name.values()
        names += of_name
    of_replicates = np.array([point[members].mean(axis=0) for members in replicates])
    replicates_drawn = np.stack([drawn[:, members].mean(axis=1) for members in replicates], axis=1)
    noise = _seed_noise(sets, rows, names, of_replicates, replicates_drawn, settings)
    return SetFigures(
        study,
        chosen,
        tuple(sets),
        np.array([of_replicates[members].mean(axis=0) for members in rows]),
        np.stack([replicates_drawn[:, members].mean(axis=1) for members in rows], axis=1) + noise,
        base,
        base_drawn,
        tuple({(cells[i].assignment, cells[i].seed): point[i] for i in groups[one]} for one in sets),
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
        members: per set the numbers of its replicates; seeds: of each replicate.
        point: (C, L), drawn: (B, C, L) figures of replicates.
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
    z = normal_quantile(confidence)
    first = (z**2 + 1) / (4 * freedom)
    return 1 + first + (5 * z**4 + 16 * z**2 + 3) / (96 * freedom**2)


def _stream(settings: Settings, name: str) -> np.random.Generator:
    """A random stream of its own for every name, so that a set more or less changes no other's draws."""
    return np.random.default_rng([settings.seed, zlib.crc32(name.encode())])
