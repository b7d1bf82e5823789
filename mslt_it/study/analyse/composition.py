"""What is in a set: how many writing systems, how diverse, which languages."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from mslt_it.languages import likely_script, script_name
from mslt_it.study.analyse import renaming
from mslt_it.study.analyse.comparisons import claim_of
from mslt_it.study.analyse.findings import Analysis, Intervals, Mark, NotDone, set_name
from mslt_it.study.analyse.resampling import Rows, SetFigures
from mslt_it.study.analyse.statistics import TINY
from mslt_it.study.analyse.tables import Row, interval, table, with_holm

TOP = 5  # the paper counts languages in the five best sets
RECURRING = ("zh", "ar", "de")  # most often there, in the paper


def scripts(figures: SetFigures, k: int) -> Analysis | NotDone:
    """Sets of k by the number of different writing systems."""
    title = "Different writing systems"
    study = figures.study
    script = {code: likely_script(code) for one in figures.sets for code in one}
    groups: dict[int, list[int]] = {}
    for row in figures.of_size(k):
        groups.setdefault(len({script[code] for code in figures.sets[row]}), []).append(int(row))
    if k < 2 or len(groups) < 2:
        return NotDone("scripts", title, f"All complete sets of {k} have the same number of scripts.")
    rows = [{"num_scripts": number} | figures.summary(groups[number]) for number in sorted(groups)]
    claims = [
        claim_of(
            figures,
            f"scripts_{a}_{b}",
            f"{a} different scripts against {b}, sets of {k}",
            groups[a],
            groups[b],
            expected="up",
            paper="three different scripts transfer further than two, two further than one",
        )
        for b, a in itertools.combinations(sorted(groups), 2)
    ]
    pairs = [{"scripts": " against ".join(one.name.split("_")[1:])} | one.row for one in claims]
    listed = ", ".join(f"{code} {script_name(script[code])}" for code in study.pool if code in script)
    return Analysis(
        "scripts",
        title,
        f"Are sets of {k} with more different writing systems better?",
        "the paper's table of one, two and three writing systems",
        (
            table("scripts", f"Sets of {k} by number of different scripts", rows, accuracy=study.metric),
            table("scripts_pairs", "Against each other", with_holm(pairs), figures.of_renaming()),
        ),
        (
            Intervals(
                f"Sets of {k} by number of scripts",
                f"{study.metric}, %",
                tuple(Mark.of(row, str(row["num_scripts"]), "accuracy") for row in rows),
            ),
        ),
        tuple(claims),
        (
            f"Scripts: {listed}. Which languages a set holds changes with its number of scripts, so this tells sets "
            "apart, not scripts by themselves.",
        ),
    )


Order = Callable[[int], tuple[dict[tuple[str, ...], float], str]]  # k -> (diversity of each set, why there is none)


def diversity(figures: SetFigures, k: int, order: Order) -> Analysis | NotDone:
    """The most diverse quarter of the sets against the least diverse.

    Args:
        order: gives each set's diversity by lang2vec's five parts, or why it could not be computed.
    """
    title = "Most against least diverse sets"
    members, singles = figures.of_size(k), figures.of_size(1)
    if k < 2 or len(members) < 4:
        return NotDone("diversity", title, f"{len(members)} sets of {k} are complete; it takes four.")
    by_set, reason = order(k)
    if reason:
        return NotDone("diversity", title, reason)
    values = np.array([by_set[tuple(sorted(figures.sets[row]))] for row in members])
    rising = members[np.argsort(values, kind="stable")]
    quarter = len(members) // 4
    least, most = rising[:quarter], rising[-quarter:]
    of_sets = f" of the sets of {k}"
    groups: dict[str, Rows] = {
        f"most diverse quarter{of_sets}": most,
        f"all sets of {k}": members,
        f"least diverse quarter{of_sets}": least,
        f"most diverse set ({set_name(figures.sets[rising[-1]])})": rising[-1:],
        f"least diverse set ({set_name(figures.sets[rising[0]])})": rising[:1],
    }
    claim = claim_of(
        figures,
        "diversity_1",
        "Most diverse quarter of the sets against the least diverse",
        most,
        least,
        expected="up",
        paper="sets of minimum diversity are clearly worse",
    )
    if len(singles):
        groups["SSLT, 1 source"] = singles
    rows = [{"group": name} | figures.summary(group) for name, group in groups.items()]
    compared, metric = [{"comparison": claim.what} | claim.row], figures.study.metric
    return Analysis(
        "diversity",
        title,
        "Does a diverse set transfer further than one of similar languages?",
        "the paper's comparison of maximum and minimum linguistic diversity",
        (
            table("diversity", "Groups of sets by diversity", rows, accuracy=metric),
            table("diversity_pairs", "Against each other", with_holm(compared), figures.of_renaming()),
        ),
        (
            Intervals(
                "By diversity",
                f"{metric}, %",
                tuple(Mark.of(row, row["group"].replace(of_sets, ""), "accuracy") for row in rows),
            ),
        ),
        (claim,),
        ("Diversity: sum over pairs of 1 - cosine of lang2vec's five vectors (the criterion l2v_all).",),
    )


def recurrence(figures: SetFigures, k: int) -> Analysis | NotDone:
    """Which languages are in the five best sets, and what a language does to the sets that hold it."""
    title = "Languages in the best sets"
    study, members = figures.study, figures.of_size(k)
    if k < 2 or len(members) <= TOP:
        number = len(members) if k > 1 else 0
        return NotDone("recurrence", title, f"{number} sets of several sources are complete; the five best need more.")
    holds = np.array([[code in figures.sets[row] for code in study.pool] for row in members])  # (sets, languages)
    share = _top_shares(figures.mean[None, members], holds)[0]
    drawn = _top_shares(figures.mean_drawn[:, members], holds)
    effects = {
        j: figures.compare(members[holds[:, j]], members[~holds[:, j]])
        for j in range(len(study.pool))
        if 0 < holds[:, j].sum() < len(members)
    }
    rows: list[Row] = []
    for j, code in enumerate(study.pool):
        effect = effects.get(j)
        rows.append(
            {
                "language": code,
                "top": float(share[j]),
                **interval("top", figures.interval(drawn[:, j])),
                "chance": float(holds[:, j].mean()),
                "num_sets": int(holds[:, j].sum()),
                "items": study.num_items,
                "with": effect and effect.a,
                "without": effect and effect.b,
                "difference": effect and effect.value,
            }
            | (effect.row() if effect else interval("difference", None))
        )
    rows = sorted(with_holm(rows, figures.settings.confidence), key=lambda row: -row["top"])
    claims = []
    if all(code in study.pool and study.pool.index(code) in effects for code in RECURRING):
        chosen = [study.pool.index(code) for code in RECURRING]
        weights = np.mean(
            [holds[:, j] / holds[:, j].sum() - ~holds[:, j] / (~holds[:, j]).sum() for j in chosen], axis=0
        )
        claims.append(
            figures.claim(
                "recurrence",
                f"Sets of {k} with zh, ar or de against sets without (mean of the three)",
                float(figures.mean[members] @ weights),
                figures.interval(figures.mean_drawn[:, members] @ weights),
                renaming.of_weights(figures, weights, k),
                members,
                expected="up",
                paper="zh, ar and de are most often among the five best sets",
            )
        )
    return Analysis(
        "recurrence",
        title,
        "Which languages recur in the best sets, and do sets with them transfer further?",
        "the paper's count of languages in the top 5 combinations",
        (
            table(
                "recurrence",
                f"Languages in the {TOP} best of {len(members)} sets of {k}",
                rows,
                figures.of_rows,
                num_sets="sets with it",
            ),
        ),
        (
            Intervals(
                f"Share of the {TOP} best sets that hold a language",
                f"in the {TOP} best sets, %",
                tuple(Mark.of(row, row["language"], "top") for row in rows),
                reference=float(holds.mean()),
                reference_label="in all sets",
            ),
        ),
        tuple(claims),
    )


def _top_shares(means: np.ndarray, holds: np.ndarray) -> np.ndarray:
    """(B, sets) and (sets, languages) -> (B, languages): shares of the best sets; ties at the fifth place all count."""
    fifth = np.sort(means, axis=1)[:, -TOP][:, None]
    top = (means >= fifth - TINY).astype(float)
    return np.asarray((top @ holds) / top.sum(axis=1, keepdims=True))
