"""Scores with their uncertainty: one language's, means over languages, differences, and families of differences.

Everything is a function of ``Cell``s: what one system did with the items of one language. What is drawn again is the
cluster (`clusters`): the item, where items stand alone; all rows of one premise or passage, where they do not; and an
item's translations with it, in all languages at once, where ids say that rows are translations. Systems are always
compared on the same drawn items, so what makes an item hard for all of them cancels.

A mean over languages is always the unweighted mean of the languages' figures, each over all of its items.

Two intervals. ``low`` and ``high`` are for these very languages and other items like these. ``languages_low`` and
``languages_high`` are for other languages like these, too (`intervals.languages_interval`).

Intervals over items. ``benchmarks/coverage.py`` simulates how often they hold the truth.

- Shares of right items (accuracy, exact match) have closed forms (`intervals`).
- Other figures (F1, chrF) have the percentile bootstrap (Efron 1979) about the figure, each end moved away from it by
  what Student's t and the n - 1 of a variance make of the normal's z, as known from the clusters that are drawn; for a
  difference at least by sqrt(1 + (z^2 + 3) / 2m), about the same (Hesterberg 2015), with the m clusters on which the
  systems differ. Where languages vary more or less, the effective number of clusters counts (Satterthwaite 1946). BCa
  intervals (Efron 1987) were tried on F1 and hold the truth less often still there.

Tests. ``Difference.p`` is the two-sided bootstrap p of no difference: resampled differences d* are shifted so that
their centre is 0 and moved away from it as above, and p = (1 + number of |d* - d| >= |d|) / (1 + num_bootstrap), never
0. Nor is it below 2^(1 - m) where the systems differ on m clusters only: swapping the systems cluster by cluster has no
more than 2^m outcomes. Over a family of comparisons ``p_adjusted`` is the step-down max-T p (Westfall & Young 1993):
correlated comparisons cost less than by Bonferroni's correction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mslt_it.evaluation.clusters import Component, percentiles
from mslt_it.evaluation.intervals import (
    TINY,
    ItemShares,
    effective_number,
    languages_interval,
    normal_quantile,
    student_quantile,
)
from mslt_it.evaluation.matching import Cell, Matched
from mslt_it.evaluation.measures import Measure


@dataclass(frozen=True)
class Settings:
    """How uncertainty is stated."""

    confidence: float = 0.95
    num_bootstrap: int = 2000
    seed: int = 0


@dataclass(frozen=True)
class Estimate:
    """A figure in [0, 1] with its intervals."""

    value: float
    low: float
    high: float
    n: int  # items counted, summed over languages
    num_groups: int  # clusters that are drawn; equals the number of different items where each stands alone
    num_shared: int  # items that all languages have; of one language, all
    languages_low: float | None = None  # for languages like these; None of one language
    languages_high: float | None = None


@dataclass(frozen=True)
class Difference:
    """``value_a`` - ``value_b``, on the same items; figures in [-1, 1]."""

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
    num_groups: int
    languages_low: float | None = None
    languages_high: float | None = None
    language: str = ""  # of a difference in one language; "": of the means


def macro(measure: Measure, cells: Sequence[Cell], *, settings: Settings) -> Estimate:
    """The unweighted mean over languages of one system's figures; of one language, its figure."""
    matched = Matched.of({"": cells})
    values = matched.values(measure)[:, 0]
    value = float(values.mean())
    if measure.is_share:
        shares = ItemShares.of([cell.counts[:, 0, 0] for cell in matched.cells], matched.drawn)
        low, high = shares.interval(settings.confidence)
        covariance = shares.covariance
    else:
        drawn = _drawn(matched, measure, settings)[:, 0]
        covariance = np.atleast_2d(np.cov(drawn, bias=True))
        factor = _few_clusters(covariance, matched, settings.confidence)
        more = _not_moved(values, drawn, matched, lambda shares: shares.interval(settings.confidence))
        low, high = _bootstrap_interval(value, drawn.mean(axis=0), factor, settings, more)
    wider = languages_interval(values, covariance, settings.confidence, (low, high)) or (None, None)
    in_all = set.intersection(*(set(cell.item_ids) for cell in cells))
    return Estimate(value, low, high, matched.num_items, matched.num_clusters, len(in_all), *wider)


