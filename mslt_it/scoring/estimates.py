"""Scores with their uncertainty: one language's, means over languages, differences, and families of differences.

Everything is a function of ``Cell``s: what one system did with the items of one language. The unit that is resampled is
the item (for F1 the sentence, with its tp, fp and fn). Where a benchmark's items are translations of each other
(``parallel``), an item is drawn in all languages at once; else each language's are drawn by themselves. Systems are
always compared on the same drawn items, so what makes an item hard for all of them cancels.

Intervals. ``benchmarks/coverage.py`` simulates how often they hold the truth (``benchmarks/results/coverage.json``).

- Shares of right items (accuracy, exact match) have closed forms: Wilson's (1927) for one language; for a mean the same
  with the number of items that would give the mean's variance ("effective" number); for differences the paired Wald
  interval with one discordant item added in each direction (Bonett & Price 2012), here for means over languages too.
- Other figures (F1, chrF) have the percentile bootstrap (Efron 1979), each end moved away from the figure by
  sqrt(1 + (z^2 + 3) / 2m): about what Student's t and the n - 1 of a variance make of the normal's z (Hesterberg 2015).
  m is the number of units that are drawn; for a difference, of those on which the systems differ.
- ``interval="percentile"`` has the plain percentile bootstrap for all but one language's share. It is too narrow where
  two systems differ on few items: of 100 items, 97 and 96.5 % right, its 95 % interval of the difference holds the
  truth 78 times in 100, because no resample has a discordant item that the sample lacks. BCa intervals (Efron 1987)
  were tried on F1 and hold the truth less often still there. The closed form errs on the wide side there.

Tests. ``Difference.p`` is the two-sided bootstrap p of no difference: resampled differences d* are shifted so that
their centre is 0, and p = (1 + number of |d* - d| >= |d|) / (1 + num_bootstrap), never 0. Nor is it below
2^(1 - m) where the systems differ on m items only: swapping the systems item by item has no more than 2^m outcomes, so
no test of paired items gives less. Over a family of comparisons ``p_adjusted`` is the step-down max-T p (Westfall &
Young 1993): the studentised differences of all comparisons come from the same resamples, so correlated comparisons cost
less than Bonferroni's correction has them cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from mslt_it.problems import Problem, nearest
from mslt_it.scoring.measures import Measure
from mslt_it.scoring.metrics import wilson_interval
from mslt_it.scoring.resampling import percentiles, resampled_sums

INTERVALS = ("adjusted", "percentile")
TINY = 1e-12  # differences and standard errors below are rounding


@dataclass(frozen=True)
class Settings:
    """How uncertainty is stated; the module's text says what each ``interval`` is."""

    confidence: float = 0.95
    num_bootstrap: int = 2000
    seed: int = 0
    interval: str = "adjusted"

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise Problem(f"confidence={self.confidence} is no share between 0 and 1. Write 0.95 for 95 %.")
        if self.num_bootstrap < 1:
            raise Problem(f"num_bootstrap={self.num_bootstrap} draws nothing. Use 1000 or more.")
        if self.interval not in INTERVALS:
            raise Problem(f"There is no interval '{self.interval}'. {nearest(self.interval, INTERVALS)}")


@dataclass(frozen=True, eq=False)
class Cell:
    """What one system (and prompt variant) did with the items of one language."""

    language: str
    item_ids: tuple[str, ...]
    counts: np.ndarray  # float (items, k), as the measure counts them

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts, dtype=float)
        object.__setattr__(self, "counts", counts)
        if not self.item_ids:
            raise Problem(f"Language '{self.language}' has no items: there is nothing to estimate from.")
        if counts.ndim != 2 or len(counts) != len(self.item_ids):
            raise Problem(
                f"Language '{self.language}': {len(self.item_ids)} items, but counts of shape {counts.shape}. "
                "Give one row of counts per item."
            )
        broken = np.flatnonzero(~np.isfinite(counts).all(axis=1))
        if broken.size:
            raise Problem(
                f"Language '{self.language}', item '{self.item_ids[broken[0]]}': counts {counts[broken[0]].tolist()} "
                f"are not finite ({broken.size} such items). Leave out a system whose scores are invalid."
            )


