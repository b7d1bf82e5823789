"""The settings of a sweep: which were tried for each set, what was chosen by held-out rows of the sources, and what
choosing by the targets would have got, which nobody without labels there can do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from mslt_it.study.analyse.findings import Analysis, Scatter, set_name
from mslt_it.study.analyse.tables import Column, Row, table
from mslt_it.study.choosing import Tried
from mslt_it.study.collect import Slice, Study
from mslt_it.study.sweep import described

ORACLE = "best by target: an oracle"


def settings_tried(study: Study, chosen: Slice) -> Analysis:
    """Every point of one slice, per set and over all sets."""
    figure = partial(_figure, study, {cell.id: place for place, cell in enumerate(study.tried_cells)})
    by_set: dict[tuple[str, ...], list[tuple[Tried, float]]] = {}
    for one in study.tried:
        if (one.budget, one.variant) == (chosen.budget, chosen.variant):
            by_set.setdefault(one.sources, []).append((one, figure(one)))
    every = [pair for own in by_set.values() for pair in own]
    picked = [next(pair for pair in own if pair[0].is_chosen) for own in by_set.values()]
    oracle = [max(own, key=lambda pair: pair[1]) for own in by_set.values()]
    points = list(dict.fromkeys(one.point for one, _ in every))
    of_points = [[pair for pair in every if pair[0].point == point] for point in points]
    summary = [
        _mean(described(point), own, sum(one.is_chosen for one, _ in own))
        for point, own in zip(points, of_points, strict=True)
    ]
    summary += [_mean("chosen, set by set", picked, len(picked)), _mean(ORACLE, oracle, None)]
    per_set = [
        {
            "set": set_name(one.sources),
            "setting": described(one.point),
            "held_out": one.metric,
            "accuracy": value,
            "oracle": described(best.point),
            "oracle_accuracy": most,
            "missed": value - most,
        }
        for (one, value), (best, most) in zip(picked, oracle, strict=True)
    ]
    held_out, figures = Column("on held-out source rows", "share"), Column(f"targets, {study.metric}", "share")
    tables = (
        table(
            "settings",
            "Each setting, mean over the sets",
            summary,
            "The oracle takes for each set the setting that is best on the targets' own labels, the scored ones: no "
            "result, only how much there was to choose. The rows above both take one setting for all sets.",
            setting="setting",
            times=Column("chosen for", "count"),
            held_out=held_out,
            accuracy=figures,
        ),
        table(
            "settings_chosen",
            "What was chosen for each set, beside the oracle",
            per_set,
            setting="chosen by held-out source rows",
            held_out=held_out,
            accuracy=figures,
            oracle=ORACLE,
            oracle_accuracy=Column("its figure", "share"),
            missed=Column("chosen minus oracle", "points"),
        ),
        table(
            "settings_tried",
            "Everything that was tried",
            [
                {"set": set_name(one.sources), "setting": described(one.point), "num_runs": len(one.cells)}
                | {"held_out": one.metric, "loss": one.loss, "accuracy": value, "chosen": "chosen" * one.is_chosen}
                for one, value in every
            ],
            setting="setting",
            num_runs=Column("runs", "count"),
            held_out=held_out,
            loss=Column("loss there", "fine"),
            accuracy=figures,
            chosen="",
        ),
    )
    return Analysis(
        "settings",
        "Settings tried, and how one was chosen",
        "Which of the settings stands for each set in this report?",
        "nothing in the paper: how the figures below came about",
        tables,
        (
            Scatter(
                "Held-out rows of the sources and targets, a point per set and setting",
                "on held-out source rows, %",
                f"targets, {study.metric}, %",
                tuple((one.metric, value, set_name(one.sources), described(one.point)) for one, value in every),
                x_unit="share",
            ),
        ),
        notes=(
            f"{len(points)} settings were tried on {len(by_set)} sets, {sum(len(one.cells) for one, _ in every)} runs "
            f"in all. For each set the one with the highest {study.metric} on held-out rows of its own sources was "
            "chosen (mean over its runs of each run's best look; of equal ones the lower loss, then the first in the "
            "grid). No row of a target took part.",
            "Every other figure of this report is of the chosen settings. Intervals take the choice as it is: what "
            "other seeds or held-out rows would have chosen is in none of them.",
        ),
    )


def _figure(study: Study, places: dict[str, int], one: Tried) -> float:
    """Mean over runs and target languages."""
    sums = [study.tried_cells[places[name]].counts.sum(axis=1, dtype=float) for name in one.cells]
    return float(np.mean([study.measure.value(of_run) for of_run in sums]))


def _mean(setting: str, own: Sequence[tuple[Tried, float]], times: int | None) -> Row:
    return {
        "setting": setting,
        "num_sets": len(own),
        "times": times,
        "held_out": float(np.mean([one.metric for one, _ in own])),
        "accuracy": float(np.mean([value for _, value in own])),
    }
