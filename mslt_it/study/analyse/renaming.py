"""Claims about kinds of sets ("three scripts", "diverse", "what syntax picks"), tested by renaming the languages.

Sets share languages, and a language that happens to be good lifts all its sets: with seven languages that alone makes
kinds of sets differ by more than items and seeds explain. The null here is that languages are *exchangeable*: the same
figures could have come out with the languages' names in any other order. Each order gives the statistic anew; p is the
share of orders in which it is as far from 0 as it was, the given order counted (Fisher 1935; Good 2005, chapter 3).
That is exact, noise of items and seeds included. Which orders: `statistics.places`.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from mslt_it.study.analyse.findings import Evidence
from mslt_it.study.analyse.resampling import Rows, SetFigures
from mslt_it.study.analyse.statistics import TINY

NUM_STUDIES = 100  # that a detectable effect is looked for in


def relation(values: np.ndarray, p_equal: float | None = None) -> Evidence:
    """The test of a statistic, given (orders,) in every order, the given one first."""
    size = np.abs(values)
    p, least = (float((size >= bar - 1e-9).mean()) for bar in (size[0], size.max()))
    number = f"{len(values):,} orders of the languages' names" if len(values) > 1 else "no other order of the names"
    return Evidence(f"renaming, {number}", 1.0 if size.max() <= TINY else p, float(values.std()), least, p_equal)


def contrast(figures: SetFigures, a: Rows, b: Rows) -> Evidence:
    """Mean of the sets ``a`` minus mean of the sets ``b``, all of one size."""
    k = len(figures.sets[a[0]])
    members = figures.of_size(k)
    return of_weights(figures, np.isin(members, a) / len(a) - np.isin(members, b) / len(b), k)


def of_weights(figures: SetFigures, weights: np.ndarray, k: int) -> Evidence:
    """``weights``: (sets of size k,) of a contrast.

    Equivalence (Schuirmann 1987): an effect of the margin along the contrast is taken away from the figures, or added,
    and what is left is tested one-sided, by the same orders.
    """
    members, margin = figures.of_size(k), figures.margin
    renamed = weights[figures.places(k)]
    values = renamed @ figures.mean[members]
    effect = renamed @ (weights / max(float(weights @ weights), TINY))  # of 1 along the contrast, in every order
    above = float((values - margin * effect <= values[0] - margin + 1e-9).mean())
    below = float((values + margin * effect >= values[0] + margin - 1e-9).mean())
    least = functools.partial(_detectable, renamed, effect, figures.mean[members], figures.places(k))
    return dataclasses.replace(relation(values, max(above, below)), detectable=least)


def _detectable(
    renamed: np.ndarray, effect: np.ndarray, point: np.ndarray, places: np.ndarray, level: float, power: float
) -> float | None:
    """The smallest effect along the contrast that is found in the share ``power`` of studies like this one: with these
    figures, the languages named otherwise, the effect then added. None: none of up to 12 standard errors is.

    A large effect widens the orders' own spread, so a multiple of their standard deviation would promise too much.
    """
    some = places[np.linspace(0, len(places) - 1, min(NUM_STUDIES, len(places))).astype(int)]
    values = renamed @ point[some].T  # (orders, studies)
    for step in np.arange(0.5, 12, 0.25) * values.std():
        size = np.abs(values + step * effect[:, None])
        p = (size >= size[0] - 1e-9).mean(axis=0)
        if ((p <= level) & (values[0] + step > 0)).mean() >= power:
            return float(step)
    return None
