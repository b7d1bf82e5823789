"""Typologically diverse samples by MaxSum and MaxMin, with the measures that say how diverse a sample is.

Ploeger et al. (A Principled Framework for Evaluating on Typologically Diverse Languages, Computational Linguistics 52,
2026; arXiv 2407.05022), who take Grambank's features; here they are URIEL's of syntax, phonology and inventory, data
only: 1 where most of its databases have the feature, 0 where most do not, NaN where none says anything. Their search is
greedy; here all sets are scored where there are few enough.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mslt_it.selection import typology
from mslt_it.selection.search import Floats


def features(uriel: Sequence[str]) -> Floats:
    """[n, features] of 0, 1 and NaN; ``uriel`` are lang2vec's codes."""
    values = np.stack([*typology.known_features(uriel).values()], axis=1)
    return np.where(values < 0, np.nan, (values >= 0.5).astype(float))


def distances(values: Floats) -> Floats:
    """[n, n]: the root of the share of different values, of the features known in both languages.

    That is the Euclidean distance with gaps left out (scikit-learn's ``nan_euclidean_distances``, which the paper
    takes), over its largest value. Two languages without a common feature have 0: they are not sought for want of data.
    """
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    both = known.astype(float) @ known.T.astype(float)
    agree = filled @ filled.T
    ones = filled @ known.T.astype(float)  # ones of a language where the other one is known
    different = ones + ones.T - 2 * agree
    return np.sqrt(np.divide(np.maximum(different, 0.0), both, out=np.zeros_like(both), where=both > 0))


def measures(values: Floats) -> dict[str, float]:
    """The four measures of the paper for one set's [k, features]; ``overlap`` is lower for more diverse sets.

    distance (MPD): mean over pairs. entropy: of a feature's known values, in bits, mean over features. inclusion (FVI):
    share of the two values of a feature that the set has. overlap (FVO): share of equal values, mean over pairs.
    """
    known = ~np.isnan(values)
    seen = known.any(axis=0)
    share = np.nansum(values[:, seen], axis=0) / known[:, seen].sum(axis=0)  # of ones
    parts = np.stack([share, 1 - share])
    entropy = -np.sum(parts * np.log2(np.where(parts > 0, parts, 1.0)), axis=0)
    apart = distances(values)[np.triu_indices(len(values), 1)]
    return {
        "distance": float(apart.mean()),
        "entropy": float(entropy.sum() / values.shape[1]),
        "inclusion": float((parts > 0).sum() / 2 / values.shape[1]),
        "overlap": float((1 - apart**2).mean()),
    }
