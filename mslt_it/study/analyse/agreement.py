"""What a prediction of sets by their single sources comes to: agreement with the measured order, and what it cost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.study.analyse.findings import set_name
from mslt_it.study.analyse.resampling import SetFigures
from mslt_it.study.analyse.statistics import average_ranks, kendall, spearman
from mslt_it.study.collect import ScoredCell, Slice, Study
from mslt_it.study.forecast import duration, seconds_of
from mslt_it.study.manifest import StudyFolder

METHOD = "cat"
# Key of a row -> what it predicts from.
PREDICTORS = {
    "predicted": "single-source adapters combined (cat, equal weights)",
    "singles_mean": "mean of the single sources' own figures",
    "best_single": "best of the single sources' own figures",
}
Singles = dict[tuple[str, int], ScoredCell]  # (language, seed) -> its cell


def row(
    one: tuple[str, ...],
    seeds: Sequence[int],
    values: Mapping[tuple[tuple[str, ...], int], np.ndarray],
    alone: Mapping[tuple[str, int], float],
    measured: float,
) -> dict[str, Any]:
    of_seeds = {seed: float(values[one, seed].mean()) for seed in seeds if (one, seed) in values}
    own = [float(np.mean([alone[code, seed] for seed in of_seeds])) for code in one]
    return {
        "set": list(one),
        "predicted": float(np.mean(list(of_seeds.values()))),
        "measured": measured,
        "singles_mean": float(np.mean(own)),
        "best_single": max(own),
        "predicted_by_seed": {str(seed): value for seed, value in of_seeds.items()},
    }


def agreement(table: Sequence[Mapping[str, Any]], figures: SetFigures, rows: np.ndarray) -> dict[str, Any]:
    """Rank correlations with the measured order, intervals from items and seeds of the measured figures drawn again;
    and what the combined adapters agree better than the other predictions, on the same draws."""
    point, drawn = figures.mean[rows], figures.mean_drawn[:, rows]
    ranks = average_ranks(point)
    found, rhos = {}, {}
    for key, how in PREDICTORS.items():
        by = np.array([row[key] for row in table])
        rhos[key] = float(spearman(by, point)), spearman(by, drawn)
        tau, tau_drawn = float(kendall(by, point)), kendall(by, drawn)
        first = by == by.max()
        picks = [set_name(row["set"]) for row, is_first in zip(table, first, strict=True) if is_first]
        found[key] = {
            "by": how,
            "spearman": _estimate(rhos[key][0], figures.interval(rhos[key][1])),
            "kendall": _estimate(tau, figures.interval(tau_drawn)),
            "pick": picks[0] if len(picks) == 1 else f"{len(picks)} sets that tie",
            "measured_rank": float(ranks[first].mean()),
        }
    (rho, rho_drawn), *others = rhos.values()
    differences = {
        key: _estimate(rho - other, figures.interval(rho_drawn - other_drawn))
        for key, (other, other_drawn) in zip(list(rhos)[1:], others, strict=True)
    }
    return {"agreement": found, "better_than": differences}


def _estimate(value: float, interval: tuple[float, float]) -> dict[str, float]:
    return {"value": value, "low": interval[0], "high": interval[1]}


def told(chosen: Slice, num_items: int, singles: Singles, seeds: Sequence[int], num_sets: int) -> dict[str, Any]:
    """What a report shows as it is."""
    num = len({code for code, _ in singles})
    items = f"the first {num_items} of the items" if num_items else "all items"
    which = f"each of {len(seeds)} seeds" if len(seeds) > 1 else f"seed {seeds[0]}"
    return {
        "how": f"for {which} the adapters of a set's languages, each trained alone, were added with "
        f"equal weights ({METHOD}, their exact mean) and scored on {items} per target that the cells are scored on",
        "adapters": f"{num} trained per seed, one per language, instead of {num_sets}, one per set",
        "budget": f"each single adapter was trained on {chosen.budget} rows; the languages of a set share that number",
        "cells": chosen.name,
    }


def seconds(
    folder: StudyFolder, study: Study, singles: Singles, sets: Sequence[tuple[str, ...]], chosen: Slice, spent: Path
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