@dataclass(frozen=True)
class Estimate:
    """A figure in [0, 1] with its interval."""

    value: float
    low: float
    high: float
    n: int  # items counted, summed over languages
    num_languages: int
    num_unmatched: int = 0  # items left out because not every language of a parallel benchmark has them


@dataclass(frozen=True)
class Difference:
    """``value_a`` - ``value_b``, over the languages and items that both systems have; figures in [-1, 1]."""

    name_a: str
    name_b: str
    value_a: float
    value_b: float
    value: float
    low: float
    high: float
    family_low: float  # these hold the truth of every comparison of the family at once, in the share of confidence
    family_high: float
    p: float
    p_adjusted: float  # for the family; equals p where it has one comparison
    n: int  # items compared, summed over languages
    num_languages: int
    num_unmatched: int  # items of either system that were not compared, in all languages
    unmatched_languages: tuple[str, ...]  # that were not compared


def single(measure: Measure, cell: Cell, *, settings: Settings) -> Estimate:
    """One language's figure: Wilson's interval for a share of right items, else the bootstrap's."""
    n = len(cell.item_ids)
    value = float(measure.value(cell.counts.sum(axis=0)))
    if measure.is_share:
        low, high = wilson_interval(int(cell.counts[:, 0].sum()), n, settings.confidence)
    else:
        (sums,) = _resample([cell.counts], settings, f"{measure.name} {cell.language}")
        low, high = _bootstrap_interval(value, measure.value(sums), n, settings)
    return Estimate(value, low, high, n, 1)


def macro(measure: Measure, cells: Sequence[Cell], *, parallel: bool, settings: Settings, name: str) -> Estimate:
    """The unweighted mean over languages.

    Where the languages' items are ``parallel``, those that every language has are counted, and an item is drawn in all
    languages at once; else (and where no id is in every language) all items are, each language's by themselves.

    Args:
        name: names the random stream, with the measure's.
    """
    if not cells:
        raise Problem(f"'{name}': no language to take the mean of.")
    matched = _match({name: _by_language(name, cells)}, [cell.language for cell in cells], parallel)
    value = float(np.mean(matched.values(measure, name)))
    n = sum(map(len, matched.item_ids))
    if measure.is_share and settings.interval == "adjusted":
        low, high = _mean_share_interval(value, matched.scores(matched.languages, name), settings.confidence)
    else:
        drawn = matched.resampled(measure, settings, f"{measure.name} {name}")[:, 0].mean(axis=0)
        low, high = _bootstrap_interval(value, drawn, len(matched.item_ids[0]) if matched.joint else n, settings)
    return Estimate(value, low, high, n, len(cells), sum(len(cell.item_ids) for cell in cells) - n)


def difference(
    measure: Measure,
    a: Sequence[Cell],
    b: Sequence[Cell],
    *,
    parallel: bool,
    settings: Settings,
    name: str,
    name_a: str = "a",
    name_b: str = "b",
) -> Difference:
    """The mean over languages of ``a``'s figure minus ``b``'s, paired by item.

    Args:
        name: names the random stream, with the measure's.
    """
    return differences(
        measure, {name_a: a, name_b: b}, [(name_a, name_b)], parallel=parallel, settings=settings, name=name
    )[0]


def differences(
    measure: Measure,
    systems: Mapping[str, Sequence[Cell]],
    pairs: Iterable[tuple[str, str]],
    *,
    parallel: bool,
    settings: Settings,
    name: str = "family",
) -> list[Difference]:
    """One result per pair (a, b), all from the same resamples; p-values are adjusted for the family of all pairs.

    A pair is compared in the languages that both have. In each language, the items that all systems of the family have
    there are used, so that one draw serves all; for a pair compared by itself use ``difference``.

    Args:
        systems: name -> its languages' cells.
        name: names the random stream, with the measure's.
    """
    pairs = list(pairs)
    if not pairs:
        return []
    for pair in pairs:
        for system in pair:
            if system not in systems:
                raise Problem(f"Pair {pair}: there is no system '{system}'. {nearest(system, systems)}")
        if pair[0] == pair[1]:
            raise Problem(f"Pair {pair}: a system cannot be compared with itself. Name two systems.")
    named = dict.fromkeys(system for pair in pairs for system in pair)
    used = {system: _by_language(system, systems[system]) for system in named}
    # In the order of the first system; languages that no pair has in common cost no item of a parallel benchmark.
    languages = [
        code
        for code in dict.fromkeys(code for cells in used.values() for code in cells)
        if any(code in used[a] and code in used[b] for a, b in pairs)
    ]
    matched = _match(used, languages, parallel)
    for a, b in pairs:
        if not matched.common(a, b):
            raise Problem(_nothing_shared(a, b, used))

    figures = matched.resampled(measure, settings, f"gain {measure.name} {name}")
    order = {system: number for number, system in enumerate(used)}
    values, means, drawn = [], [], []
    for a, b in pairs:
        common = matched.common(a, b)
        mean_a, mean_b = (float(np.mean(matched.values(measure, system, common))) for system in (a, b))
        means.append((mean_a, mean_b))
        values.append(mean_a - mean_b)
        rows = [matched.languages.index(code) for code in common]
        drawn.append((figures[rows, order[a]] - figures[rows, order[b]]).mean(axis=0))
    num_differing = [matched.num_differing(a, b) for a, b in pairs]
    p, p_adjusted, half = _test(np.array(values), np.array(drawn), num_differing, settings.confidence)

    found = []
    for i, (a, b) in enumerate(pairs):
        common = matched.common(a, b)
        if measure.is_share and settings.interval == "adjusted":
            scores = [x - y for x, y in zip(matched.scores(common, a), matched.scores(common, b), strict=True)]
            low, high = _share_difference_interval(values[i], scores, len(common), settings.confidence)
        else:
            low, high = _bootstrap_interval(values[i], drawn[i], num_differing[i], settings, least=-1.0)
        n = sum(len(ids) for code, ids in zip(matched.languages, matched.item_ids, strict=True) if code in common)
        found.append(
            Difference(
                name_a=a,
                name_b=b,
                value_a=means[i][0],
                value_b=means[i][1],
                value=values[i],
                low=low,
                high=high,
                family_low=min(low, max(-1.0, values[i] - float(half[i]))),
                family_high=max(high, min(1.0, values[i] + float(half[i]))),
                p=float(p[i]),
                p_adjusted=float(p_adjusted[i]),
                n=n,
                num_languages=len(common),
                num_unmatched=_num_of_either(used[a], used[b]) - n,
                unmatched_languages=tuple(c for c in dict.fromkeys([*used[a], *used[b]]) if c not in common),
            )
        )
    return found


@dataclass(frozen=True)
class _Matched:
    """Counts of the same items, per language and system."""

    languages: tuple[str, ...]
    item_ids: tuple[tuple[str, ...], ...]  # per language
    counts: tuple[Mapping[str, np.ndarray], ...]  # per language: system -> (items, k); systems without it are missing
    systems: tuple[str, ...]
    joint: bool  # items are the same in all languages, and drawn in all at once

    def common(self, a: str, b: str) -> list[str]:
        """The languages that both systems have."""
        return [code for code, of in zip(self.languages, self.counts, strict=True) if a in of and b in of]

    def of(self, code: str) -> Mapping[str, np.ndarray]:
        return self.counts[self.languages.index(code)]

    def values(self, measure: Measure, system: str, languages: Sequence[str] | None = None) -> list[np.ndarray]:
        """The system's figure per language."""
        chosen = self.languages if languages is None else languages
        return [measure.value(self.of(code)[system].sum(axis=0)) for code in chosen]

    def scores(self, languages: Sequence[str], system: str) -> list[np.ndarray]:
        """Of a share: each unit's part in the mean over languages, per group that is drawn by itself."""
        parts = [self.of(code)[system][:, 0] / len(languages) for code in languages]
        return [np.sum(parts, axis=0)] if self.joint else parts

    def num_differing(self, a: str, b: str) -> int:
        """Units on which two systems' counts differ; an item of a parallel benchmark is one unit in all languages."""
        apart = [(self.of(code)[a] != self.of(code)[b]).any(axis=1) for code in self.common(a, b)]
        return int(np.any(apart, axis=0).sum() if self.joint else sum(rows.sum() for rows in apart))

    def resampled(self, measure: Measure, settings: Settings, stream: str) -> np.ndarray:
        """(languages, systems, resamples) figures; 0 where a system lacks a language."""
        blocks = [np.concatenate(list(of.values()), axis=1) for of in self.counts]
        groups = [np.concatenate(blocks, axis=1)] if self.joint else blocks
        sums = _resample(groups, settings, stream)
        if self.joint:
            sums = np.split(sums[0], np.cumsum([block.shape[1] for block in blocks])[:-1], axis=1)
        figures = np.zeros((len(self.languages), len(self.systems), settings.num_bootstrap))
        for number, (of, part) in enumerate(zip(self.counts, sums, strict=True)):
            present = [self.systems.index(system) for system in of]
            figures[number, present] = measure.value(part.reshape(len(part), len(of), -1)).T
        return figures


