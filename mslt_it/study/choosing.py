"""Which point of a sweep stands for each set of sources: the one that did best on held-out rows of its sources.

What counts is the best look of each of its runs (`mslt_it.training.looks`), which is also the one whose adapter was
kept: the mean of the task's main metric over seeds and assignments, of equal ones the lower loss, of these the first in
the grid. Looks are at rows of the sources, so that no label of a target takes part in choosing. Where runs are missing,
points with fewer finished runs than another of the same set are not chosen.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.evaluation.measures import MEASURES
from mslt_it.problems import Problem
from mslt_it.runs import LOSSES
from mslt_it.study.sweep import Point
from mslt_it.training.looks import best, looks


@dataclass(frozen=True)
class Tried:
    """One point of one set, at one budget and with one prompt variant."""

    sources: tuple[str, ...]
    budget: int
    variant: str
    point: Point
    cells: tuple[str, ...]  # ids of its finished runs
    metric: float  # on held-out rows of the sources: mean of the runs' best looks
    loss: float
    is_chosen: bool = False


def tried(folder: Path, cells: Sequence[Mapping[str, Any]], metric: str) -> tuple[Tried, ...]:
    """Every point with a finished run, in the manifest's order, the chosen ones marked; empty without a sweep.

    Args:
        folder: of the study.
        cells: those of the manifest that are finished.
        metric: the task's main one, by its name in a recipe.
    """
    groups: dict[tuple[tuple[str, ...], int, str], dict[Point, list[str]]] = {}
    for cell in cells:
        key = tuple(cell["sources"]), int(cell.get("budget", 0)), str(cell.get("variant", "direct"))
        groups.setdefault(key, {}).setdefault(_point(cell), []).append(str(cell["id"]))
    if not any(_point(cell) for cell in cells):
        return ()
    found = []
    for key, of_points in groups.items():
        own = [
            Tried(*key, point, tuple(ids), *_mean_of_best(folder, ids, MEASURES[metric][0].name))
            for point, ids in of_points.items()
        ]
        most = max(len(one.cells) for one in own)
        chosen = max((one for one in own if len(one.cells) == most), key=lambda one: (round(one.metric, 9), -one.loss))
        found += [dataclasses.replace(one, is_chosen=one is chosen) for one in own]
    return tuple(found)


def chosen_of(folder: Path, manifest: Mapping[str, Any], ids: Sequence[str]) -> list[str]:
    """Of these cells of a finished study those of chosen points; all of them without a sweep."""
    if not any(_point(cell) for cell in manifest["cells"]):
        return list(ids)
    found = tried(folder, manifest["cells"], manifest["recipe"]["task.metric"])
    chosen = {name for one in found if one.is_chosen for name in one.cells}
    return [name for name in ids if name in chosen]


def _point(cell: Mapping[str, Any]) -> Point:
    """As a manifest has it: lists for tuples, and none in those of studies without a sweep."""
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in cell.get("point", ()))


def _mean_of_best(folder: Path, ids: Sequence[str], metric: str) -> tuple[float, float]:
    found = []
    for name in ids:
        path = folder / "cells" / name / LOSSES
        history = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        look = best(looks(history, metric))
        if look is None:
            raise Problem(f"{path} has no look at held-out rows. Remove {path.parent} and continue with `mslt study`.")
        found.append((look.value, look.loss))
    value, loss = np.mean(found, axis=0)
    return float(value), float(loss)
