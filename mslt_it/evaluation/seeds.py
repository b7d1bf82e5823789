"""What other seeds would have changed: the noise of means over seeds, and runs that differ by seed only as one.

A seed does something to all sets of runs alike, which cancels in differences, and something to each by itself; the two
are estimated apart (a two-way layout). docs/statistics.md has the formula, and how often the intervals hold the truth.
"""

from __future__ import annotations

import dataclasses
import itertools
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mslt_it.evaluation.clusters import percentiles, spread
from mslt_it.evaluation.estimates import Settings
from mslt_it.evaluation.intervals import TINY, holm
from mslt_it.evaluation.matching import Cell, Matched
from mslt_it.evaluation.measures import Measure

FEW_RESIDUALS = 12  # fewer residuals of one kind are joined with those of the others


@dataclass(frozen=True)
class SeedMean:
    """The mean over runs that differ by seed only, or a difference of two such means, or to the base."""

    task: str
    name: str
    variant: str
    minus: str  # what is taken away; "" of a mean
    metric: str
    language: str  # "": the mean over the unseen ones
    seeds: tuple[int, ...]
    n: int  # items
    value: float
    low: float  # for these languages, other items like these and other seeds
    high: float
    seed_sd: float | None = None  # of the figure, over seeds
    p: float | None = None  # of no difference
    p_adjusted: float | None = None  # for the number of differences of the means (Holm)


def seed_means(
    task: str,
    measure: Measure,
    systems: Mapping[tuple[str, str], Sequence[Cell]],
    pools: Mapping[str, tuple[str, int]],
    settings: Settings,
) -> list[SeedMean]:
    """Each pool's mean per language and over them, then the differences between pools, and to what is no pool's.

    Items are drawn again, the same for all; to what that gives is added what other seeds would have changed.

    Args:
        systems: (system, variant) -> its unseen languages' cells.
        pools: system -> (its pool, its seed); systems that are left out stand alone.
    """
    members: dict[tuple[str, str], list[int]] = {}  # (pool, variant) -> places of its runs
    for place, (system, variant) in enumerate(systems):
        members.setdefault((pools[system][0] if system in pools else system, variant), []).append(place)
    if not any(len(own) > 1 for own in members.values()):
        return []
    matched = Matched.of({f"{system} / {variant}": cells for (system, variant), cells in systems.items()})
    point = matched.values(measure).T  # (runs, languages)
    drawn = matched.resampled(measure, num_bootstrap=settings.num_bootstrap, seed=settings.seed).T  # (B, runs, L)
    names, seeds = list(members), [pools[system][1] if system in pools else -1 for system, _ in systems]
    noise = seed_noise(names, list(members.values()), seeds, point, drawn, settings)
    figures = {name: point[own] for name, own in members.items()}  # (seeds, languages)
    spread_out = spread(
        np.array([own.mean(axis=0) for own in figures.values()]),
        np.stack([drawn[:, own].mean(axis=1) for own in members.values()], axis=1),
        matched.drawn,
        [cell.language for cell in matched.cells],
        settings.seed,
    )
    moved = {
        name: spread_out[:, row] + (noise[:, row] if len(own) > 1 else 0.0)
        for row, (name, own) in enumerate(members.items())
    }
    numbers = [len(cell.item_ids) for cell in matched.cells]
    columns = {cell.language: [row] for row, cell in enumerate(matched.cells)} | {"": list(range(len(numbers)))}
    found = []
    for name, own in members.items():
        for code, rows in columns.items() if len(own) > 1 else ():
            of_seeds = figures[name][:, rows].mean(axis=1)
            about = task, *name, "", measure.name, code, tuple(seeds[place] for place in own)
            ends = percentiles(moved[name][:, rows].mean(axis=1), settings.confidence, 0.0, 1.0)
            n, value, sd = sum(numbers[row] for row in rows), float(of_seeds.mean()), float(of_seeds.std(ddof=1))
            found.append(SeedMean(*about, n, value, *ends, sd))
    differences = []
    for before, after in itertools.combinations(members, 2):
        if before[1] != after[1] or max(len(members[before]), len(members[after])) < 2:
            continue
        value = float(figures[after].mean() - figures[before].mean())
        draws = (moved[after] - moved[before]).mean(axis=1)
        told = tuple(sorted({seeds[place] for name in (before, after) for place in members[name]} - {-1}))
        about = task, *after, before[0], measure.name, "", told
        ends = percentiles(draws, settings.confidence, -1.0, 1.0)
        differences.append(SeedMean(*about, sum(numbers), value, *ends, p=p_value(value, draws)))
    adjusted = holm([one.p for one in differences if one.p is not None])
    return found + [dataclasses.replace(one, p_adjusted=p) for one, p in zip(differences, adjusted, strict=True)]


def p_value(value: float, drawn: np.ndarray) -> float:
    """Two-sided bootstrap p of no difference: share of draws that lie as far from ``value`` as it lies from 0."""
    if abs(value) <= TINY:
        return 1.0
    # Draws tie with the observed where few items differ; rounding must not decide.
    far = np.abs(drawn - value) >= abs(value) * (1 - 1e-9)
    return float((1 + far.sum()) / (1 + len(drawn)))


