"""Groups of source sets against each other: every set, one source or several, how many.

Every analysis takes the figures of one slice and the size of sets to look at, and gives an ``Analysis``, or ``NotDone``
with the reason. Groups are means over all their sets, so what is compared is
"a set of this kind", not the luckiest one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from mslt_it.study.analyse import gains, renaming
from mslt_it.study.analyse.findings import Analysis, Claim, Intervals, Mark, NotDone, Steps, set_name
from mslt_it.study.analyse.resampling import Rows, SetFigures
from mslt_it.study.analyse.statistics import as_good_as_best, average_ranks
from mslt_it.study.analyse.tables import Column, Row, Table, interval, table, with_holm


def claim_of(figures: SetFigures, name: str, what: str, a: Rows, b: Rows, **more: Any) -> Claim:
    """The comparison of two kinds of sets of one size as a claim, tested by renaming the languages.

    Args:
        more: what the paper expects and says.
    """
    found, tested = figures.compare(a, b), renaming.contrast(figures, a, b)
    return figures.claim(name, what, found.value, found.range, tested, a, b, value_a=found.a, value_b=found.b, **more)


def of_these(figures: SetFigures, name: str, what: str, a: Rows, b: Rows, **more: Any) -> Claim:
    """A claim on these very sets: items and seeds alone are drawn again."""
    found = figures.compare(a, b)
    tested, _ = gains.tested_by(figures, found.value, found.drawn)
    return figures.claim(name, what, found.value, found.range, tested, a, b, value_a=found.a, value_b=found.b, **more)


def sources(number: int) -> str:
    return "1 source" if number == 1 else f"{number} sources"


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
            {"size": sources(k), "num_sets": len(members), "num_seeds": figures.num_seeds(members)}
            | {"seed_sd": figures.seed_sd(members), "shared_sd": figures.shared_seed_sd(members)}
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
                "SD over seeds: of one set's mean over languages, pooled over the sets; shared is what a seed does to "
                "all sets alike, which cancels in differences. Where the first is near the SD over sets, an order of "
                "sets says little.",
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


def single_or_several(figures: SetFigures, k: int) -> Analysis | NotDone:
    title = "One source language or several, at the same budget"
    study, singles, members = figures.study, figures.of_size(1), figures.of_size(k)
    if not len(singles):
        return NotDone("sslt_mslt", title, "No set of one source language is complete.")
    if len(figures.sizes) == 1:
        return NotDone("sslt_mslt", title, "No set of several source languages is complete.")
    rows: list[Row] = [{"group": "SSLT, 1 source"} | figures.summary(singles)]
    for size in figures.sizes:
        if size > 1:
            rows.append({"group": f"MSLT, {sources(size)}"} | figures.summary(figures.of_size(size)))
    claims = [found for against in gains.AGAINST if (found := _gain(figures, k, against)) is not None]
    compared = [
        {"comparison": against} | claim.row | interval("others", claim.others)
        for against, claim in zip(gains.AGAINST.values(), claims, strict=False)
    ]
    per_language: list[Row] = []
    for column, code in enumerate(study.targets):
        one = figures.compare(members, singles, column)
        of_singles, of_members = (
            figures.share_interval(figures.drawn[:, group, column].mean(axis=1)) for group in (singles, members)
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
                **one.row(),
            }
        )
    if english := [row for row in singles if figures.sets[row] == ("en",)]:
        claims.append(of_these(figures, "mslt_en", f"{k} source languages against English alone", members, english))
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
                rows,
                group="trained on",
                accuracy=study.metric,
            ),
            *([_gains_table(figures, k, compared)] if compared else []),
            table(
                "sslt_mslt_languages",
                f"Per target language: all single sources against all sets of {k}",
                with_holm(per_language, figures.settings.confidence),
                figures.of_rows,
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


def _gains_table(figures: SetFigures, k: int, compared: list[Row]) -> Table:
    return table(
        "sslt_mslt_gains",
        f"What {sources(k)} bring, in three comparisons",
        with_holm(compared),
        f"Interval: {figures.drawn_again}, for these very sets. For other languages like these: each is left "
        "out in turn (jackknife). p: the larger of the two tests', adjusted over these rows (Holm). The best single "
        "source is chosen by its figure, so it looks better than it is.",
        comparison="against",
        others_low="for other languages like these",
    )


def _gain(figures: SetFigures, k: int, against: str) -> Claim | None:
    what = f"{k} source languages against {gains.AGAINST[against]}, at the same budget"
    weights = partial(gains.gain, figures, figures.of_size(k), against)
    if against != "mean":
        return gains.claim(figures, f"mslt_{against}", what, weights, gains.luck(figures, against, k))
    paper = "at the same number of examples, several sources transfer further than one"
    return gains.claim(figures, "mslt_mean", what, weights, expected="up", paper=paper)


def number_of_sources(figures: SetFigures) -> Analysis | NotDone:
    """Accuracy by number of sources, every set a dot."""
    title = "Number of source languages"
    if len(figures.sizes) < 2:
        return NotDone("num_sources", title, f"Only sets of {figures.sizes[0]} are complete; it takes two sizes.")
    rows, dots = [], []
    for number, size in enumerate(figures.sizes):
        members = figures.of_size(size)
        means = figures.mean[members]
        step = figures.compare(members, figures.of_size(figures.sizes[number - 1])) if number else None
        rows.append(
            {"num_sources": size}
            | figures.summary(members)
            | {
                "worst": figures.highest(members, -means),
                "worst_accuracy": float(means.min()),
                "best": figures.highest(members, means),
                "best_accuracy": float(means.max()),
                **(step.row("step") if step else {"step": None, **interval("step", None)}),
            }
        )
        dots += [(str(size), set_name(figures.sets[row]), float(figures.mean[row])) for row in members]
    larger, three = [row for row, one in enumerate(figures.sets) if len(one) > 3], figures.of_size(3)
    claim = gains.claim(
        figures,
        "more_than_three",
        "More than 3 sources against 3",
        partial(gains.groups, figures, larger, three),
        expected="not up",
        paper="clear gains from one to three sources, then flat or down",
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
                with_holm(rows, figures.settings.confidence),
                "The best and worst of many noisy sets look better and worse than they are.",
                figures.of_rows,
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
        (claim,) if claim else (),
    )
