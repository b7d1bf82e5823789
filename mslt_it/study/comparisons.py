"""Groups of source sets against each other: one source or several, how many, which scripts, how diverse, which members.

Every analysis takes the study and the figures of one slice and gives an ``Analysis``, or ``NotDone`` with the reason.
Groups are means over all their sets, so what is compared is "a set of this kind", not the luckiest one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mslt_it.evaluation.intervals import holm
from mslt_it.languages import likely_script, script_name
from mslt_it.study.collect import Study
from mslt_it.study.findings import Analysis, Claim, Column, Intervals, Mark, NotDone, Steps, Table, set_name
from mslt_it.study.uncertainty import SetFigures, as_good_as_best, average_ranks, p_value

TOP = 5  # the paper counts languages in the five best sets
RECURRING = ("zh", "ar", "de")  # most often there, in the paper
Rows = Sequence[int] | np.ndarray


@dataclass(frozen=True)
class Compared:
    """Two groups' means and their difference."""

    a: float
    b: float
    value: float
    range: tuple[float, float]
    p: float


def compare(figures: SetFigures, a: Rows, b: Rows, language: int | None = None) -> Compared:
    """Mean of the sets ``a`` minus mean of the sets ``b``, over all target languages or in one."""
    point = figures.mean if language is None else figures.point[:, language]
    drawn = figures.mean_drawn if language is None else figures.drawn[:, :, language]
    difference = drawn[:, a].mean(axis=1) - drawn[:, b].mean(axis=1)
    of_a, of_b = float(point[a].mean()), float(point[b].mean())
    value = of_a - of_b
    return Compared(of_a, of_b, value, figures.interval(difference), p_value(value, difference))


def basis(study: Study, figures: SetFigures, a: Rows, b: Rows | None = None) -> str:
    """What a claim rests on: languages, items, seeds, sets."""
    seeds = figures.seeds_of([*a, *(b if b is not None else [])])
    sets = f"{len(a)}" if b is None else f"{len(a)} and {len(b)}"
    one = len(seeds) == 1
    numbers = {len(ids) for ids in study.item_ids}
    items = f"{study.num_items:,} items" if len(numbers) > 1 else f"{min(numbers):,} items each"
    return (
        f"{len(study.targets)} target languages, {items}, "
        f"{'1 seed, so seed noise is not in the interval' if one else f'{len(seeds)} seeds'}, {sets} sets"
    )


def claim_of(
    study: Study,
    figures: SetFigures,
    name: str,
    what: str,
    a: Rows,
    b: Rows,
    *,
    expected: str = "",
    paper: str = "",
) -> Claim:
    """The comparison of two groups as a claim."""
    found = compare(figures, a, b)
    return Claim(
        name,
        what,
        found.value,
        *found.range,
        found.p,
        value_a=found.a,
        value_b=found.b,
        basis=basis(study, figures, a, b),
        expected=expected,
        paper=paper,
    )


def sources(number: int) -> str:
    return "1 source" if number == 1 else f"{number} sources"


# ---------------------------------------------------------------- every set


