"""Uncertainty of a study's figures: items and seeds are both drawn again, items for all cells at once.

A study's figures depend on which items were scored and on which seeds were trained. One draw of a *hierarchical
bootstrap* makes both new:

- Items: of each language as many as there are, with replacement; the same draw for every cell and the base, so what
  makes an item hard for all of them cancels in differences. Items that are translations of each other are drawn in all
  languages at once, and those of one premise or passage together (`mslt_it.evaluation.clusters`).
- Seeds: a *shared* part moves all sets alike and cancels in differences, what is left is a set's *own*; the two are
  estimated apart (a two-way layout of sets and seeds). The mean of R seeds is moved by normal variables with the
  residuals' covariance over languages, divided by R; the own part's is pooled over the sets of a size. As these are
  estimates, each draw divides by a chi-square variable, which makes Student's t. Residuals differ also because two
  models do not fail on quite the same items; drawing items shows that already, so they are shrunk by it.

With several assignments of items to languages (``assignments`` of the study), seeds are nested in them: what is drawn
again is an assignment with its seeds, so an assignment's figure is the mean over its seeds and takes a seed's place in
all of the above.

Figures and intervals are of these very sets; kinds of sets are tested by `renaming`, other languages by `gains`.
benchmarks/study_statistics.py measures how often the intervals hold the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mslt_it.evaluation.clusters import Component, components, percentiles, spread, sums_by, values_of
from mslt_it.evaluation.estimates import Settings
from mslt_it.evaluation.seeds import p_value, seed_noise, stream
from mslt_it.problems import Problem, counted
from mslt_it.study.analyse.findings import Claim, Evidence, set_name
from mslt_it.study.analyse.statistics import TINY, places
from mslt_it.study.analyse.tables import Row, interval
from mslt_it.study.collect import ScoredCell, Slice, Study, mean_of
from mslt_it.study.config import MARGIN

Rows = Sequence[int] | np.ndarray


@dataclass(frozen=True)
class Compared:
    """Two groups' means and their difference."""

    a: float
    b: float
    value: float
    range: tuple[float, float]
    p: float

    drawn: np.ndarray  # (B,) of the value

    def row(self, key: str = "difference") -> Row:
        """The difference as columns of a table, for ``with_holm``."""
        return {key: self.value, **interval(key, self.range), "p": self.p, "drawn": (key, self.drawn)}


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
    runs: pd.DataFrame  # (runs, L), by set (its row number), assignment and seed
    settings: Settings
    shares: tuple[int | None, ...] = ()  # per set, which is there with each; see `shares`
    flops: tuple[float | None, ...] = ()  # of training, mean over a set's runs

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

    def highest(self, rows: np.ndarray, values: np.ndarray) -> str:
        """The set with the highest of the rows' values, or how many of them tie."""
        first = rows[values >= values.max() - TINY]
        return set_name(self.sets[first[0]]) if len(first) == 1 else f"{len(first)} sets tie"

    def num_seeds(self, rows: Rows) -> int:
        """With how many seeds these sets were trained."""
        return self.runs.loc[list(rows)].index.unique("seed").size

    def num_assignments(self, rows: Rows | None = None) -> int:
        """With how many assignments of items to languages these sets, or all, were trained."""
        runs = self.runs if rows is None else self.runs.loc[list(rows)]
        return runs.index.unique("assignment").size

    def replicates(self, row: int) -> pd.DataFrame:
        """What is drawn again, by seed: (n, L); where there are several assignments, by assignment: mean of its
        seeds."""
        level = "assignment" if self.num_assignments() > 1 else "seed"
        return self.runs.loc[row].groupby(level, sort=False).mean()

    def seed_sd(self, rows: Rows) -> float | None:
        """SD over seeds of a set's mean over languages, within assignments, pooled; None with one seed."""
        return _pooled_sd(self.runs.loc[list(rows)].mean(axis=1).groupby(["set", "assignment"]))

    def shared_seed_sd(self, rows: Rows) -> float | None:
        """SD over seeds of what a seed does to all these sets alike; None with one seed or one set.

        From the seeds' means over the sets that all have them, less what the sets' own noise adds to such a mean.
        """
        values = self.runs.loc[list(rows)].mean(axis=1).unstack("set").dropna().to_numpy()  # (seeds, sets)
        num_seeds, num_sets = values.shape
        if num_seeds < 2 or num_sets < 2:
            return None
        own = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
        of_own = float(np.square(own).sum()) / ((num_sets - 1) * (num_seeds - 1))
        return float(np.sqrt(max(0.0, values.mean(axis=1).var(ddof=1) - of_own / num_sets)))

    def assignment_sd(self, rows: Rows) -> float | None:
        """SD over assignments of the mean over their seeds, pooled over the sets; None with one assignment."""
        of_assignments = self.runs.loc[list(rows)].mean(axis=1).groupby(["set", "assignment"]).mean()
        return _pooled_sd(of_assignments.groupby("set"))

    def interval(self, drawn: np.ndarray) -> tuple[float, float]:
        """(B,) drawn figures -> between which the middle of them lies."""
        return percentiles(drawn, self.settings.confidence)

    def share_interval(self, drawn: np.ndarray) -> tuple[float, float]:
        """`interval` of a share: with few seeds, which are drawn by Student's t, it would reach beyond 0 and 1."""
        return percentiles(drawn, self.settings.confidence, 0.0, 1.0)

    def of_order(self, value: float, drawn: np.ndarray, least: float = -1.0, most: float = 1.0) -> tuple[float, float]:
        """Interval of how well two orders agree: noise draws such a figure towards none, in the study as in each draw,
        so what draws are away from it is taken to its other side (basic bootstrap; Davison and Hinkley 1997). The
        figure itself, which may lie nearer to none than all of that, is never left out."""
        low, high = self.interval(drawn)
        return max(least, min(value, 2 * value - high)), min(most, max(value, 2 * value - low))

    def summary(self, rows: Rows) -> Row:
        """Mean over sets and languages, as columns of a table."""
        rows = np.asarray(rows)
        value = float(self.mean[rows].mean())
        return {
            "num_sets": len(rows),
            "num_seeds": self.num_seeds(rows),
            "items": self.study.num_items,
            "accuracy": value,
            **interval("accuracy", self.share_interval(self.mean_drawn[:, rows].mean(axis=1))),
        }

    def compare(self, a: Rows, b: Rows, language: int | None = None) -> Compared:
        """Mean of the sets ``a`` minus mean of the sets ``b``, over all target languages or in one."""
        point = self.mean if language is None else self.point[:, language]
        drawn = self.mean_drawn if language is None else self.drawn[:, :, language]
        difference = drawn[:, a].mean(axis=1) - drawn[:, b].mean(axis=1)
        of_a, of_b = float(point[a].mean()), float(point[b].mean())
        value = of_a - of_b
        ends = percentiles(difference, self.settings.confidence, -1.0, 1.0)
        return Compared(of_a, of_b, value, ends, p_value(value, difference), difference)

    @property
    def margin(self) -> float:
        """Only what is shown to differ by less is called equal, as the study states."""
        return float(self.study.manifest["config"].get("margin", MARGIN))

    def no_verdict(self, better: Rows, worse: Rows) -> str:
        """Why the two kinds of sets cannot be compared: the better has not learned, or the worse has learned all."""
        chance = self.study.chance
        if chance is not None and self.interval(self.mean_drawn[:, better].mean(axis=1))[0] <= chance:
            return "these runs are not shown to be above chance or the majority's share"
        if self.mean[worse].mean() > 1 - self.margin:
            return "all of these runs have nearly everything right"
        return ""

    def claim(
        self, name: str, what: str, value: float, ends: tuple[float, float], tested: Evidence, a: Rows,
        b: Rows | None = None, unit: str = "points", **more: Any,
    ) -> Claim:  # fmt: skip
        """What was found of the sets ``a``, or of these held against ``b``; ``more``: other fields of the claim."""
        if "no_verdict" not in more:
            more["no_verdict"] = self.no_verdict(*((a, a) if b is None else (a, b) if value > 0 else (b, a)))
        margin = self.margin if unit == "points" else 0.0
        return Claim(name, what, value, *ends, tested, unit, basis=self.basis(a, b), margin=margin, **more)

    def places(self, k: int) -> np.ndarray:
        """(orders of the languages' names, sets of size k): see `statistics.places`."""
        return places(tuple(self.sets[row] for row in self.of_size(k)), self.settings.seed)

    @property
    def is_one_seed(self) -> bool:
        """Whether every set was trained once only, so that what another seed would change is in no interval."""
        return self.runs.index.get_level_values("set").is_unique

    @property
    def drawn_again(self) -> str:
        """What intervals are of."""
        if self.is_one_seed:
            return "items drawn again (of one seed)"
        several = self.num_assignments() > 1
        return "items, and assignments with their seeds, drawn again" if several else "items and seeds drawn again"

    @property
    def of_rows(self) -> str:
        """What stands under a table of differences that intervals of all rows hold at once."""
        return (
            f"Of these very {'runs' if self.is_one_seed else 'sets'}: {self.drawn_again}. Intervals hold for all rows "
            "at once; p adjusted (Holm)."
        )

    def of_renaming(self, over: str = "these rows") -> str:
        """What stands under a table whose p are by renaming."""
        return (
            f"Interval: {self.drawn_again}, for these very sets. p: the languages' names in every other order; "
            f"adjusted over {over} (Holm)."
        )

    def basis(self, a: Rows, b: Rows | None = None) -> str:
        """What a claim rests on: languages, items, seeds, sets."""
        rows = [*a, *(b if b is not None else [])]
        num_assignments = self.num_assignments(rows)
        fewest, most = (f(self.num_seeds([row]) for row in rows) for f in (min, max))
        numbers = {len(ids) for ids in self.study.item_ids}
        items = f"{self.study.num_items:,} items" if len(numbers) > 1 else f"{min(numbers):,} items each"
        seeds = counted(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
        if num_assignments > 1:
            seeds = f"{num_assignments} assignments of items with {seeds} each"
        elif self.is_one_seed:
            seeds += ", so seed noise is not in the interval"
        sets = f"{len(a)}" if b is None else f"{len(a)} and {len(b)}"
        return f"{len(self.study.targets)} target languages, {items}, {seeds}, {sets} sets"


def _pooled_sd(groups: Any) -> float | None:
    """Of grouped figures; None where no group has two."""
    freedom = int((groups.size() - 1).sum())
    return float(np.sqrt((groups.var(ddof=0) * groups.size()).sum() / freedom)) if freedom else None


def resample(study: Study, chosen: Slice, settings: Settings) -> SetFigures:
    """All sets of a slice with items and seeds drawn ``settings.num_bootstrap`` times."""
    cells = [cell for cell in study.cells if cell.slice == chosen]
    places = {code: place for place, code in enumerate(study.pool)}
    found = sorted(
        {(cell.sources, cell.share) for cell in cells},
        key=lambda one: (len(one[0]), [places.get(code, len(places)) for code in one[0]], one[1] or 0),
    )
    sets, shares = zip(*found, strict=True)
    rows = [found.index((cell.sources, cell.share)) for cell in cells]
    together = components(study.item_ids, study.groups)
    point, drawn = _items_drawn(study, cells, together, settings)
    index = [(row, cell.assignment, cell.seed) for row, cell in zip(rows, cells, strict=True)]
    runs = pd.DataFrame(point[: len(cells)], pd.MultiIndex.from_tuples(index, names=("set", "assignment", "seed")))
    if runs.index.has_duplicates:
        twice, _, _ = runs.index[runs.index.duplicated()][0]
        raise Problem(f"Cells of {' '.join(sets[twice])} ({chosen.name}) have one seed twice. Keep one of them.")
    several = runs.index.unique("assignment").size > 1
    replicates: dict[tuple[int, int], list[int]] = {}  # set, and seed or assignment -> its runs
    for i in np.argsort(rows, kind="stable"):
        replicates.setdefault((rows[i], cells[i].assignment if several else cells[i].seed), []).append(i)
    of_replicates = np.array([point[own].mean(axis=0) for own in replicates.values()])
    replicates_drawn = np.stack([drawn[:, own].mean(axis=1) for own in replicates.values()], axis=1)
    members = [[i for i, (of, _) in enumerate(replicates) if of == row] for row in range(len(sets))]
    names = [(*one, *([] if share is None else [f"pinch {share}"])) for one, share in found]
    # Rows of a target may leave seeds nothing to move, which says nothing of the sets without.
    kinds = [len(one) if share is None else (len(one), share) for one, share in found]
    own_names = [name for _, name in replicates]
    noise = seed_noise(names, members, own_names, of_replicates, replicates_drawn, settings, kinds)
    has_base, num = study.base is not None, len(sets)
    figures = np.array([of_replicates[own].mean(axis=0) for own in members] + [point[-1]] * has_base)
    own_drawn = [replicates_drawn[:, own].mean(axis=1) for own in members] + [drawn[:, -1]] * has_base
    moved = spread(figures, np.stack(own_drawn, axis=1), together, study.targets, settings.seed)
    return SetFigures(
        study,
        chosen,
        sets,
        figures[:num],
        moved[:, :num] + noise,
        figures[-1] if has_base else None,
        moved[:, -1] if has_base else None,
        runs,
        settings,
        shares,
        tuple(
            mean_of(cell.flops for cell, at in zip(cells, rows, strict=True) if at == row) for row in range(len(sets))
        ),
    )


def _items_drawn(
    study: Study, cells: Sequence[ScoredCell], together: Sequence[Component], settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Figures (C, L) as measured and (B, C, L) with items drawn; the base's last, on the same draws."""
    counts = [cell.counts for cell in cells] + ([study.base] if study.base is not None else [])
    num, k = len(counts), counts[0].shape[2]
    point = np.zeros((num, len(study.targets)))
    drawn = np.zeros((settings.num_bootstrap, num, len(study.targets)))
    for component in together:
        size = component.num_clusters
        rng = stream(settings, f"items {study.targets[component.languages[0]]}")
        weights = rng.multinomial(size, np.full(size, 1 / size), size=settings.num_bootstrap).astype(np.float32)
        for place, column in zip(component.cluster_of, component.languages, strict=True):
            n = len(place)
            stacked = np.stack([one[column, :n] for one in counts], axis=1).reshape(n, num * k)
            whole = stacked.sum(axis=0, dtype=float).reshape(num, k)
            summed = sums_by(place, stacked, size).astype(np.float32)
            point[:, column] = study.measure.value(whole)
            sums = (weights @ summed).reshape(-1, num, k).astype(float)
            drawn[:, :, column] = values_of(sums, whole, study.measure.value)
    return point, drawn
