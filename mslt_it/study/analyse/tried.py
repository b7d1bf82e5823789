"""The settings of a sweep: which were tried for each set, what was chosen by held-out rows of the sources, and what
choosing by the targets would have got, which nobody without labels there can do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mslt_it.study.analyse.findings import Analysis, Scatter, set_name
from mslt_it.study.analyse.tables import Column, Row, table
from mslt_it.study.collect import Slice, Study
from mslt_it.study.sweep import described

ORACLE = "best by target: an oracle"


def settings_tried(study: Study, chosen: Slice) -> Analysis:
    """Every point of one slice, per set and over all sets."""
    places = {cell.id: place for place, cell in enumerate(study.tried_cells)}
    own = [one for one in study.tried if (one.budget, one.variant) == (chosen.budget, chosen.variant)]
    every = pd.DataFrame(
        {
            "set": set_name(one.sources),
            "setting": described(one.point),
            "num_runs": len(one.cells),
            "held_out": one.metric,
            "loss": one.loss,
            "accuracy": _figure(study, [places[name] for name in one.cells]),
            "chosen": "chosen" * one.is_chosen,
        }
        for one in own
    )
    by_set, is_chosen = every.groupby("set", sort=False), every["chosen"] != ""
    picked, oracle = every[is_chosen], every.loc[by_set["accuracy"].idxmax()]
    summary = [
        *(_mean(setting, rows, sum(is_chosen[rows.index])) for setting, rows in every.groupby("setting", sort=False)),
        _mean("chosen, set by set", picked, len(picked)),
        _mean(ORACLE, oracle, None),
    ]
    per_set = picked[["set", "setting", "held_out", "accuracy"]].assign(
        oracle=oracle["setting"].values,
        oracle_accuracy=oracle["accuracy"].values,
        missed=picked["accuracy"].values - oracle["accuracy"].values,
    )
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
            per_set.to_dict("records"),
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
            every.to_dict("records"),
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
                tuple(every[["held_out", "accuracy", "set", "setting"]].itertuples(index=False, name=None)),
                x_unit="share",
            ),
        ),
        notes=(
            f"{every['setting'].nunique()} settings were tried on {len(by_set)} sets, {every['num_runs'].sum()} runs "
            f"in all. For each set the one with the highest {study.metric} on held-out rows of its own sources was "
            "chosen (mean over its runs of each run's best look; of equal ones the lower loss, then the first in the "
            "grid). No row of a target took part.",
            "Every other figure of this report is of the chosen settings. Intervals take the choice as it is: what "
            "other seeds or held-out rows would have chosen is in none of them.",
        ),
    )


def _figure(study: Study, places: Sequence[int]) -> float:
    """Mean over runs and target languages."""
    sums = [study.tried_cells[place].counts.sum(axis=1, dtype=float) for place in places]
    return float(np.mean([study.measure.value(of_run) for of_run in sums]))


def _mean(setting: str, rows: pd.DataFrame, times: int | None) -> Row:
    means = rows[["held_out", "accuracy"]].mean().to_dict()
    return {"setting": setting, "num_sets": len(rows), "times": times, **means}