def difference(measure: Measure, a: Sequence[Cell], b: Sequence[Cell], *, settings: Settings) -> Difference:
    """The mean over languages of ``a``'s figure minus ``b``'s, paired by item."""
    return differences(measure, {"a": a, "b": b}, [("a", "b")], settings=settings)[0]


def differences(
    measure: Measure,
    systems: Mapping[str, Sequence[Cell]],
    pairs: Sequence[tuple[str, str]],
    *,
    settings: Settings,
    per_language: bool = False,
) -> list[Difference]:
    """One result per pair (a, b), all from the same resamples; p-values are adjusted for the family of all pairs.

    Args:
        systems: name -> its languages' cells, of the same items.
        per_language: one result per pair and language instead, adjusted for all of them together.
    """
    matched = Matched.of(systems)
    figures = _drawn(matched, measure, settings)
    parts = [(matched, figures)]
    if per_language:
        parts = [(matched.alone(row), figures[[row]]) for row in range(len(matched.cells))]
    compared = [_Compared(measure, part, a, b, drawn, settings) for a, b in pairs for part, drawn in parts]
    p, p_adjusted, half = _test(compared, settings.confidence)
    half = half if len(compared) > 1 else np.zeros(1)  # a family of one has its own interval
    found = []
    for i, one in enumerate(compared):
        (a, b), of = one.names, one.matched
        low, high = one.interval(settings)
        wider = languages_interval(one.by_language, one.covariance, settings.confidence, (low, high), least=-1.0)
        found.append(
            Difference(
                name_a=a,
                name_b=b,
                value_a=one.value_a,
                value_b=one.value_b,
                value=one.value,
                low=low,
                high=high,
                family_low=min(low, max(-1.0, one.value - float(half[i]))),
                family_high=max(high, min(1.0, one.value + float(half[i]))),
                p=float(p[i]),
                p_adjusted=float(p_adjusted[i]),
                n=of.num_items,
                num_languages=len(of.cells),
                num_groups=of.num_clusters,
                languages_low=wider and wider[0],
                languages_high=wider and wider[1],
                language=of.cells[0].language if per_language else "",
            )
        )
    return found


class _Compared:
    def __init__(self, measure: Measure, matched: Matched, a: str, b: str, figures: np.ndarray, settings: Settings):
        self.names, self.matched = (a, b), matched
        first, second = (matched.systems.index(system) for system in (a, b))
        values = matched.values(measure)
        self.value_a, self.value_b = (float(values[:, system].mean()) for system in (first, second))
        self.by_language = values[:, first] - values[:, second]
        drawn = figures[:, first] - figures[:, second]
        self.drawn = drawn.mean(axis=0)  # (resamples,) differences of means
        self.not_moved = _not_moved(
            self.by_language, drawn, matched, lambda one: one.difference_interval(settings.confidence)
        )
        differing = matched.num_differing(first, second)
        self.num_differing = sum(differing)  # clusters
        covariance = np.atleast_2d(np.cov(drawn, bias=True))  # (languages, languages) of their differences
        # By which what is drawn lies too near to the figure, as the clusters are few.
        self.factor = _few_clusters(covariance, matched, settings.confidence, differing)
        self.shares = None
        if measure.is_share:
            right = [cell.counts[:, first, 0] - cell.counts[:, second, 0] for cell in matched.cells]
            self.shares = ItemShares.of(right, matched.drawn)
        self.covariance = self.shares.covariance if self.shares else covariance

    @property
    def value(self) -> float:
        return self.value_a - self.value_b

    def interval(self, settings: Settings) -> tuple[float, float]:
        if self.shares is not None:
            return self.shares.difference_interval(settings.confidence)
        return _bootstrap_interval(self.value, self.drawn, self.factor, settings, self.not_moved, least=-1.0)


def _drawn(matched: Matched, measure: Measure, settings: Settings) -> np.ndarray:
    return matched.resampled(measure, num_bootstrap=settings.num_bootstrap, seed=settings.seed)


