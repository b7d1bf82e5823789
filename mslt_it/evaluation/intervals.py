"""Closed forms of uncertainty, for shares of right items and for means over languages.

Items of one cluster tell less than as many independent ones. Every form here is that of independent items, with their
number divided by the design effect (Kish 1965) and with Student's t in place of the normal quantile, as the clusters
are few (Korn and Graubard 1998). The effect is never below 1: an estimate of less is mostly noise, and an interval must
not be narrower because of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from mslt_it.evaluation.clusters import TINY, Component, sums_by

DESIGN_CONFIDENCE = 0.95  # of the bound of a design effect


def wilson_interval(
    num_right: float, n: float, confidence: float, *, quantile: float | None = None
) -> tuple[float, float]:
    """Wilson's score interval of a proportion (1927), as shares of 1; ``n``: items, or as many independent ones as tell
    as much; ``quantile``: in place of the normal one."""
    z = normal_quantile(confidence) if quantile is None else quantile
    share = num_right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(max(share * (1 - share), 0.0) / n + z * z / (4 * n * n))
    # Exact at the ends, where rounding would leave the bound a hair inside.
    return (0.0 if num_right == 0 else centre - half, 1.0 if num_right == n else centre + half)


def normal_quantile(confidence: float) -> float:
    """How many standard errors a two-sided interval reaches to each side."""
    return float(special.ndtri(0.5 + confidence / 2))


def student_quantile(confidence: float, freedom: float) -> float:
    """The same where the errors are estimated; of scipy.special, since importing scipy.stats takes half a second."""
    if math.isinf(freedom):
        return normal_quantile(confidence)
    return float(special.stdtrit(freedom, 0.5 + confidence / 2))


@dataclass(frozen=True)
class RightShare:
    """The mean of a score per row in one language: a share of right items, or the difference of two."""

    value: float
    mean_square: float
    n: float  # independent rows that would tell as much
    freedom: float  # of Student's t; infinite where every row stands alone

    @staticmethod
    def of(scores: np.ndarray, clusters: np.ndarray) -> RightShare:
        """``scores``, ``clusters``: (rows,); rows with one number belong to one cluster."""
        number = len(scores)
        num_clusters = len(np.unique(clusters))
        effect, freedom = 1.0, math.inf
        if num_clusters < number:
            effect, freedom = design_effect(scores, clusters), float(max(num_clusters - 1, 1))
        return RightShare(float(scores.mean()), float(np.square(scores).mean()), number / effect, freedom)

    def bonett_price(self, added: float) -> tuple[float, float]:
        """Centre and standard error of a difference of right and wrong with so many discordant items added, half in
        each direction (Bonett and Price 2012)."""
        whole = self.n + added
        centre = self.n * self.value / whole
        variance = ((self.n * self.mean_square + added) / whole - centre * centre) / whole
        return centre, math.sqrt(max(variance, 0.0))


def design_effect(scores: np.ndarray, clusters: np.ndarray) -> float:
    """Variance of the mean of (rows,) scores by clusters over that by rows (Kish 1965), at least 1."""
    numbers = np.unique(clusters, return_inverse=True)[1]
    n, num_clusters = len(scores), int(numbers.max()) + 1
    rest = scores - scores.mean()
    by_rows = float(np.square(rest).sum())
    if by_rows <= TINY:  # all alike: nothing is known of the clusters, so each tells as much as one row
        return n / num_clusters
    by_clusters = float(np.square(sums_by(numbers, rest, num_clusters)).sum())
    # Of the n - 1 in a variance, which independent rows' forms have their own way of doing.
    correction = num_clusters / max(num_clusters - 1, 1) * (n - 1) / n
    return max(1.0, correction * by_clusters / by_rows)


def p_above(right: np.ndarray, clusters: np.ndarray, bar: float) -> float:
    """One-sided p of being right no more often than ``bar``: the exact binomial tail of as many independent rows.

    Clusters that are right or wrong as a whole leave n^2 / (sum of squared sizes) independent rows; what the answers
    show them to leave may be more, by the design effect's upper bound at `DESIGN_CONFIDENCE`. So few clusters, whose
    design effect is mostly noise, count as such, and many are not held to the worst that could be
    (``benchmarks/above_chance.py``).

    Args:
        right, clusters: (rows,) 1 or 0, and the number of the row's cluster.
        bar: a share, the same for all rows; their labels are what they are and not drawn again.
    """
    sizes = np.unique(clusters, return_counts=True)[1]
    effect = float(np.square(sizes).sum() / len(right))
    if 1 < len(sizes) < len(right):
        freedom = len(sizes) - 1
        shown = design_effect(right, clusters) * freedom / special.chdtri(freedom, DESIGN_CONFIDENCE)
        effect = min(effect, float(shown))
    num_right, n = right.sum() / effect, len(right) / effect
    return float(special.betainc(num_right, n - num_right + 1, bar)) if num_right else 1.0


@dataclass(frozen=True, eq=False)
class ItemShares:
    """The unweighted mean over languages of a score per row.

    The interval of the mean is made of the widths of the languages' own ones and of the correlation of their means (as
    MOVER does: Zou and Donner 2008): a language of few rows keeps the width that it has by itself, which a variance
    estimated from few rows would not give it.
    """

    languages: tuple[RightShare, ...]
    covariance: np.ndarray  # (languages, languages) of the means, when clusters are drawn again
    freedom: float  # of the mean's variance

    @staticmethod
    def of(scores: Sequence[np.ndarray], found: Sequence[Component]) -> ItemShares:
        """``scores``: per language (rows,), of which the mean is the language's figure."""
        covariance = np.zeros((len(scores), len(scores)))
        languages: dict[int, RightShare] = {}
        freedoms = [math.inf] * len(scores)
        for component in found:
            # How languages vary together is known from what they share alone; a share's own variance from its value.
            most = component.num_clusters - 1 if len(component.languages) > 1 else math.inf
            moves = []
            for clusters, code in zip(component.cluster_of, component.languages, strict=True):
                languages[code] = RightShare.of(scores[code], clusters)
                freedoms[code] = max(1.0, min(languages[code].freedom, most))
                rest = (scores[code] - scores[code].mean()) / len(clusters)
                moved = sums_by(clusters, rest, component.num_clusters)
                if np.abs(moved).max() * len(clusters) <= TINY:
                    # It does not vary as far as is seen, and with other such languages by the rows that it shares.
                    moved = sums_by(clusters, np.full(len(clusters), TINY / len(clusters)), component.num_clusters)
                moves.append(moved)
            rows = list(component.languages)
            covariance[np.ix_(rows, rows)] = np.array(moves) @ np.array(moves).T
        if covariance.sum() <= TINY * np.trace(covariance):
            # Languages that are right where others are wrong: the mean stands still as far as is seen, which says less
            # than if they had nothing to do with one another.
            covariance = np.diag(np.diag(covariance))
        ordered = tuple(languages[code] for code in range(len(scores)))
        return ItemShares(ordered, covariance, effective_number(covariance, freedoms, found))

    @property
    def value(self) -> float:
        return float(np.mean([one.value for one in self.languages]))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Of a share of right items: Wilson's of each language, put together.

        Wilson's interval of one language is narrower than Wald's, and its centre moved, as the skewness of a share asks
        for. A mean is the less skewed the more it is made of: what a language's figure and the mean have in common
        counts, their squared correlation.
        """
        quantile = self._quantile(confidence)
        values, n = np.array([[one.value, one.n] for one in self.languages]).T
        own = [wilson_interval(v * m, m, confidence, quantile=quantile) for v, m in zip(values, n, strict=True)]
        low, high = np.array(own).T
        halves = (high - low) / 2
        varying = self._varying(halves)
        in_common = varying.sum(axis=1) ** 2 / (np.diag(varying) * varying.sum())
        wald = quantile**2 * np.maximum(values * (1 - values), 0.0) / np.maximum(n - 1, 1.0)
        widths = np.sqrt(wald + in_common * (halves**2 - wald))
        half = math.sqrt(self._varying(widths).sum()) / len(own)
        centre = self.value + float((in_common * (low + halves - values)).mean())
        return min(self.value, max(0.0, centre - half)), max(self.value, min(1.0, centre + half))

    def difference_interval(self, confidence: float) -> tuple[float, float]:
        """Of a difference of right and wrong: paired Wald intervals with two discordant items, one in each direction,
        divided among the languages (Bonett and Price 2012), put together."""
        centres, errors = zip(*(one.bonett_price(2 / len(self.languages)) for one in self.languages), strict=True)
        error = math.sqrt(self._varying(np.array(errors)).sum()) / len(errors)
        centre, half = float(np.mean(centres)), self._quantile(confidence) * error
        return min(self.value, max(-1.0, centre - half)), max(self.value, min(1.0, centre + half))

    def _quantile(self, confidence: float) -> float:
        return student_quantile(confidence, self.freedom)

    def _varying(self, widths: np.ndarray) -> np.ndarray:
        """(languages, languages): as the covariance, with other standard errors."""
        scale = widths / np.sqrt(np.diag(self.covariance))
        return self.covariance * scale[:, None] * scale


def effective_number(covariance: np.ndarray, numbers: Sequence[float], found: Sequence[Component]) -> float:
    """Of degrees of freedom or clusters that the variance of a mean over languages is known from (Satterthwaite 1946);
    ``covariance``: (languages, languages) of the figures; ``numbers``: per language, what its variance is known from.
    """
    inverse = total = 0.0
    for component in found:
        rows = list(component.languages)
        parts = np.maximum(covariance[np.ix_(rows, rows)].sum(axis=1), 0.0)
        total += float(parts.sum())
        inverse += float(parts.sum() * sum(part / numbers[row] for part, row in zip(parts, rows, strict=True) if part))
    return total * total / inverse if inverse else math.inf


def languages_interval(
    values: Sequence[float] | np.ndarray,
    covariance: np.ndarray,
    confidence: float,
    within: tuple[float, float],
    least: float = 0.0,
) -> tuple[float, float] | None:
    """Where the mean would lie for other languages like these: Student's t over languages; None of fewer than two.

    The spread of the languages' figures holds what drawing other languages does and each one's own noise of items; what
    common items do to all figures alike is not in it and is added, as a part that is known well (Satterthwaite 1946).

    Args:
        covariance: (languages, languages) of the figures when items are drawn again.
        within: the interval for these very languages, which other languages cannot make narrower.
    """
    number = len(values)
    if number < 2:
        return None
    mean = float(np.mean(values))
    of_languages = float(np.var(values, ddof=1)) / number
    of_common = max(float(covariance.sum() - np.trace(covariance)) / (number * (number - 1)), 0.0)
    variance = of_languages + of_common
    freedom = (number - 1) * (variance / of_languages) ** 2 if of_languages > TINY**2 else math.inf
    half = student_quantile(confidence, freedom) * math.sqrt(variance)
    return max(least, min(within[0], mean - half)), min(1.0, max(within[1], mean + half))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values: no more than the level's share of families has a false finding.

    As ``statsmodels.stats.multitest.multipletests`` gives them, which collects garbage at every call: 0.15 s each.
    """
    order = np.argsort(p, kind="stable")
    stepwise = np.asarray(p, dtype=float)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepwise), 1.0)
    return adjusted.tolist()