def _resample(groups: Sequence[np.ndarray], settings: Settings, stream: str) -> list[np.ndarray]:
    return resampled_sums(groups, num_bootstrap=settings.num_bootstrap, seed=settings.seed, name=stream)


def _by_language(system: str, cells: Sequence[Cell]) -> dict[str, Cell]:
    found: dict[str, Cell] = {}
    for cell in cells:
        if cell.language in found:
            raise Problem(f"'{system}' has language '{cell.language}' twice. Give one cell per language.")
        found[cell.language] = cell
    return found


def _match(systems: Mapping[str, Mapping[str, Cell]], languages: Sequence[str], parallel: bool) -> _Matched:
    """The items that every system of a language has there and, where parallel, that all languages have."""
    shared: dict[str, tuple[str, ...]] = {}
    for code in languages:
        present = [(system, cells[code]) for system, cells in systems.items() if code in cells]
        first = present[0][1].item_ids
        if any(cell.item_ids != first for _, cell in present):
            in_all = set.intersection(*(set(_places(system, cell)) for system, cell in present))
            first = tuple(item for item in first if item in in_all)
        if first:
            shared[code] = first
    joint = tuple(sorted(set.intersection(*map(set, shared.values())))) if parallel and len(shared) > 1 else ()
    if joint:
        shared = dict.fromkeys(shared, joint)
    counts = [
        {system: _rows(system, cells[code], ids) for system, cells in systems.items() if code in cells}
        for code, ids in shared.items()
    ]
    return _Matched(tuple(shared), tuple(shared.values()), tuple(counts), tuple(systems), bool(joint))


def _rows(system: str, cell: Cell, ids: tuple[str, ...]) -> np.ndarray:
    """(len(ids), k): the counts of some items, in their order."""
    if ids == cell.item_ids:  # also where an id is there twice: every system has the same list, or there is one only
        return cell.counts
    places = _places(system, cell)
    return cell.counts[[places[item] for item in ids]]


def _places(system: str, cell: Cell) -> dict[str, int]:
    """Item id -> row."""
    places = {item: number for number, item in enumerate(cell.item_ids)}
    if len(places) < len(cell.item_ids):
        twice = next(item for number, item in enumerate(cell.item_ids) if places[item] != number)
        raise Problem(
            f"'{system}', language '{cell.language}': item '{twice}' is there twice, so items cannot be paired. "
            "Give every item its own id."
        )
    return places


def _num_of_either(a: Mapping[str, Cell], b: Mapping[str, Cell]) -> int:
    """Items that one or both have, in all languages."""
    num = 0
    for code in {**a, **b}:
        lists = [cells[code].item_ids for cells in (a, b) if code in cells]
        num += len(lists[0]) if lists[0] == lists[-1] else len(set().union(*lists))
    return num


