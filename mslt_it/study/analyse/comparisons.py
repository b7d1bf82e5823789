"""Groups of source sets against each other: every set, one source or several, how many.

Every analysis takes the figures of one slice and the size of sets to look at, and gives an ``Analysis``, or ``NotDone``
with the reason. Groups are means over all their sets, so what is compared is
"a set of this kind", not the luckiest one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mslt_it.study.analyse.findings import Analysis, Claim, Intervals, Mark, NotDone, Steps, set_name
from mslt_it.study.analyse.resampling import Rows, SetFigures
from mslt_it.study.analyse.statistics import as_good_as_best, average_ranks
from mslt_it.study.analyse.tables import Column, Row, interval, table, with_holm


def claim_of(figures: SetFigures, name: str, what: str, a: Rows, b: Rows, **more: Any) -> Claim:
    """The comparison of two groups as a claim; ``more``: what the paper expects and says."""
    found = figures.compare(a, b)
    return Claim(
        name,
        what,
        found.value,
        *found.range,
        found.p,
        value_a=found.a,
        value_b=found.b,
        basis=figures.basis(a, b),
        **more,
    )


def sources(number: int) -> str:
    return "1 source" if number == 1 else f"{number} sources"


# ---------------------------------------------------------------- every set


def every_set(figures: SetFigures) -> Analysis:
    """The master table: each set with its interval, its rank among those of its size, and the noise of seeds."""
    rows, noise = [], []
    for k in figures.sizes:
        members = figures.of_size(k)
        point, drawn = figures.mean[members], figures.mean_drawn[:, members]
        ranks, drawn_ranks = average_ranks(point), average_ranks(drawn)
        like_best = as_good_as_best(point, drawn, figures.settings.confidence)
        for place in np.argsort(-point, kind="stable"):
            summary = figures.summary(members[[place]])
            summary.pop("num_sets")
            rows.append(
                {"sources": set_name(figures.sets[members[place]]), "num_sources": k}
                | summary
                | {
                    "gain": None if figures.base is None else summary["accuracy"] - float(figures.base.mean()),
                    "rank": float(ranks[place]),
                    **interval("rank", figures.interval(drawn_ranks[:, place])),
                    "like_best": "yes" if like_best[place] else "no",
                }
            )
        assignment_sd = figures.assignment_sd(members)
        noise.append(
            {"size": sources(k), "num_sets": len(members), "num_seeds": len(figures.seeds_of(members))}
            | {"seed_sd": figures.seed_sd(members)}
            | ({} if assignment_sd is None else {"assignment_sd": assignment_sd})
            | {
                "set_sd": float(point.std(ddof=1)) if len(members) > 1 else None,
                "like_best": int(like_best.sum()),
            }
        )
    return Analysis(
        "sets",
        "Every set, and how noisy it is",
        "How well does each set of source languages transfer, and how much of the differences is noise?",
        "the list of all combinations behind the paper's comparisons",
        (
            table(
                "sets",
                "Every set, mean over the target languages and seeds",
                rows,
                num_sources="size",
                accuracy=figures.study.metric,
                rank="rank of its size",
                rank_low="interval of rank",
            ),
            table(
                "noise",
                "Noise of seeds against differences between sets",
                noise,
                "SD over seeds: of one set's mean over languages, pooled over the sets. Where it is near the SD "
                "over sets, an order of sets says little.",
                *(
                    ["SD over assignments: of the mean over an assignment's seeds, whose noise is part of it."]
                    if "assignment_sd" in noise[0]
                    else []
                ),
                size=Column("size"),
                like_best=Column("sets not told from the best", "count"),
            ),
        ),
        notes=(
            '"Not told from the best": the difference to the best set of its size lies within what items and seeds '
            "alone do, all sets of the size looked at together.",
        ),
    )


# ---------------------------------------------------------------- one source or several


def single_or_several(figures: SetFigures, k: int) -> Analysis | NotDone:
    """SSLT against MSLT at the same total budget."""
    title = "One source language or several, at the same budget"
    study, singles, members = figures.study, figures.of_size(1), figures.of_size(k)
    if not len(singles):
        return NotDone("sslt_mslt", title, "No set of one source language is complete.")
    if len(figures.sizes) == 1:
        return NotDone("sslt_mslt", title, "No set of several source languages is complete.")
    nothing = {"difference": None, **interval("difference", None), "p": None}
    rows = [{"group": "SSLT, 1 source"} | figures.summary(singles) | nothing]
    for size in figures.sizes:
        if size > 1:
            own = figures.of_size(size)
            rows.append({"group": f"MSLT, {sources(size)}"} | figures.summary(own) | figures.compare(own, singles).row)
    per_language: list[Row] = []
    for column, code in enumerate(study.targets):
        one = figures.compare(members, singles, column)
        of_singles, of_members = (
            figures.interval(figures.drawn[:, group, column].mean(axis=1)) for group in (singles, members)
        )
        per_language.append(
            {
                "target": code,
                "items": len(study.item_ids[column]),
                "base": None if figures.base is None else float(figures.base[column]),
                "sslt": one.b,
                **interval("sslt", of_singles),
                "mslt": one.a,
                **interval("mslt", of_members),
                **one.row,
            }
        )
    claims = [
        claim_of(
            figures,
            "mslt_sslt",
            f"{k} source languages against 1, at the same budget",
            members,
            singles,
            expected="up",
            paper="at the same number of examples, three sources transfer further than one",
        )
    ]
    if english := [row for row in singles if figures.sets[row] == ("en",)]:
        claims.append(claim_of(figures, "mslt_en", f"{k} source languages against English alone", members, english))
    marks = [
        Mark.of(row, row["target"], key, group)
        for row in per_language
        for key, group in (("sslt", "SSLT, 1 source"), ("mslt", f"MSLT, {sources(k)}"))
    ]
    return Analysis(
        "sslt_mslt",
        title,
        "Does the same number of labelled rows go further when it is spread over several languages?",
        "the paper's main comparison of SSLT and MSLT",
        (
            table(
                "sslt_mslt",
                "Mean over all sets of a size and all target languages",
                with_holm(rows),
                "p adjusted over the sizes of this table (Holm).",
                group="trained on",
                accuracy=study.metric,
                difference="against SSLT",
            ),
            table(
                "sslt_mslt_languages",
                f"Per target language: all single sources against all sets of {k}",
                with_holm(per_language),
                "p adjusted over the languages (Holm).",
                mslt=f"MSLT, {k}",
            ),
        ),
        (
            Intervals(
                f"{study.metric.capitalize()} per target language, SSLT and MSLT",
                f"{study.metric}, %",
                tuple(marks),
                reference=study.chance,
                reference_label="chance, or the majority's share",
            ),
            Intervals(
                "MSLT minus SSLT per target language",
                "difference, points",
                tuple(Mark.of(row, row["target"], "difference") for row in per_language),
                unit="points",
                reference=0.0,
                reference_label="no difference",
            ),
        ),
        tuple(claims),
    )


# ---------------------------------------------------------------- how many sources


def number_of_sources(figures: SetFigures, k: int) -> Analysis | NotDone:
    """Accuracy by number of sources, every set a dot."""
    title = "Number of source languages"
    if len(figures.sizes) < 2:
        return NotDone("num_sources", title, f"Only sets of {figures.sizes[0]} are complete; it takes two sizes.")
    rows, dots = [], []
    for number, size in enumerate(figures.sizes):
        members = figures.of_size(size)
        worst, best = (members[f(figures.mean[members])] for f in (np.argmin, np.argmax))
        step = figures.compare(members, figures.of_size(figures.sizes[number - 1])) if number else None
        rows.append(
            {"num_sources": size}
            | figures.summary(members)
            | {
                "worst": set_name(figures.sets[worst]),
                "worst_accuracy": float(figures.mean[worst]),
                "best": set_name(figures.sets[best]),
                "best_accuracy": float(figures.mean[best]),
                "step": step and step.value,
                **interval("step", step.range if step else None),
                "p": step and step.p,
            }
        )
        dots += [(str(size), set_name(figures.sets[row]), float(figures.mean[row])) for row in members]
    claims = []
    larger = [row for row, one in enumerate(figures.sets) if len(one) > 3]
    if larger and len(figures.of_size(3)):
        claims.append(
            claim_of(
                figures,
                "more_than_three",
                "More than 3 sources against 3",
                larger,
                figures.of_size(3),
                expected="not up",
                paper="clear gains from one to three sources, then flat or down",
            )
        )
    return Analysis(
        "num_sources",
        title,
        "How many source languages are enough?",
        "the paper's figure of performance by number of source languages",
        (
            table(
                "num_sources",
                "By number of source languages, at the same budget",
                with_holm(rows),
                "The best and worst of many noisy sets look better and worse than they are.",
                "p adjusted over the steps (Holm).",
                accuracy=figures.study.metric,
            ),
        ),
        (
            Steps(
                "Accuracy by number of sources; small dots are sets",
                "source languages",
                f"{figures.study.metric}, %",
                tuple(Mark.of(row, str(row["num_sources"]), "accuracy") for row in rows),
                tuple(dots),
            ),
        ),
        tuple(claims),
    )
