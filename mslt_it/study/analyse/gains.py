"""What several sources bring at one budget, in three comparisons, for these languages and for others like them.

A set can be held against the mean of its members, each alone; against the best of its members; against the best single
language of the pool. The three may differ in sign, so each is a claim of its own. The best is chosen by its figure and
looks better than it is, which makes its comparisons too strict rather than too lenient.

Items and seeds are drawn again (`resampling`), and each language of the pool is left out in turn, with all its sets
(jackknife; Efron and Stein 1981: its variance is rather too large than too small). p is the larger of the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from mslt_it.evaluation.seeds import p_value
from mslt_it.study.analyse.findings import Claim, Evidence
from mslt_it.study.analyse.resampling import Rows, SetFigures
from mslt_it.study.analyse.statistics import TINY

AGAINST = {
    "mean": "the mean of their members alone",
    "member": "the best of their own members alone",
    "best": "the best single source",
}
Weights = np.ndarray | None  # (sets,) of a difference of means, adding up to 0; None: it cannot be made


def gain(figures: SetFigures, rows: Rows, against: str, without: str = "") -> Weights:
    """The sets of several sources ``rows``, of which every member is there alone, against a key of ``AGAINST``.

    Args:
        without: a language to leave out, with its sets.
    """
    single = {figures.sets[row][0]: int(row) for row in figures.of_size(1) if figures.sets[row] != (without,)}
    kept = [row for row in rows if all(code in single for code in figures.sets[row])]
    if not kept:
        return None
    weights = np.zeros(len(figures.sets))
    for row in kept:
        own = [single[code] for code in figures.sets[row]]
        if against != "mean":
            own = [max(own if against == "member" else single.values(), key=lambda one: figures.mean[one])]
        weights[row] += 1 / len(kept)
        weights[own] -= 1 / len(kept) / len(own)
    return weights


def luck(figures: SetFigures, against: str, k: int) -> float:
    """Standard error that the best of k of n singles, mean over all choices, has by the luck of the pool's languages,
    since the jackknife's is too small for a maximum: of normal order statistics (David and Nagaraja 2003), in SDs."""
    singles = figures.mean[figures.of_size(1)]
    n = len(singles)
    k = {"mean": 0, "member": min(k, n), "best": n}[against]
    if not k or n < 2:
        return 0.0
    rising = np.sort(np.random.default_rng(0).normal(size=(20_000, n)), axis=1)
    best = rising @ np.array([math.comb(i, k - 1) for i in range(n)]) / math.comb(n, k)
    return float(best.std() * singles.std(ddof=1))


def groups(figures: SetFigures, a: Rows, b: Rows, without: str = "") -> Weights:
    """Mean of the sets ``a`` minus mean of the sets ``b``."""
    kept = [[row for row in rows if without not in figures.sets[row]] for rows in (a, b)]
    if not all(kept):
        return None
    weights = np.zeros(len(figures.sets))
    for sign, rows in zip((1, -1), kept, strict=True):
        weights[rows] += sign / len(rows)
    return weights


def claim(
    figures: SetFigures, name: str, what: str, weights: Callable[[str], Weights], least: float = 0.0, **more: Any
) -> Claim | None:
    """Of a difference; ``weights`` gives it without a language, and with all of them for "".

    None where it cannot be made; a claim on these very sets where it cannot be made without every one of the languages.

    Args:
        least: standard error for other languages that the jackknife's may not be below.
    """
    whole = weights("")
    if whole is None:
        return None
    value, drawn = float(figures.mean @ whole), figures.mean_drawn @ whole
    a, b = np.flatnonzero(whole > 0), np.flatnonzero(whole < 0)
    others = [weights(code) for code in sorted({code for row in a for code in figures.sets[row]})]
    left = [float(figures.mean @ one) for one in others if one is not None]
    tested, others_range = tested_by(figures, value, drawn, left if len(left) == len(others) else [], least)
    of_a, of_b = float(figures.mean[a] @ whole[a]), float(-figures.mean[b] @ whole[b])
    more |= {"value_a": of_a, "value_b": of_b, "others": others_range}
    return figures.claim(name, what, value, figures.interval(drawn), tested, a, b, **more)


def tested_by(
    figures: SetFigures, value: float, drawn: np.ndarray, left_out: Sequence[float] = (), least: float = 0.0
) -> tuple[Evidence, tuple[float, float] | None]:
    """The test by items and seeds and, with the figures that leave a language out each, by languages; and the interval
    for other languages like these."""
    margin, error = figures.margin, float(drawn.std())
    p, equal = p_value(value, drawn), _equal(value, error, np.inf, margin)
    n, again = len(left_out), figures.drawn_again
    if n < 3 and figures.is_one_seed:
        return Evidence(f"{again}, and what another changes is not known", 1.0, error, 1.0), None
    if n < 3:
        return Evidence(f"{again}, these very sets", p, error, 1 / (1 + len(drawn)), equal), None
    of_languages = float(np.sqrt((n - 1) / n * np.square(np.array(left_out) - np.mean(left_out)).sum()))
    error = max(error, of_languages, least, TINY)
    p = max(p, float(2 * stats.t.sf(abs(value) / error, n - 1)))
    half = float(stats.t.ppf(0.5 + figures.settings.confidence / 2, n - 1)) * error
    test = f"{again}, and each of {n} languages left out"
    tested = Evidence(test, p, error, 1 / (1 + len(drawn)), max(equal, _equal(value, error, n - 1, margin)), n - 1)
    return tested, (value - half, value + half)


def _equal(value: float, error: float, freedom: float, margin: float) -> float:
    """p of a difference as large as the margin: the larger of two one-sided tests (Schuirmann 1987)."""
    return float(stats.t.sf((margin - abs(value)) / max(error, TINY), freedom))
