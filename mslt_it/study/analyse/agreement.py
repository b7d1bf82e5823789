"""What a prediction of sets by their single sources comes to: agreement with the measured order, and what it cost.

Predictor and order share neither items nor seeds, so what is luck in one is not in the other; both are drawn again in
the intervals. Whether an agreement could be chance is tested by renaming the languages. Beside the combined adapters
stand predictions without combining: the singles' own figures, and typology, which needs no training at all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.evaluation.clusters import components
from mslt_it.problems import Problem
from mslt_it.study.analyse import renaming
from mslt_it.study.analyse.criteria import Orders
from mslt_it.study.analyse.findings import set_name
from mslt_it.study.analyse.resampling import SetFigures
from mslt_it.study.analyse.statistics import average_ranks, kendall, spearman
from mslt_it.study.collect import ScoredCell, Slice, Study
from mslt_it.study.forecast import duration, seconds_of
from mslt_it.study.manifest import StudyFolder

SCHEMA = 2  # of predicted.json
METHOD = "cat"
TYPOLOGY = "l2v_syntax"
# Key of a row -> what it predicts from.
PREDICTORS = {
    "predicted": "single-source adapters combined (cat, equal weights)",
    "singles_mean": "mean of the single sources' own figures",
    "best_single": "best of the single sources' own figures",
    "typology": f"order of {TYPOLOGY}, without training",
}
Singles = dict[tuple[str, int], ScoredCell]  # (language, seed) -> its cell
Sets = Sequence[tuple[str, ...]]
Places = list[np.ndarray]  # per target, the numbers of items


def divided(study: Study, num_items: int) -> tuple[Places, Places]:
    """(the predictor's items, those that the order is measured on); 0: the first half is the predictor's.

    Of the others those are left out that hang together with one of the predictor's: translations of it, and rows of its
    premise or passage.
    """
    used: Places = []
    for code, ids in zip(study.targets, study.item_ids, strict=True):
        number = num_items or len(ids) // 2
        if not 0 < number < len(ids):
            raise Problem(
                f"prediction: num_items={num_items} leaves none of the {len(ids)} items of '{code}' to measure the "
                "order on. Give fewer, or 0 for half of them."
            )
        used.append(np.arange(number))
    rest: Places = [np.array([], dtype=int)] * len(used)
    for component in components(study.item_ids, study.groups):
        clusters = list(zip(component.languages, component.cluster_of, strict=True))
        seen = np.unique(np.concatenate([of[used[row]] for row, of in clusters]))
        for row, of in clusters:
            rest[row] = np.flatnonzero(~np.isin(of, seen))
            if not len(rest[row]):
                raise Problem(
                    f"prediction: all items of '{study.targets[row]}' hang together with the {len(used[row])} that the "
                    "prediction is made on (one premise, passage or template). Give fewer num_items."
                )
    return used, rest


def part(study: Study, cells: Sequence[ScoredCell], items: Places) -> Study:
    """These cells on these items; cells that have other items already are taken as they are."""

    def own(cell: ScoredCell) -> ScoredCell:
        counts = np.zeros((len(items), max(map(len, items)), cell.counts.shape[2]), dtype=np.float32)
        for row, places in enumerate(items):
            counts[row, : len(places)] = cell.counts[row, places]
        return dataclasses.replace(cell, counts=counts)

    ids, groups = (
        tuple(tuple(names[i] for i in places) for names, places in zip(of, items, strict=True))
        for of in (study.item_ids, study.groups)
    )
    return dataclasses.replace(study, item_ids=ids, groups=groups, cells=tuple(map(own, cells)), base=None)


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
    first: np.ndarray | None = None
    for key, (by, by_drawn) in _predictions(predictor, measured, sets).items():
        for row, value in zip(table, by, strict=True):
            row[key] = float(value)
        rho_drawn = spearman(by_drawn, drawn)
        renamed = spearman(by[measured.places(k)], point)
        best = np.flatnonzero(by == by.max())
        found["agreement"][key] = {
            "by": PREDICTORS[key],
            "spearman": _estimate(float(renamed[0]), measured.interval(rho_drawn)),
            "p": renaming.relation(renamed).p,
            "kendall": float(kendall(by, point)),
            "pick": set_name(sets[best[0]]) if len(best) == 1 else f"{len(best)} sets that tie",
            "measured_rank": float(average_ranks(point)[best].mean()),
        }
        if first is None:
            first, rho = rho_drawn, float(renamed[0])
        else:
            found["better_than"][key] = _estimate(rho - float(renamed[0]), measured.interval(first - rho_drawn))
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


def told(chosen: Slice, singles: Singles, own: Sequence[int], others: Sequence[int], num_sets: int) -> dict[str, Any]:
    """What a report shows as it is; the seeds of the predictor and those of the order."""
    num = len({code for code, _ in singles})
    seeds = f"each of {len(own)} seeds" if len(own) > 1 else f"seed {own[0]}"
    measured = f"seeds {', '.join(map(str, others))}, none of them the predictor's"
    return {
        "how": f"for {seeds} the adapters of a set's languages, each trained alone, were added with equal weights "
        f"({METHOD}, their exact mean) and scored",
        "order": f"measured on other items and {'the same seed: there is no other' if own == others else measured}",
        "adapters": f"{num} trained per seed, one per language, instead of {num_sets}, one per set",
        "budget": f"each single adapter was trained on {chosen.budget} rows; the languages of a set share that number",
        "cells": chosen.name,
    }


def seconds(
    folder: StudyFolder, study: Study, singles: Singles, sets: Sets, chosen: Slice, spent: Path
) -> dict[str, Any]:
    """What the cells took that the prediction needs, what it took itself, and what those took that it stands for."""
    of_sets = [cell.id for cell in study.cells if cell.slice == chosen and cell.sources in set(sets)]
    needed, stood_for = (_of_cells(folder, ids) for ids in ([cell.id for cell in singles.values()], of_sets))
    own = _read_lines(spent)
    found: dict[str, Any] = {
        "single_cells": needed,
        "set_cells": stood_for,
        "combining_and_scoring": sum(line["seconds"] for line in own),
        "combining_and_scoring_cpu": sum(line["cpu_seconds"] for line in own),
    }
    if needed is not None and stood_for is not None:
        found["saved"] = stood_for - needed - found["combining_and_scoring"]
    return found


def told_of_time(seconds: Mapping[str, float | None]) -> dict[str, str]:
    single, stood_for, own = (seconds[key] for key in ("single_cells", "set_cells", "combining_and_scoring"))
    if single is None or stood_for is None or own is None:
        return {"time": "not known, since no cell was timed from its start to its end"}
    return {
        "time": f"{duration(single)} for the cells of single sources and {duration(own)} for combining and scoring, "
        f"instead of {duration(stood_for)} for the cells of the sets (each of one worker)"
    }


def _of_cells(folder: StudyFolder, ids: Sequence[str]) -> float | None:
    """Seconds of these cells; one that was interrupted, whose time is not whole, counts as the median of the others.

    None where none was measured.
    """
    whole = [one for name in ids if (one := seconds_of(folder, name)) is not None]
    return sum(whole) + (len(ids) - len(whole)) * float(np.median(whole)) if whole else None


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file that a kill may have torn."""
    found = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found
