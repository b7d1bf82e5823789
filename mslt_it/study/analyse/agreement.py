"""What a prediction of sets by their single sources comes to: agreement with the measured order.

Predictor and order share neither items nor seeds, so what is luck in one is not in the other; both are drawn again in
the intervals. Whether an agreement could be chance is tested by renaming the languages. Beside the combined adapters
stand predictions without combining: the singles' own figures, and typology, which needs no training at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mslt_it.study.analyse import renaming
from mslt_it.study.analyse.criteria import Orders
from mslt_it.study.analyse.findings import set_name
from mslt_it.study.analyse.resampling import SetFigures
from mslt_it.study.analyse.statistics import TINY, average_ranks, spearman

SCHEMA = 3  # of predicted.json
TYPOLOGY = "l2v_syntax"
# Key of a row -> what it predicts from.
PREDICTORS = {
    "predicted": "single-source adapters combined (cat, equal weights)",
    "singles_mean": "mean of the single sources' own figures",
    "best_single": "best of the single sources' own figures",
    "typology": f"order of {TYPOLOGY}, without training",
}
Sets = Sequence[tuple[str, ...]]


def agreement(predictor: SetFigures, measured: SetFigures, sets: Sets) -> dict[str, Any]:
    """Rows of all sets, rank correlations with the measured order, and what combining adds to the other predictions.

    Args:
        predictor: figures of the combined adapters by set, and of the singles.
        measured: figures of the trained sets.
    """
    rows = np.array([measured.sets.index(one) for one in sets])
    k = len(sets[0])
    point, drawn = measured.mean[rows], measured.mean_drawn[:, rows]
    found: dict[str, Any] = {"agreement": {}, "better_than": {}}
    table: list[dict[str, Any]] = [{"set": list(one), "measured": float(y)} for one, y in zip(sets, point, strict=True)]
    first: tuple[np.ndarray, np.ndarray] | None = None  # of the combined adapters: drawn, and the names in every order
    for key, (by, by_drawn) in _predictions(predictor, measured, sets).items():
        for row, value in zip(table, by, strict=True):
            row[key] = float(value)
        rho_drawn = spearman(by_drawn, drawn)
        renamed = spearman(by[measured.places(k)], point)
        best = np.flatnonzero(by >= by.max() - TINY)
        found["agreement"][key] = {
            "by": PREDICTORS[key],
            "spearman": _estimate(float(renamed[0]), measured.of_order(float(renamed[0]), rho_drawn)),
            "p": renaming.relation(renamed).p,
            "pick": set_name(sets[best[0]]) if len(best) == 1 else f"{len(best)} sets that tie",
            "measured_rank": float(average_ranks(point)[best].mean()),
        }
        if first is None:
            first = rho_drawn, renamed
        else:
            less = first[1] - renamed
            found["better_than"][key] = {
                **_estimate(float(less[0]), measured.of_order(float(less[0]), first[0] - rho_drawn, -2, 2)),
                "p": renaming.relation(less).p,
            }
    return {"rows": table, **found}


def _predictions(predictor: SetFigures, measured: SetFigures, sets: Sets) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Key -> (sets,) what it says of the sets, and (B, sets) with the predictor's items and seeds drawn again."""
    rows = [predictor.sets.index(one) for one in sets]
    own = [[predictor.sets.index((code,)) for code in one] for one in sets]
    point, drawn = predictor.mean, predictor.mean_drawn
    found = {
        "predicted": (point[rows], drawn[:, rows]),
        "singles_mean": (point[own].mean(axis=1), drawn[:, own].mean(axis=2)),
        "best_single": (point[own].max(axis=1), drawn[:, own].max(axis=2)),
    }
    ranks = Orders(measured.study, measured.settings.seed, (TYPOLOGY,)).ranks(len(sets[0])).get(TYPOLOGY)
    if ranks:
        order = -np.array([ranks[tuple(sorted(one))] for one in sets], dtype=float)
        found["typology"] = order, np.broadcast_to(order, drawn[:, rows].shape)
    return found


def _estimate(value: float, interval: tuple[float, float]) -> dict[str, float]:
    return {"value": value, "low": interval[0], "high": interval[1]}
