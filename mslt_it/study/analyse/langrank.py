"""Which single source serves a target best, learned from the study's own other targets (LangRank).

Lin et al. 2019 (Choosing Transfer Languages for Cross-Lingual Learning, arXiv 1905.12688) learn to rank sources for a
target from URIEL distances and statistics of the data sets, with boosted trees (100 of 16 leaves), and measure NDCG@3
with each language left out of the learning in turn. Here the trees (scikit-learn's) learn a source's relevance itself
instead of pairwise preferences, since a study has tens of pairs and not thousands; budgets are equal, so sizes of data
sets say nothing; and what needs no typology at all stands beside it: a source's mean figure in the other targets.

Whether an order could be chance is tested by renaming the sources (`renaming`): p is the share of their orders with as
high an NDCG. Of LangRank that takes learning anew in every order, which benchmarks/langrank_renaming.py does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from mslt_it.languages import likely_script
from mslt_it.problems import Problem
from mslt_it.selection.criteria import NotComputed
from mslt_it.study.analyse.findings import Analysis, Intervals, Mark, NotDone
from mslt_it.study.analyse.resampling import SetFigures
from mslt_it.study.analyse.tables import Row, interval, table, with_holm
from mslt_it.study.analyse.transfer import likeness

FEWEST = 4  # sources, and targets
TOP = 3
MOST_RELEVANT = 10  # the best source's relevance; each place below is one less, as in LangRank
OTHERS = "mean figure in the other targets"


def langrank(figures: SetFigures) -> Analysis | NotDone:
    """NDCG@3 of the learned order of single sources, target by target, beside single features and chance."""
    title = "Ranking single sources for a target"
    study, rows = figures.study, figures.of_size(1)
    pool = [figures.sets[row][0] for row in rows]
    if len(pool) < FEWEST or len(study.targets) < FEWEST:
        return NotDone("langrank", title, f"It needs {FEWEST} single sources and {FEWEST} targets.")
    try:
        features = features_of(pool, study.targets)
    except (Problem, NotComputed) as problem:
        return NotDone("langrank", title, str(problem))
    measured = figures.point[rows].T  # (targets, sources)
    orders = {
        "LangRank": leave_one_out(
            np.stack(list(features.values()), axis=-1), relevance(measured), figures.settings.seed
        ),
        OTHERS: np.array([np.delete(measured, i, axis=0).mean(axis=0) for i in range(len(measured))]),
        **features,
    }
    drawn = np.moveaxis(figures.drawn[:, rows], 1, 2)  # (B, targets, sources)
    of_measured, of_drawn = relevance(measured), relevance(drawn)
    renamed = np.moveaxis(of_measured[:, figures.places(1)], 0, 1)  # (orders, targets, sources)
    found: list[Row] = []
    for name, order in orders.items():
        value, values = float(ndcg(order, of_measured).mean()), ndcg(order, of_drawn).mean(axis=1)
        row: Row = {"by": name, "ndcg": value}
        p = chance_of(ndcg(order, renamed).mean(axis=1)) if name in features else None
        found.append(row | interval("ndcg", figures.of_order(value, values, least=0)) | {"p": p})
    found = with_holm(found, figures.settings.confidence)
    chance = float(ndcg(np.zeros(measured.shape), of_measured).mean())
    return Analysis(
        "langrank",
        title,
        "Could a target's best source have been told from what others showed?",
        "LangRank (Lin et al. 2019), trained on this study's own table",
        (
            table(
                "langrank",
                f"NDCG@{TOP} of orders of {len(pool)} single sources, mean over {len(study.targets)} targets",
                [*found, {"by": "chance", "ndcg": chance}],
                "Each target is left out of the learning in turn. Of sources that tie all orders count alike. No order "
                "is tested against another; the mean figure in the other targets knows no names.",
                figures.of_renaming("the rows that have one"),
                by="ranked by",
            ),
        ),
        (
            Intervals(
                f"NDCG@{TOP} of orders of single sources",
                f"NDCG@{TOP}",
                tuple(Mark.of(row, row["by"], "ndcg") for row in found),
                unit="number",
                reference=chance,
                reference_label="chance",
            ),
        ),
    )


def features_of(pool: Sequence[str], targets: Sequence[str]) -> dict[str, np.ndarray]:
    """Name -> (targets, sources): what is known of each pair without training."""
    script = np.array([[likely_script(a) == likely_script(b) for a in pool] for b in targets], dtype=float)
    like = {f"similarity, {part}": values.T for part, values in likeness(pool, targets).items()}
    return {**like, "same script": script}


def relevance(figures: np.ndarray) -> np.ndarray:
    """(..., sources) figures -> 10 for the best source of each target, 9 for the second, down to 0; ties share it."""
    return np.maximum(0, MOST_RELEVANT + 1 - rankdata(-np.round(figures, 9), method="min", axis=-1))


def leave_one_out(features: np.ndarray, relevant: np.ndarray, seed: int) -> np.ndarray:
    """(targets, sources) scores, of each target by trees that saw the other targets only.

    Args:
        features: (targets, sources, features); relevant: (targets, sources).
    """
    from sklearn.ensemble import GradientBoostingRegressor  # takes 2 s to import

    found = np.zeros(relevant.shape)
    for target in range(len(relevant)):
        trees = GradientBoostingRegressor(n_estimators=100, max_depth=None, max_leaf_nodes=16, random_state=seed)
        others = np.delete(features, target, axis=0).reshape(-1, features.shape[-1])
        trees.fit(others, np.delete(relevant, target, axis=0).ravel())
        found[target] = trees.predict(features[target])
    return found


def chance_of(renamed: np.ndarray) -> float:
    """p: share of the orders of the names, the given one first, with a figure as high."""
    return float((renamed >= renamed[0] - 1e-9).mean())


def ndcg(order: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """(..., targets): sum over the first three of (2^relevance - 1) / log2(1 + place), over the largest there could be.

    Of sources with one score each has the mean of what they gain: that of all orders of them.

    Args:
        order: (targets, sources) scores, higher first; relevant: (..., targets, sources).
    """
    order = np.round(order, 9)
    ties = (order[:, :, None] == order[:, None, :]).astype(float)
    gains = 2.0**relevant - 1
    expected = np.einsum("tij,...tj->...ti", ties / ties.sum(axis=-1, keepdims=True), gains)
    first = np.argsort(-order, axis=-1, kind="stable")[..., :TOP]
    taken = np.take_along_axis(expected, np.broadcast_to(first, (*gains.shape[:-1], first.shape[-1])), axis=-1)
    return np.asarray(_discounted(taken) / _discounted(-np.sort(-gains, axis=-1)[..., :TOP]))


def _discounted(gains: np.ndarray) -> np.ndarray:
    return np.asarray((gains / np.log2(2 + np.arange(gains.shape[-1]))).sum(axis=-1))
