"""How long a study takes and how many labelled rows it needs, before and while it runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from mslt_it.config.recipe import Recipe
from mslt_it.progress import duration
from mslt_it.store import read_json
from mslt_it.study.config import StudyConfig
from mslt_it.study.grid import Cell
from mslt_it.study.manifest import StudyFolder
from mslt_it.study.sweep import at


def forecast(
    config: StudyConfig, base: Recipe, cells: Sequence[Cell], folder: StudyFolder
) -> tuple[dict[str, float] | None, str]:
    """(seconds of each cell, one worker, None: not known; where they come from): by the cells that are done where there
    are any, else by the study's ``expected``."""
    measured = {cell.id: seconds for cell in cells if (seconds := seconds_of(folder, cell.id)) is not None}
    if measured:
        found = {cell.id: statistics.median(_like(cell, cells, measured)) for cell in cells}
        number = f"{len(measured)} cell{'s' if len(measured) > 1 else ''}"
        return found, f"median of {number} of this study, {_range(list(measured.values()))} each"
    expected = config.expected
    if expected.seconds_per_step is None or expected.seconds_per_item is None:
        return None, "no cell is done yet, and the study file has no expected.seconds_per_step and _per_item"
    items = base.scoring.num_examples_per_language
    if not items:
        return None, "every row of the scored split is scored, and how many there are is not known here"
    found = {
        cell.id: num_steps(base, cell) * expected.seconds_per_step
        + (len({*cell.sources, *config.targets}) * items + num_looked_at(base, cell)) * expected.seconds_per_item
        for cell in cells
    }
    origin = (
        f"{expected.seconds_per_step:g} s per step, {expected.seconds_per_item:g} s per scored item; {expected.origin}"
    )
    return found, origin


def num_steps(base: Recipe, cell: Cell) -> int:
    """Optimiser steps of a cell on one process, as training counts them."""
    training = at(base, cell.point).training
    if training.max_steps > 0:
        return training.max_steps
    per_epoch = math.ceil(sum(cell.rows.values()) / training.rows_per_step)
    return math.ceil(training.num_epochs * per_epoch)


def num_looked_at(base: Recipe, cell: Cell) -> int:
    """Held-out items of the sources asked while the cell trains, at most: each look asks all of them."""
    training = base.training
    looks = math.ceil(num_steps(base, cell) / training.eval_steps) if training.eval_steps else 0
    return looks * len(cell.sources) * training.num_eval_examples


def seconds_of(folder: StudyFolder, cell: str) -> float | None:
    """Of a cell that ran without interruption."""
    content = read_json(folder.timing(cell)) or {}
    seconds = content.get("seconds")
    if not content.get("from_the_start") or not isinstance(seconds, int | float):
        return None
    return float(seconds) if seconds >= 0 else None


def _like(cell: Cell, cells: Sequence[Cell], measured: Mapping[str, float]) -> list[float]:
    """Seconds of the measured cells with this one's budget, variant and point, else of all."""
    kind = cell.budget, cell.variant, cell.point
    same = [c for c in cells if c.id in measured and (c.budget, c.variant, c.point) == kind]
    return [measured[c.id] for c in same] or list(measured.values())


def _range(values: Sequence[float]) -> str:
    low, high = duration(min(values)), duration(max(values))
    return low if low == high else f"{low} to {high}"
