"""The settings of a sweep: which were tried for each set, and what was chosen by held-out rows of the sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mslt_it.study.analyse.findings import Analysis, set_name
from mslt_it.study.analyse.tables import Column, Row, table
from mslt_it.study.collect import Slice, Study
from mslt_it.study.sweep import described


def settings_tried(study: Study, chosen: Slice) -> Analysis:
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
    is_chosen = every["chosen"] != ""
    summary = [
        *(_mean(setting, rows, sum(is_chosen[rows.index])) for setting, rows in every.groupby("setting", sort=False)),
        _mean("chosen, set by set", every[is_chosen], sum(is_chosen)),
    ]
    held_out, figures = Column("on held-out source rows", "share"), Column(f"targets, {study.metric}", "share")
    tables = (
        table(
            "settings",
            "Each setting, mean over the sets",
            summary,
            setting="setting",
            times=Column("chosen for", "count"),
            held_out=held_out,
            accuracy=figures,
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
        notes=(
            f"{every['setting'].nunique()} settings were tried on {every['set'].nunique()} sets, "
            f"{every['num_runs'].sum()} runs in all. For each set the one with the highest {study.metric} on held-out "
            "rows of its own sources was chosen (mean over its runs of each run's best look; of equal ones the lower "
            "loss, then the first in the grid). No row of a target took part.",
            "Every other figure of this report is of the chosen settings. Intervals take the choice as it is: what "
            "other seeds or held-out rows would have chosen is in none of them.",
        ),
    )


def _figure(study: Study, places: Sequence[int]) -> float:
    """Mean over runs and target languages."""
    return float(np.mean([study.figures(study.tried_cells[place].counts) for place in places]))


def _mean(setting: str, rows: pd.DataFrame, times: int) -> Row:
    means = rows[["held_out", "accuracy"]].mean().to_dict()
    return {"setting": setting, "num_sets": len(rows), "times": times, **means}
