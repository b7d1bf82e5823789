"""Closed forms of uncertainty, for shares of right items and for means over languages.

Items of one cluster tell less than as many independent ones. Every form here is that of independent items, widened by
the design effect (Kish 1965): the variance of the figure by clusters over that by items, and with Student's t in place
of the normal quantile, as the clusters are few (Korn and Graubard 1998). It is never below 1: an estimate of less is
mostly noise, and an interval must not be narrower because of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mslt_it.scoring.clusters import Component, sums_by

TINY = 1e-12  # differences and standard errors below are rounding


def wilson_interval(
    num_right: float, n: float, confidence: float, *, quantile: float | None = None
) -> tuple[float, float]:
    """Wilson's score interval of a proportion (1927), as shares of 1.

    Args:
        n: items, or as many independent ones as tell as much.
        quantile: in place of the normal one.
    """
    if n <= 0:
        raise ValueError("an interval needs at least one item")
    z = normal_quantile(confidence) if quantile is None else quantile
    share = num_right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(max(share * (1 - share), 0.0) / n + z * z / (4 * n * n))
    # Exact at the ends, where rounding would leave the bound a hair inside.
    return (0.0 if num_right == 0 else centre - half, 1.0 if num_right == n else centre + half)


def normal_quantile(confidence: float) -> float:
    """How many standard errors a two-sided interval reaches to each side."""
    return float(stats.norm.ppf(0.5 + confidence / 2))


@dataclass(frozen=True, eq=False)
class ItemShares:
    """The unweighted mean over languages of a score per row, taken apart by what is drawn.

    ``parts``: per component (items,) parts that behave as the mean's, were items drawn independently: their means add
    up to the figure, their variances over their numbers to its variance. Where a language lacks some of the items,
    they are the figure's linearisation (Taylor; Woodruff 1971).
    """

    value: float
    parts: tuple[np.ndarray, ...]
    design_effect: float
    num_clusters: int
    is_clustered: bool
    variance: float  # of ``value`` when clusters are drawn again
    variance_apart: float  # the same, were every language's clusters drawn by themselves

    @staticmethod
    def of(scores: Sequence[np.ndarray], found: Sequence[Component]) -> ItemShares:
        """``scores``: per language (rows,), of which the mean is the language's figure."""
        num_languages = len(scores)
        means = [float(one.mean()) for one in scores]
        parts, by_items, by_clusters, apart = [], 0.0, 0.0, 0.0
        num_items = sum(one.num_items for one in found)
        num_clusters = sum(one.num_clusters for one in found)
        for component in found:
            own = np.zeros(component.num_items)
            whole = np.zeros(component.num_clusters)
            for place, code in enumerate(component.languages):
                rest = (scores[code] - means[code]) / (len(scores[code]) * num_languages)
                own += sums_by(component.item_of[place], rest, component.num_items)
                of_language = sums_by(component.cluster_of[place], rest, component.num_clusters)
                whole += of_language
                apart += float(np.square(of_language).sum())
            by_items += float(np.square(own).sum())
            by_clusters += float(np.square(whole).sum())
            parts.append(component.num_items * own + sum(means[code] for code in component.languages) / num_languages)
        is_clustered = num_clusters < num_items
        correction = 1.0
        if is_clustered:  # of the n - 1 in a variance, which independent items' forms have their own way of doing
            correction = num_clusters / max(num_clusters - 1, 1) * (num_items - 1) / num_items
        if not is_clustered:
            effect = 1.0
        elif by_items > TINY**2:
            effect = max(1.0, correction * by_clusters / by_items)
        else:  # all alike: nothing is known of the clusters, so each tells as much as one item
            effect = num_items / num_clusters
        return ItemShares(
            float(np.mean(means)),
            tuple(parts),
            effect,
            num_clusters,
            is_clustered,
            max(by_items, correction * by_clusters),
            correction * apart,
        )

    def quantile(self, confidence: float) -> float:
        """Student's where items come in clusters."""
        if not self.is_clustered:
            return normal_quantile(confidence)
        return float(stats.t.ppf(0.5 + confidence / 2, max(self.num_clusters - 1, 1)))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Wilson's with the number of independent items that would give the mean over languages its variance."""
        value, n = self.value, self.effective_number()
        low, high = wilson_interval(value * n, n, confidence, quantile=self.quantile(confidence))
        return min(value, max(0.0, low)), max(value, min(1.0, high))

    def effective_number(self) -> float:
        """Of independent items of one language with the mean's variance."""
        variance = sum(float(part.var()) / len(part) for part in self.parts)
        if variance > TINY**2:
            n = self.value * (1 - self.value) / variance
        else:  # as if all languages had the same rate
            n = len(self.parts) ** 2 / sum(1 / len(part) for part in self.parts)
        return n / self.design_effect

    def p_above(self, bar: float) -> float:
        """One-sided p of a mean no higher than ``bar`` (score test)."""
        if not 0 < bar < 1:
            return 1.0 if bar >= 1 or self.value <= bar else 0.0
        z = (self.value - bar) / math.sqrt(bar * (1 - bar) / self.effective_number())
        return float(stats.t.sf(z, max(self.num_clusters - 1, 1)) if self.is_clustered else stats.norm.sf(z))

    def difference_interval(self, num_languages: int, confidence: float) -> tuple[float, float]:
        """Of a mean difference of right and wrong: paired Wald interval with two discordant items added, one in each
        direction (Bonett and Price 2012). They are divided among the components and count as one language's item does.
        """
        centre, error = self._bonett_price(num_languages)
        half = self.quantile(confidence) * error
        return min(self.value, max(-1.0, centre - half)), max(self.value, min(1.0, centre + half))

    def p_positive(self, num_languages: int) -> float:
        """One-sided p of a mean difference that is not above 0, by the same standard error."""
        centre, error = self._bonett_price(num_languages)
        z = centre / error if error > TINY else 0.0
        return float(stats.t.sf(z, max(self.num_clusters - 1, 1)) if self.is_clustered else stats.norm.sf(z))

    def _bonett_price(self, num_languages: int) -> tuple[float, float]:
        added = 2 / len(self.parts)
        centre = variance = 0.0
        for part in self.parts:
            n = len(part) + added
            mean = float(part.sum()) / n
            centre += mean
            variance += ((float(np.square(part).sum()) + added / num_languages**2) / n - mean * mean) / n
        return centre, math.sqrt(max(variance, 0.0) * self.design_effect)


def languages_interval(
    values: Sequence[float], shared_variance: float, confidence: float, least: float = 0.0
) -> tuple[float, float] | None:
    """Where the mean would lie for other languages like these: Student's t over languages; None of fewer than two.

    The spread of the languages' figures holds what drawing other languages does and each one's own noise of items; what
    items common to all languages do to all figures alike is not in it and is added.

    Args:
        shared_variance: of the mean, by common items.
    """
    if len(values) < 2:
        return None
    number = len(values)
    mean = float(np.mean(values))
    error = math.sqrt(float(np.var(values, ddof=1)) / number + max(shared_variance, 0.0))
    half = float(stats.t.ppf(0.5 + confidence / 2, number - 1)) * error
    return max(least, mean - half), min(1.0, mean + half)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values: no more than the level's share of families has a false finding."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, largest = [1.0] * len(p), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted
