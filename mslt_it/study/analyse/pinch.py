"""A pinch of other languages: how few rows outside one language make a difference, at one budget.

A study with ``pinch: [0, 10, 40, 160]`` has cells in which that many rows of the budget are in a set's other languages
together and all others in the pool's first one. Shaham et al. 2024 ("Multilingual instruction tuning with just a pinch
of multilinguality", arXiv 2401.01854) replace English examples in this way and find that 40 are enough to follow
instructions in other languages much better, in those that are in the tuning data and in others.
"""

from __future__ import annotations

import numpy as np

from mslt_it.study.analyse.comparisons import OF_ROWS, of_these
from mslt_it.study.analyse.findings import Analysis, Mark, NotDone, Steps, set_name
from mslt_it.study.analyse.resampling import SetFigures
from mslt_it.study.analyse.tables import Row, table, with_holm

PAPER = "a few rows of other languages in English data improve other languages much (Shaham et al. 2024)"


def curve(figures: SetFigures) -> Analysis | NotDone:
    """Mean over the sets at each pinch, held against the first language alone."""
    study, main = figures.study, figures.study.pool[0]
    title = f"A pinch of other languages in {main}"
    places = {n: np.flatnonzero([own == n for own in figures.pinches]) for n in sorted(set(figures.pinches), key=_int)}
    if len(places) < 2:
        return NotDone("pinch", title, "Cells of one pinch only are complete.")
    (least, first), *others = places.items()
    rows: list[Row] = []
    claims = []
    for number, own in others:
        what = f"{number} rows of other languages and the rest in {main}, against {_said(least, main)}"
        claims.append(of_these(figures, f"pinch_{number}", what, own, first, expected="up", paper=PAPER))
    for number, own in places.items():
        rows.append({"pinch": number} | figures.summary(own))
    compared: list[Row] = [{"pinch": number} | claim.row for (number, _), claim in zip(others, claims, strict=True)]
    dots = [
        (str(number), set_name(figures.sets[row]), float(figures.mean[row]))
        for number, own in places.items()
        for row in own
    ]
    means = tuple(Mark.of(row, str(row["pinch"]), "accuracy") for row in rows)
    x_axis = f"of {figures.slice.budget} rows, in other languages than {main}"
    return Analysis(
        "pinch",
        title,
        f"How many of the rows have to be in other languages than {main}?",
        "Shaham et al. 2024, where English examples are replaced",
        (
            table("pinch", f"Mean over sets and target languages, by rows outside {main}", rows, accuracy=study.metric),
            table(
                "pinch_differences",
                f"Against {_said(least, main)}",
                with_holm(compared, figures.settings.confidence),
                OF_ROWS,
            ),
        ),
        (
            Steps(
                f"{study.metric.capitalize()} by rows outside {main}", x_axis, f"{study.metric}, %", means, tuple(dots)
            ),
        ),
        tuple(claims),
        (
            "Every cell has the same number of rows in all. Where an item is labelled in one language only, the rows "
            f"of {main} are not quite the same items in each.",
        ),
    )


def _int(number: int | None) -> int:
    return number or 0


def _said(number: int | None, main: str) -> str:
    return f"{number} such rows" if number else f"{main} alone"
