"""Cells for tests of estimates: what systems did with items, made of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mslt_it.evaluation.estimates import Difference, Estimate, Settings, difference, macro
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import ACCURACY, MEASURES, Measure

SETTINGS = Settings(num_bootstrap=1000)
SPAN_F1, CHRF = MEASURES["span_f1"][0], MEASURES["chrf"][0]


def single(measure: Measure, one: Cell, *, settings: Settings) -> Estimate:
    return macro(measure, [one], settings=settings)


def cell(
    right: Sequence[float],
    language: str = "de",
    ids: Sequence[str] | None = None,
    groups: Sequence[str] = (),
) -> Cell:
    """One 0 or 1 (or share) per item. Without ``ids`` all languages' rows are translations of each other."""
    scores = np.asarray(right, dtype=float)
    names = tuple(ids) if ids is not None else tuple(f"test:{i}" for i in range(len(scores)))
    return Cell(language, names, np.stack([scores, np.ones_like(scores)], axis=1), tuple(groups))


def apart(cells: Sequence[Cell]) -> list[Cell]:
    """The same rows with ids of their own in every language."""
    return [replace(c, item_ids=tuple(f"{c.language}:{item}" for item in c.item_ids)) for c in cells]


def placed(cells: Sequence[Cell], parallel: bool) -> list[Cell]:
    return list(cells) if parallel else apart(cells)


def spans(counts: Sequence[Sequence[int]], language: str = "de") -> Cell:
    return Cell(language, tuple(f"test:{i}" for i in range(len(counts))), np.array(counts))


def random_spans(seed: int, n: int, language: str) -> Cell:
    return spans(np.random.default_rng(seed).integers(0, 3, size=(n, 3)), language)


def right(n: int, num_right: int) -> list[int]:
    return [1] * num_right + [0] * (n - num_right)


def correlated(seed: int, n: int = 200, languages: Sequence[str] = ("de", "sw"), num_systems: int = 2):
    """Per system one cell per language; items are as hard for all systems and languages, the first system is best."""
    rng = np.random.default_rng(seed)
    hard = rng.standard_normal(n)
    return [
        [cell(hard + 0.3 * rng.standard_normal(n) < 0.8 - 0.2 * system, code) for code in languages]
        for system in range(num_systems)
    ]


def shuffled(cells: Sequence[Cell], seed: int) -> list[Cell]:
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(c.item_ids)) for c in cells]
    return [
        Cell(c.language, tuple(c.item_ids[i] for i in o), c.counts[o], tuple(c.groups[i] for i in o))
        for c, o in zip(cells, orders, strict=True)
    ]


def compare(a: Sequence[Cell], b: Sequence[Cell], *, settings: Settings = SETTINGS, measure=ACCURACY) -> Difference:
    return difference(measure, a, b, settings=settings)


def mean_of(cells: Sequence[Cell], *, settings: Settings = SETTINGS, measure=ACCURACY) -> Estimate:
    return macro(measure, cells, settings=settings)