def every_set(study: Study, figures: SetFigures) -> Analysis:
    """The master table: each set with its interval, its rank among those of its size, and the noise of seeds."""
    columns = (
        Column("sources", "sources"),
        Column("num_sources", "size", "count"),
        Column("num_seeds", "seeds", "count"),
        Column("items", "items", "count"),
        Column("accuracy", study_metric(study), "share"),
        Column("accuracy_range", "interval", "share_range"),
        Column("gain", "gain over base", "points"),
        Column("rank", "rank of its size", "rank"),
        Column("rank_range", "interval of rank", "rank_range"),
        Column("like_best", "not told from the best"),
    )
    rows, noise = [], []
    for k in figures.sizes:
        members = figures.of_size(k)
        point, drawn = figures.mean[members], figures.mean_drawn[:, members]
        ranks, drawn_ranks = average_ranks(point), average_ranks(drawn)
        like_best = as_good_as_best(point, drawn, figures.settings.confidence)
        for place in np.argsort(-point, kind="stable"):
            row = members[place]
            value, interval = figures.estimate([row])
            rows.append(
                (
                    set_name(figures.sets[row]),
                    k,
                    len(figures.of_seeds[row]),
                    study.num_items,
                    value,
                    interval,
                    None if figures.base is None else value - float(figures.base.mean()),
                    float(ranks[place]),
                    figures.interval(drawn_ranks[:, place]),
                    "yes" if like_best[place] else "no",
                )
            )
        sd = figures.seed_sd(members)
        noise.append(
            (
                sources(k),
                len(members),
                len(figures.seeds_of(members)),
                sd,
                float(point.std(ddof=1)) if len(members) > 1 else None,
                int(like_best.sum()),
            )
        )
    noise_columns = (
        Column("size", "size"),
        Column("num_sets", "sets", "count"),
        Column("num_seeds", "seeds", "count"),
        Column("seed_sd", "SD over seeds, points", "share"),
        Column("set_sd", "SD over sets, points", "share"),
        Column("like_best", "sets not told from the best", "count"),
    )
    return Analysis(
        "sets",
        "Every set, and how noisy it is",
        "How well does each set of source languages transfer, and how much of the differences is noise?",
        "the list of all combinations behind the paper's comparisons",
        (
            Table("sets", "Every set, mean over the target languages and seeds", columns, tuple(rows)),
            Table(
                "noise",
                "Noise of seeds against differences between sets",
                noise_columns,
                tuple(noise),
                (
                    "SD over seeds: of one set's mean over languages, pooled over the sets. Where it is near the SD "
                    "over sets, an order of sets says little.",
                ),
            ),
        ),
        notes=(
            '"Not told from the best": the difference to the best set of its size lies within what items and seeds '
            "alone do, all sets of the size looked at together.",
        ),
    )


def study_metric(study: Study) -> str:
    """The measure's name as tables show it."""
    return study.measure.name.replace("_", " ")


# ---------------------------------------------------------------- one source or several