def _nothing_shared(a: str, b: str, used: Mapping[str, Mapping[str, Cell]]) -> str:
    both = [code for code in used[a] if code in used[b]]
    if not both:
        of_a, of_b = (", ".join(used[s]) or "none" for s in (a, b))
        return (
            f"'{a}' and '{b}' cannot be compared: they have no language in common ('{a}': {of_a}; '{b}': {of_b}). "
            "Score both in at least one language."
        )
    if any(set(used[a][code].item_ids) & set(used[b][code].item_ids) for code in both):
        others = ", ".join(s for s in used if s not in (a, b) and any(code in used[s] for code in both))
        return (
            f"'{a}' and '{b}' cannot be compared in this family: no item of {', '.join(both)} that both have is in "
            f"{others} too. Compare them by themselves, or score all systems on the same items."
        )
    code = both[0]
    return (
        f"'{a}' and '{b}' cannot be compared: no item in common in {', '.join(both)} (in '{code}', '{a}' has "
        f"'{used[a][code].item_ids[0]}' and others, '{b}' '{used[b][code].item_ids[0]}' and others). "
        "Score both on the same split and items."
    )


def _bootstrap_interval(
    value: float, drawn: np.ndarray, num_units: int, settings: Settings, least: float = 0.0
) -> tuple[float, float]:
    """Percentiles of (resamples,) figures, moved away from ``value`` where ``settings.interval`` says so."""
    low, high = percentiles(drawn, settings.confidence)
    if settings.interval == "percentile" or not num_units:
        return low, high
    z = NormalDist().inv_cdf(0.5 + settings.confidence / 2)
    factor = math.sqrt(1 + (z * z + 3) / (2 * num_units))
    return min(value, max(least, value + factor * (low - value))), max(value, min(1.0, value + factor * (high - value)))


def _mean_share_interval(value: float, groups: Sequence[np.ndarray], confidence: float) -> tuple[float, float]:
    """Wilson's interval with the number of items that would give the mean over languages the variance it has.

    Args:
        groups: per group of units drawn together, each unit's part in the mean: their means add up to ``value``.
    """
    variance = sum(float(group.var()) / len(group) for group in groups)
    if variance > TINY**2:
        n = value * (1 - value) / variance
    else:  # as if all languages had the same rate
        n = len(groups) ** 2 / sum(1 / len(group) for group in groups)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(max(value * (1 - value), 0.0) / n + z * z / (4 * n * n))
    return min(value, max(0.0, centre - half)), max(value, min(1.0, centre + half))


def _share_difference_interval(
    value: float, groups: Sequence[np.ndarray], num_languages: int, confidence: float
) -> tuple[float, float]:
    """Paired Wald interval with two discordant items added, one in each direction (Bonett & Price 2012).

    They are divided among the groups drawn by themselves, and count as one language's item does.

    Args:
        groups: per group, each unit's part in the difference: their means add up to ``value``.
    """
    added = 2 / len(groups)
    centre = variance = 0.0
    for group in groups:
        n = len(group) + added
        mean = float(group.sum()) / n
        centre += mean
        variance += ((float(np.square(group).sum()) + added / num_languages**2) / n - mean * mean) / n
    half = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt(max(variance, 0.0))
    return min(value, max(-1.0, centre - half)), max(value, min(1.0, centre + half))


def _test(
    values: np.ndarray, drawn: np.ndarray, num_differing: Sequence[int], confidence: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a family: p, adjusted p, and half the width of the simultaneous intervals.

    Args:
        values: (comparisons,) observed differences.
        drawn: (comparisons, resamples) resampled ones.
        num_differing: units on which the two systems of a comparison differ.
    """
    error = drawn.std(axis=1)
    constant = error <= TINY
    scale = np.where(constant, 1.0, error)
    observed = np.where(np.abs(values) <= TINY, 0.0, np.where(constant, np.inf, np.abs(values) / scale))
    null = np.abs(drawn - values[:, None]) / scale[:, None]
    null[constant] = 0.0
    # Resamples tie with the observed where differences are few; rounding must not decide.
    reached = observed * (1 - 1e-9)
    below = 1 + drawn.shape[1]
    floor = np.array([2.0 ** (1 - number) if number else 1.0 for number in num_differing])
    p = np.maximum((1 + (null >= reached[:, None]).sum(axis=1)) / below, floor)

    order = np.argsort(-observed, kind="stable")
    largest = np.maximum.accumulate(null[order[::-1]], axis=0)[::-1]  # of a comparison and all less significant ones
    stepwise = (1 + (largest >= reached[order, None]).sum(axis=1)) / below
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.maximum(stepwise, p[order]))
    return p, adjusted, np.quantile(null.max(axis=0), confidence) * error