def _not_moved(
    values: np.ndarray,
    drawn: np.ndarray,
    matched: Matched,
    interval: Callable[[ItemShares], tuple[float, float]],
) -> tuple[float, float]:
    """How far below and above its figure a mean may be because of languages whose (languages, resamples) figures no
    resample moves, such as where all is right or wrong: a bootstrap calls them certain, of however few rows. They get
    what ``interval`` gives a share of right rows of that value. Languages with common items add up."""
    below = above = 0.0
    for component in matched.drawn:
        down = up = 0.0
        for clusters, code in zip(component.cluster_of, component.languages, strict=True):
            if np.abs(drawn[code] - values[code]).max() > TINY:
                continue
            alone = Component((0,), (clusters,), component.num_clusters)
            low, high = interval(ItemShares.of([np.full(len(clusters), values[code])], [alone]))
            down, up = down + (values[code] - low) / len(values), up + (high - values[code]) / len(values)
        below, above = below + down**2, above + up**2
    return math.sqrt(below), math.sqrt(above)


def _bootstrap_interval(
    value: float,
    drawn: np.ndarray,
    factor: float,
    settings: Settings,
    not_moved: tuple[float, float],
    least: float = 0.0,
) -> tuple[float, float]:
    """Percentiles of (resamples,) figures about ``value``, moved away from it by the factor, and put together with what
    the languages add that no resample moves."""
    if math.isinf(factor):
        return least, 1.0
    # What is drawn lies about its own mean, below the figure where a label or name is rare: that bias is not doubled.
    low, high = (end - float(drawn.mean()) for end in percentiles(drawn, settings.confidence))
    low, high = -math.hypot(factor * min(low, 0.0), not_moved[0]), math.hypot(factor * max(high, 0.0), not_moved[1])
    return max(least, value + low), min(1.0, value + high)


def _few_clusters(
    covariance: np.ndarray, matched: Matched, confidence: float, num_differing: Sequence[int] | None = None
) -> float:
    """How much wider an interval must be than the normal one; infinite where no language has two clusters.

    Args:
        covariance: (languages, languages) of the figures: those that vary most decide how much is known.
        num_differing: of differences, per component.
    """

    def effective(numbers: Sequence[int]) -> float:
        of_language = {code: num for one, num in zip(matched.drawn, numbers, strict=True) for code in one.languages}
        return effective_number(covariance, [of_language[code] for code in range(len(of_language))], matched.drawn)

    num = effective([one.num_clusters for one in matched.drawn])
    if num <= 1 or all(one.num_clusters == 1 for one in matched.drawn):
        return math.inf
    z, factor = normal_quantile(confidence), 1.0
    if math.isfinite(num):
        factor = student_quantile(confidence, num - 1) / z * math.sqrt(num / (num - 1))
    # Where systems differ on few clusters, Student's t asks too much: the others say that there are few.
    return factor if num_differing is None else max(factor, math.sqrt(1 + (z * z + 3) / (2 * effective(num_differing))))


def _test(compared: Sequence[_Compared], confidence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a family: p, adjusted p, and half the width of the simultaneous intervals."""
    values = np.array([one.value for one in compared])
    factor = np.array([1.0 if math.isinf(one.factor) else one.factor for one in compared])
    moved = factor[:, None] * (np.array([one.drawn for one in compared]) - values[:, None])
    error = moved.std(axis=1)
    constant = error <= TINY
    scale = np.where(constant, 1.0, error)
    observed = np.where(np.abs(values) <= TINY, 0.0, np.where(constant, np.inf, np.abs(values) / scale))
    null = np.abs(moved) / scale[:, None]
    null[constant] = 0.0
    # Resamples tie with the observed where differences are few; rounding must not decide.
    reached = observed * (1 - 1e-9)
    below = 1 + moved.shape[1]
    floor = np.array([2.0 ** (1 - one.num_differing) if one.num_differing else 1.0 for one in compared])
    p = np.maximum((1 + (null >= reached[:, None]).sum(axis=1)) / below, floor)

    # By p: one that differs on a single cluster may have the largest quotient, and no p below 1 to hand on.
    order = np.lexsort((-observed, p))
    largest = np.maximum.accumulate(null[order[::-1]], axis=0)[::-1]  # of a comparison and all less significant ones
    stepwise = (1 + (largest >= reached[order, None]).sum(axis=1)) / below
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.maximum(stepwise, p[order]))
    return p, adjusted, np.quantile(null.max(axis=0), confidence, method="weibull") * error