def single_or_several(study: Study, figures: SetFigures, k: int) -> Analysis | NotDone:
    """SSLT against MSLT at the same total budget."""
    title = "One source language or several, at the same budget"
    singles = figures.of_size(1)
    if not len(singles):
        return NotDone("sslt_mslt", title, "No set of one source language is complete.")
    if len(figures.sizes) == 1:
        return NotDone("sslt_mslt", title, "No set of several source languages is complete.")
    metric = study_metric(study)
    columns = (
        Column("group", "trained on"),
        Column("num_sets", "sets", "count"),
        Column("num_seeds", "seeds", "count"),
        Column("items", "items", "count"),
        Column("accuracy", metric, "share"),
        Column("accuracy_range", "interval", "share_range"),
        Column("difference", "against SSLT", "points"),
        Column("difference_range", "interval", "points_range"),
        Column("p_adjusted", "adjusted p", "p"),
    )
    several = [size for size in figures.sizes if size > 1]
    found = [compare(figures, figures.of_size(size), singles) for size in several]
    adjusted = holm([one.p for one in found])
    value, interval = figures.estimate(singles)
    rows: list[tuple] = [
        ("SSLT, 1 source", len(singles), len(figures.seeds_of(singles)), study.num_items, value, interval, *[None] * 3)
    ]
    for size, one, p in zip(several, found, adjusted, strict=True):
        members = figures.of_size(size)
        value, interval = figures.estimate(members)
        rows.append(
            (
                f"MSLT, {sources(size)}",
                len(members),
                len(figures.seeds_of(members)),
                study.num_items,
                value,
                interval,
                one.value,
                one.range,
                p,
            )
        )
    members = figures.of_size(k)
    language_columns = (
        Column("target", "target"),
        Column("items", "items", "count"),
        Column("base", "untuned", "share"),
        Column("sslt", "SSLT", "share"),
        Column("sslt_range", "interval", "share_range"),
        Column("mslt", f"MSLT, {k}", "share"),
        Column("mslt_range", "interval", "share_range"),
        Column("difference", "difference", "points"),
        Column("difference_range", "interval", "points_range"),
        Column("p_adjusted", "adjusted p", "p"),
    )
    per_language = [compare(figures, members, singles, column) for column in range(len(study.targets))]
    adjusted = holm([one.p for one in per_language])
    language_rows, marks, differences = [], [], []
    for column, (code, one, p) in enumerate(zip(study.targets, per_language, adjusted, strict=True)):
        ranges = [figures.interval(figures.drawn[:, group, column].mean(axis=1)) for group in (singles, members)]
        base = None if figures.base is None else float(figures.base[column])
        language_rows.append(
            (code, len(study.item_ids[column]), base, one.b, ranges[0], one.a, ranges[1], one.value, one.range, p)
        )
        marks += [
            Mark(code, one.b, *ranges[0], group="SSLT, 1 source"),
            Mark(code, one.a, *ranges[1], group=f"MSLT, {sources(k)}"),
        ]
        differences.append(Mark(code, one.value, *one.range))
    claims = [
        claim_of(
            study,
            figures,
            "mslt_sslt",
            f"{k} source languages against 1, at the same budget",
            members,
            singles,
            expected="up",
            paper="at the same number of examples, three sources transfer further than one",
        )
    ]
    english = [row for row in singles if figures.sets[row] == ("en",)]
    if english:
        claims.append(
            claim_of(study, figures, "mslt_en", f"{k} source languages against English alone", members, english)
        )
    return Analysis(
        "sslt_mslt",
        title,
        "Does the same number of labelled rows go further when it is spread over several languages?",
        "the paper's main comparison of SSLT and MSLT",
        (
            Table(
                "sslt_mslt",
                "Mean over all sets of a size and all target languages",
                columns,
                tuple(rows),
                ("p adjusted over the sizes of this table (Holm).",),
            ),
            Table(
                "sslt_mslt_languages",
                f"Per target language: all single sources against all sets of {k}",
                language_columns,
                tuple(language_rows),
                ("p adjusted over the languages (Holm).",),
            ),
        ),
        (
            Intervals(
                f"{metric.capitalize()} per target language, SSLT and MSLT",
                f"{metric}, %",
                tuple(marks),
                reference=study.chance,
                reference_label="chance, or the majority's share",
            ),
            Intervals(
                "MSLT minus SSLT per target language",
                "difference, points",
                tuple(differences),
                unit="points",
                reference=0.0,
                reference_label="no difference",
            ),
        ),
        tuple(claims),
    )


# ---------------------------------------------------------------- how many sources


def number_of_sources(study: Study, figures: SetFigures, k: int) -> Analysis | NotDone:
    """Accuracy by number of sources, every set a dot."""
    title = "Number of source languages"
    if len(figures.sizes) < 2:
        return NotDone("num_sources", title, f"Only sets of {figures.sizes[0]} are complete; it takes two sizes.")
    columns = (
        Column("num_sources", "sources", "count"),
        Column("num_sets", "sets", "count"),
        Column("num_seeds", "seeds", "count"),
        Column("items", "items", "count"),
        Column("accuracy", study_metric(study), "share"),
        Column("accuracy_range", "interval", "share_range"),
        Column("worst", "worst set"),
        Column("worst_accuracy", "its figure", "share"),
        Column("best", "best set"),
        Column("best_accuracy", "its figure", "share"),
        Column("step", "against the size before", "points"),
        Column("step_range", "interval", "points_range"),
        Column("p_adjusted", "adjusted p", "p"),
    )
    pairs = list(itertools.pairwise(figures.sizes))
    steps = [compare(figures, figures.of_size(b), figures.of_size(a)) for a, b in pairs]
    adjusted = holm([one.p for one in steps])
    rows, means, dots = [], [], []
    for number, size in enumerate(figures.sizes):
        members = figures.of_size(size)
        value, interval = figures.estimate(members)
        worst, best = (members[f(figures.mean[members])] for f in (np.argmin, np.argmax))
        last: tuple = (None, None, None)
        if number:
            last = (steps[number - 1].value, steps[number - 1].range, adjusted[number - 1])
        rows.append(
            (
                size,
                len(members),
                len(figures.seeds_of(members)),
                study.num_items,
                value,
                interval,
                set_name(figures.sets[worst]),
                float(figures.mean[worst]),
                set_name(figures.sets[best]),
                float(figures.mean[best]),
                *last,
            )
        )
        means.append(Mark(str(size), value, *interval))
        dots += [(str(size), set_name(figures.sets[row]), float(figures.mean[row])) for row in members]
    claims = []
    larger = [row for row, one in enumerate(figures.sets) if len(one) > 3]
    if larger and len(figures.of_size(3)):
        claims.append(
            claim_of(
                study,
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
            Table(
                "num_sources",
                "By number of source languages, at the same budget",
                columns,
                tuple(rows),
                (
                    "The best and worst of many noisy sets look better and worse than they are.",
                    "p adjusted over the steps (Holm).",
                ),
            ),
        ),
        (
            Steps(
                "Accuracy by number of sources; small dots are sets",
                "source languages",
                f"{study_metric(study)}, %",
                tuple(means),
                tuple(dots),
            ),
        ),
        tuple(claims),
    )