def seed_noise(
    sets: Sequence[tuple[str, ...]],
    members: Sequence[Sequence[int]],
    seeds: Sequence[int],
    point: np.ndarray,
    drawn: np.ndarray,
    settings: Settings,
    kinds: Sequence[object] = (),
) -> np.ndarray:
    """(B, S, L): what other seeds would have moved each set's mean by; 0 where no set has two seeds.

    Args:
        kinds: of each set; sets of a kind are taken to be moved alike strongly. If not given, those of a size.
        members: per set the numbers of its replicates; seeds: of each replicate.
        point: (C, L), drawn: (B, C, L) figures of replicates.
    """
    noise = np.zeros((settings.num_bootstrap, len(sets), point.shape[1]))
    several = [row for row, cells in enumerate(members) if len(cells) > 1]
    if not several:
        return noise
    residual, of_items = np.zeros_like(point), np.zeros(len(point))
    for row in several:
        cells = list(members[row])
        residual[cells] = point[cells] - point[cells].mean(axis=0)
        moved = drawn[:, cells] - drawn[:, cells].mean(axis=1, keepdims=True)
        of_items[cells] = moved.mean(axis=2).var(axis=0)
    everything = [i for row in several for i in members[row]]
    of_seed = {seed: [i for i in everything if seeds[i] == seed] for seed in sorted({seeds[i] for i in everything})}
    shared = np.array([residual[cells].mean(axis=0) for cells in of_seed.values()])  # (seeds, L)
    for cells, value in zip(of_seed.values(), shared, strict=True):
        residual[cells] -= value
    free = len(everything) - len(several)
    free_shared = min(len(shared) - 1, free)  # sets that have no seed in common leave fewer
    left = 1 - free_shared / free  # of the degrees of freedom, for the own parts
    kinds = kinds or [len(one) for one in sets]
    for kind in dict.fromkeys(kinds):
        own, whose = [row for row in several if kinds[row] == kind], kind
        if sum(len(members[row]) for row in own) < FEW_RESIDUALS:
            own, whose = several, "all"  # one estimate, which is as wrong for each
        cells = [i for row in own for i in members[row]]
        freedom = (len(cells) - len(own)) * left
        if freedom < TINY:  # no sets have seeds in common: all that these do counts as shared
            continue
        values = residual[cells]
        if len(cells) >= FEW_RESIDUALS:  # fewer cannot tell the two apart
            whole = float(np.square(values.mean(axis=1)).mean()) / left
            values = values * np.sqrt(max(0.0, 1 - float(of_items[cells].mean()) / max(whole, TINY**2)))
        unsure = _unsure(stream(settings, f"own variance {whose}"), freedom, settings)
        for row, one in enumerate(sets):
            if kinds[row] == kind:
                rng = stream(settings, "seeds " + " ".join(one))
                noise[:, row] = unsure * _normal(rng, values, freedom, len(members[row]), settings)
    rng = stream(settings, "shared seeds")
    # A draw for each seed, which cancels between sets that have it; of a seed that is known of one set, for each set.
    known = {seed for seed, cells in of_seed.items() if len(cells) > 1}
    places: dict[tuple[int, int], int] = {}
    drawn_as = [
        [places.setdefault((-1 if seeds[i] in known else row, seeds[i]), len(places)) for i in cells]
        for row, cells in enumerate(members)
    ]
    each = rng.normal(size=(settings.num_bootstrap, len(places), len(shared))) @ shared / np.sqrt(free_shared)
    of_shared = max(float(np.mean([each[:, drawn_as[row]].mean(axis=(1, 2)).var() for row in several])), TINY)
    of_rest = [(drawn[:, cells].mean(axis=1) + noise[:, row]).mean(axis=1).var() for row, cells in enumerate(members)]
    # R - 1 would widen all figures twelvefold with two seeds, also where the shared part is noise alone.
    freedom = free_shared * (1 + float(np.mean(of_rest)) / of_shared)
    unsure = _unsure(rng, freedom, settings)
    for row, own in enumerate(drawn_as):
        noise[:, row] += unsure * each[:, own].mean(axis=1)
    return noise


def _normal(rng: np.random.Generator, values: np.ndarray, freedom: float, num: int, settings: Settings) -> np.ndarray:
    """(B, L) means of ``num`` normal draws with the covariance of the (residuals, L) values."""
    return rng.normal(size=(settings.num_bootstrap, len(values))) @ values / np.sqrt(freedom * num)


def _unsure(rng: np.random.Generator, freedom: float, settings: Settings) -> np.ndarray:
    """(B, 1): by how much the true standard deviation may differ from the estimated one."""
    return np.sqrt(freedom / rng.chisquare(freedom, size=(settings.num_bootstrap, 1)))


def stream(settings: Settings, name: str) -> np.random.Generator:
    """A random stream of its own for every name, so that a set more or less changes no other's draws."""
    return np.random.default_rng([settings.seed, zlib.crc32(name.encode())])