# ---------------------------------------------------------------- writing systems


def scripts(study: Study, figures: SetFigures, k: int) -> Analysis | NotDone:
    """Sets of k by the number of different writing systems."""
    title = "Different writing systems"
    script = {code: likely_script(code) for one in figures.sets for code in one}
    members = figures.of_size(k)
    groups: dict[int, list[int]] = {}
    for row in members:
        groups.setdefault(len({script[code] for code in figures.sets[row]}), []).append(int(row))
    if k < 2 or len(groups) < 2:
        return NotDone("scripts", title, f"All complete sets of {k} have the same number of scripts.")
    counts = sorted(groups)
    columns = (
        Column("num_scripts", "scripts", "count"),
        Column("num_sets", "sets", "count"),
        Column("num_seeds", "seeds", "count"),
        Column("items", "items", "count"),
        Column("accuracy", study_metric(study), "share"),
        Column("accuracy_range", "interval", "share_range"),
    )
    rows, marks = [], []
    for number in counts:
        value, interval = figures.estimate(groups[number])
        seeds = len(figures.seeds_of(groups[number]))
        rows.append((number, len(groups[number]), seeds, study.num_items, value, interval))
        marks.append(Mark(f"{number}", value, *interval))
    pairs = [(b, a) for a, b in itertools.combinations(counts, 2)]
    found = [compare(figures, groups[a], groups[b]) for a, b in pairs]
    adjusted = holm([one.p for one in found])
    pair_columns = (
        Column("scripts", "scripts"),
        Column("difference", "difference", "points"),
        Column("difference_range", "interval", "points_range"),
        Column("p_adjusted", "adjusted p", "p"),
    )
    pair_rows = [
        (f"{a} against {b}", one.value, one.range, p) for (a, b), one, p in zip(pairs, found, adjusted, strict=True)
    ]
    claims = [
        claim_of(
            study,
            figures,
            f"scripts_{a}_{b}",
            f"{a} different scripts against {b}, sets of {k}",
            groups[a],
            groups[b],
            expected="up",
            paper="three different scripts transfer further than two, two further than one",
        )
        for a, b in pairs
    ]
    listed = ", ".join(f"{code} {script_name(script[code])}" for code in study.pool if code in script)
    return Analysis(
        "scripts",
        title,
        f"Are sets of {k} with more different writing systems better?",
        "the paper's table of one, two and three writing systems",
        (
            Table("scripts", f"Sets of {k} by number of different scripts", columns, tuple(rows)),
            Table(
                "scripts_pairs",
                "Against each other",
                pair_columns,
                tuple(pair_rows),
                ("p adjusted over these pairs (Holm).",),
            ),
        ),
        (Intervals(f"Sets of {k} by number of scripts", f"{study_metric(study)}, %", tuple(marks)),),
        tuple(claims),
        (
            f"Scripts: {listed}. Which languages a set holds changes with its number of scripts, so this tells sets "
            "apart, not scripts by themselves.",
        ),
    )


# ---------------------------------------------------------------- diversity

Order = Callable[[int], tuple[dict[tuple[str, ...], float], str]]  # k -> (diversity of each set, why there is none)


def diversity(study: Study, figures: SetFigures, k: int, order: Order) -> Analysis | NotDone:
    """The most diverse quarter of the sets against the least diverse.

    Args:
        order: gives each set's diversity by lang2vec's five parts, or why it could not be computed.
    """
    title = "Most against least diverse sets"
    members = figures.of_size(k)
    if k < 2 or len(members) < 4:
        return NotDone("diversity", title, f"{len(members)} sets of {k} are complete; it takes four.")
    by_set, reason = order(k)
    if reason:
        return NotDone("diversity", title, reason)
    values = np.array([by_set[tuple(sorted(figures.sets[row]))] for row in members])
    rising = members[np.argsort(values, kind="stable")]
    quarter = max(1, len(members) // 4)
    least, most = rising[:quarter], rising[-quarter:]
    singles = figures.of_size(1)
    groups: list[tuple[str, Rows]] = [
        (f"most diverse quarter of the sets of {k}", most),
        (f"all sets of {k}", members),
        (f"least diverse quarter of the sets of {k}", least),
        (f"most diverse set ({set_name(figures.sets[rising[-1]])})", rising[-1:]),
        (f"least diverse set ({set_name(figures.sets[rising[0]])})", rising[:1]),
    ]
    if len(singles):
        groups.append(("SSLT, 1 source", singles))
    columns = (
        Column("group", "group"),
        Column("num_sets", "sets", "count"),
        Column("num_seeds", "seeds", "count"),
        Column("items", "items", "count"),
        Column("accuracy", study_metric(study), "share"),
        Column("accuracy_range", "interval", "share_range"),
    )
    rows, marks = [], []
    for name, group in groups:
        value, interval = figures.estimate(group)
        rows.append((name, len(group), len(figures.seeds_of(group)), study.num_items, value, interval))
        marks.append(Mark(name.replace(f" of the sets of {k}", ""), value, *interval))
    pairs: list[tuple[str, Rows, Rows, str, str]] = [
        (
            "Most diverse quarter of the sets against the least diverse",
            most,
            least,
            "up",
            "sets of minimum diversity are clearly worse",
        )
    ]
    if len(singles):
        pairs.append(("Least diverse quarter of the sets against single sources", least, singles, "", ""))
    claims = [
        claim_of(study, figures, f"diversity_{number}", what, a, b, expected=expected, paper=paper)
        for number, (what, a, b, expected, paper) in enumerate(pairs, 1)
    ]
    adjusted = holm([claim.p for claim in claims])
    pair_columns = (
        Column("comparison", "comparison"),
        Column("difference", "difference", "points"),
        Column("difference_range", "interval", "points_range"),
        Column("p_adjusted", "adjusted p", "p"),
    )
    return Analysis(
        "diversity",
        title,
        "Does a diverse set transfer further than one of similar languages?",
        "the paper's comparison of maximum and minimum linguistic diversity",
        (
            Table("diversity", "Groups of sets by diversity", columns, tuple(rows)),
            Table(
                "diversity_pairs",
                "Against each other",
                pair_columns,
                tuple(
                    (claim.what, claim.value, (claim.low, claim.high), p)
                    for claim, p in zip(claims, adjusted, strict=True)
                ),
                ("p adjusted over these comparisons (Holm).",),
            ),
        ),
        (Intervals("By diversity", f"{study_metric(study)}, %", tuple(marks)),),
        tuple(claims),
        ("Diversity: sum over pairs of 1 - cosine of lang2vec's five vectors (the criterion l2v_all).",),
    )


# ---------------------------------------------------------------- which languages recur


def recurrence(study: Study, figures: SetFigures, k: int) -> Analysis | NotDone:
    """Which languages are in the five best sets, and what a language does to the sets that hold it."""
    title = "Languages in the best sets"
    members = figures.of_size(k)
    if k < 2 or len(members) <= TOP:
        number = len(members) if k > 1 else 0
        return NotDone("recurrence", title, f"{number} sets of several sources are complete; the five best need more.")
    holds = np.array([[code in figures.sets[row] for code in study.pool] for row in members])  # (sets, languages)
    share = _top_shares(figures.mean[None, members], holds)[0]
    drawn = _top_shares(figures.mean_drawn[:, members], holds)
    varied = [j for j in range(len(study.pool)) if 0 < holds[:, j].sum() < len(members)]
    effects = {j: compare(figures, members[holds[:, j]], members[~holds[:, j]]) for j in varied}
    adjusted = dict(zip(varied, holm([effects[j].p for j in varied]), strict=True))
    columns = (
        Column("language", "language"),
        Column("top", f"in the top {TOP}", "share"),
        Column("top_range", "interval", "share_range"),
        Column("chance", "in all sets", "share"),
        Column("num_sets", "sets with it", "count"),
        Column("items", "items", "count"),
        Column("with", "figure with it", "share"),
        Column("without", "figure without", "share"),
        Column("difference", "difference", "points"),
        Column("difference_range", "interval", "points_range"),
        Column("p_adjusted", "adjusted p", "p"),
    )
    rows, marks, contrasts = [], [], []
    for j in sorted(range(len(study.pool)), key=lambda j: -share[j]):
        code, interval = study.pool[j], figures.interval(drawn[:, j])
        effect = effects.get(j)
        found = (effect.a, effect.b, effect.value, effect.range, adjusted[j]) if effect is not None else (None,) * 5
        rows.append(
            (
                code,
                float(share[j]),
                interval,
                float(holds[:, j].mean()),
                int(holds[:, j].sum()),
                study.num_items,
                *found,
            )
        )
        marks.append(Mark(code, float(share[j]), *interval))
        if effect is not None:
            contrasts.append(Mark(code, effect.value, *effect.range))
    claims = []
    if all(code in study.pool and study.pool.index(code) in effects for code in RECURRING):
        chosen = [study.pool.index(code) for code in RECURRING]
        weights = np.mean(
            [holds[:, j] / holds[:, j].sum() - ~holds[:, j] / (~holds[:, j]).sum() for j in chosen], axis=0
        )
        value = float(figures.mean[members] @ weights)
        moved = figures.mean_drawn[:, members] @ weights
        claims.append(
            Claim(
                "recurrence",
                f"Sets of {k} with zh, ar or de against sets without (mean of the three)",
                value,
                *figures.interval(moved),
                p_value(value, moved),
                basis=basis(study, figures, members),
                expected="up",
                paper="zh, ar and de are most often among the five best sets",
            )
        )
    metric = study_metric(study)
    return Analysis(
        "recurrence",
        title,
        "Which languages recur in the best sets, and do sets with them transfer further?",
        "the paper's count of languages in the top 5 combinations",
        (
            Table(
                "recurrence",
                f"Languages in the {TOP} best of {len(members)} sets of {k}",
                columns,
                tuple(rows),
                ("p of the difference adjusted over the languages (Holm).",),
            ),
        ),
        (
            Intervals(
                f"Share of the {TOP} best sets that hold a language",
                f"in the {TOP} best sets, %",
                tuple(marks),
                reference=float(holds.mean()),
                reference_label="in all sets",
            ),
            Intervals(
                f"{metric.capitalize()} of sets with a language minus sets without",
                "difference, points",
                tuple(contrasts),
                unit="points",
                reference=0.0,
                reference_label="no difference",
            ),
        ),
        tuple(claims),
    )


def _top_shares(means: np.ndarray, holds: np.ndarray) -> np.ndarray:
    """(B, sets) and (sets, languages) -> (B, languages): shares of the best sets; ties at the fifth place all count."""
    fifth = np.sort(means, axis=1)[:, -TOP][:, None]
    top = (means >= fifth).astype(float)
    return np.asarray((top @ holds) / top.sum(axis=1, keepdims=True))
