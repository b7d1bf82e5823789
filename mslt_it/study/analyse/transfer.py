"""Which source serves which target: the matrix of single sources, each target's best set, similarity against gain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mslt_it.problems import Problem
from mslt_it.selection import typology
from mslt_it.selection.criteria import NotComputed
from mslt_it.store import read_json
from mslt_it.study.analyse import gains, renaming
from mslt_it.study.analyse.findings import Analysis, Heatmap, Intervals, Mark, NotDone, Scatter, set_name
from mslt_it.study.analyse.resampling import SetFigures
from mslt_it.study.analyse.statistics import as_good_as_best, spearman
from mslt_it.study.analyse.tables import Column, Row, interval, table, with_holm
from mslt_it.study.collect import ScoredCell, Study, mean_of

NUM_PARTS = 20  # in which renamings are looked at, so that their similarities fit into memory
MEAN = "mean of five"


def matrix(figures: SetFigures) -> Analysis | NotDone:
    """Source x target, single sources."""
    title = "From which language to which"
    study, singles = figures.study, figures.of_size(1)
    if not len(singles):
        return NotDone("transfer", title, "No set of one source language is complete.")
    values = figures.point[singles]
    whole, pairs = [], []
    for row in singles:
        name, num_seeds = figures.sets[row][0], figures.num_seeds([row])
        whole.append(_wide(name, num_seeds, figures.point[row], study.targets))
        for column, target in enumerate(study.targets):
            gain, gain_range = None, None
            if figures.base is not None and figures.base_drawn is not None:
                gain = float(figures.point[row, column] - figures.base[column])
                gain_range = figures.interval(figures.drawn[:, row, column] - figures.base_drawn[:, column])
            pairs.append(
                {
                    "source": name,
                    "target": target,
                    "items": len(study.item_ids[column]),
                    "num_seeds": num_seeds,
                    "accuracy": float(figures.point[row, column]),
                    **interval("accuracy", figures.share_interval(figures.drawn[:, row, column])),
                    "gain": gain,
                    **interval("gain", gain_range),
                }
            )
    if figures.base is not None:
        whole.append(_wide("untuned base", None, figures.base, study.targets))
    return Analysis(
        "transfer",
        title,
        "How well does each single source language serve each target?",
        "the paper's results of single-source training, per source and target",
        (
            table(
                "transfer_matrix",
                f"{study.metric.capitalize()} in per cent, mean over seeds; rows are sources, columns targets",
                whole,
                **{code: Column(code, "share") for code in study.targets},
            ),
            table("transfer_pairs", "Every pair with its interval", pairs, accuracy=study.metric),
        ),
        (
            Heatmap(
                f"{study.metric.capitalize()} in per cent, source by target",
                "source",
                "target",
                tuple(figures.sets[row][0] for row in singles),
                study.targets,
                tuple(tuple(map(float, row)) for row in values),
            ),
        ),
    )


def gap(figures: SetFigures) -> Analysis | NotDone:
    """The transfer gap (Hu et al. 2020, XTREME): a set's mean figure in its own sources minus that in the targets."""
    title, study = "The transfer gap", figures.study
    index = {(cell.sources, cell.assignment, cell.seed): cell for cell in study.cells if cell.slice == figures.slice}
    runs = figures.runs.index.to_frame(index=False)
    of_runs = [index[figures.sets[row.set], row.assignment, row.seed] for row in runs.itertuples()]
    runs["seen"] = [in_own_sources(study, cell) for cell in of_runs]
    if runs["seen"].isna().any():
        return NotDone("gap", title, "Not every run was scored in its own sources.")
    level = "assignment" if figures.num_assignments() > 1 else "seed"
    seen = runs.groupby(["set", level])["seen"].mean().groupby("set").mean().to_numpy(dtype=float)  # (S,)
    gaps, rows = seen - figures.mean, []
    for size in figures.sizes:
        members = figures.of_size(size)
        value = float(gaps[members].mean())
        codes = {code for row in members for code in figures.sets[row]}
        kept = [[row for row in members if code not in figures.sets[row]] for code in sorted(codes)]
        left = [float(gaps[one].mean()) for one in kept] if all(kept) else []
        drawn = seen[members].mean() - figures.mean_drawn[:, members].mean(axis=1)
        _, others = gains.tested_by(figures, value, drawn, left)
        rows.append(
            {"num_sources": size, "num_sets": len(members), "num_seeds": figures.num_seeds(members)}
            | {"seen": float(seen[members].mean()), "accuracy": float(figures.mean[members].mean())}
            | {"gap": value, **interval("gap", others)}
        )
    return Analysis(
        "gap",
        title,
        "How much is lost on the way from the languages trained on to those that are not?",
        "the gap of XTREME; the paper has none",
        (
            table(
                "transfer_gap",
                "Mean in the sets' own sources minus mean in the targets, by number of sources",
                rows,
                f"Interval: each language left out in turn (jackknife), at least that of {figures.drawn_again} in the "
                "targets.",
                accuracy="in the targets",
                gap_low="for other languages like these",
            ),
        ),
    )


def in_own_sources(study: Study, cell: ScoredCell) -> float | None:
    """A run's mean figure in its own sources; None of shots, where several runs make a cell."""
    results = (read_json(study.folder / "cells" / cell.id / "results.json") or {}).get("results", ())
    own = [row["value"] for row in results if row["role"] == "source" and row["metric"] == study.measure.name]
    return mean_of(own) if own else None


def _wide(name: str, num_seeds: int | None, values: np.ndarray, targets: Sequence[str]) -> Row:
    return {"source": name, "num_seeds": num_seeds, "mean": float(values.mean())} | dict(
        zip(targets, map(float, values), strict=True)
    )


def best_sets(figures: SetFigures, k: int) -> Analysis | NotDone:
    """Each target's best set of k, and how sure that is."""
    title = "The best set for each target"
    study, members = figures.study, figures.of_size(k)
    if k < 2 or len(members) < 2:
        return NotDone("best_sets", title, f"{len(members)} sets of {k} are complete; it takes two.")
    rows, marks = [], []
    for column, code in enumerate(study.targets):
        point, drawn = figures.point[members, column], figures.drawn[:, members, column]
        best = int(np.argmax(point))
        row = {
            "target": code,
            "items": len(study.item_ids[column]),
            "num_seeds": figures.num_seeds(members),
            "set": figures.highest(members, point),
            "accuracy": float(point[best]),
            **interval("accuracy", figures.share_interval(drawn[:, best])),
            "other_seeds": chosen_on_other_seeds(figures, members, column),
            "mean": float(point.mean()),
            "like_best": int(as_good_as_best(point, drawn, figures.settings.confidence).sum()),
        }
        rows.append(row)
        marks += [
            Mark.of(row, code, "accuracy", "best set"),
            Mark(code, row["mean"], *figures.share_interval(drawn.mean(axis=1)), group="mean of sets"),
        ]
    return Analysis(
        "best_sets",
        title,
        "Does every target want other sources?",
        "the paper's results per target language",
        (
            table(
                "best_sets",
                f"Per target: the best of {len(members)} sets of {k}",
                rows,
                "The best of many looks better than it is. Chosen on other seeds: the set that is best on all "
                "seeds but one, measured on that one, mean over seeds; that is what choosing gives.",
                set=f"best set of {k}",
                accuracy=study.metric,
                mean=f"mean of sets of {k}",
                like_best=Column("sets not told from it", "count"),
            ),
        ),
        (
            Intervals(
                f"Best set of {k} per target, and the mean of all",
                f"{study.metric}, %",
                tuple(marks),
            ),
        ),
    )


def chosen_on_other_seeds(figures: SetFigures, members: np.ndarray, column: int) -> float | None:
    """The set that is best without a seed (an assignment, where there are several), measured with it; mean over them.

    None with fewer than two.
    """
    of_sets = pd.concat([figures.replicates(row)[column] for row in members], axis=1, join="inner")
    values = of_sets.sort_index().to_numpy().T  # (sets, seeds)
    num_seeds = values.shape[1]
    if num_seeds < 2:
        return None
    chosen = [int(np.delete(values, i, axis=1).mean(axis=1).argmax()) for i in range(num_seeds)]
    return float(np.mean([values[best, i] for i, best in enumerate(chosen)]))


def similarity(figures: SetFigures, k: int) -> Analysis | NotDone:
    """Likeness of sources and target by lang2vec against what training on them gives."""
    title = "Similarity of sources and target"
    study = figures.study
    sizes = [size for size in dict.fromkeys((1, k)) if len(figures.of_size(size)) > 2]
    if not sizes:
        return NotDone("similarity", title, "Fewer than three sets of one size are complete.")
    pool = [code for code in study.pool if any(code in one for one in figures.sets)]
    try:
        like = likeness(pool, study.targets)
    except (Problem, NotComputed) as problem:
        return NotDone("similarity", title, str(problem))
    rows: list[Row] = []
    claims = []
    for size in sizes:
        members = figures.of_size(size)
        numbers = np.array([[pool.index(code) for code in figures.sets[row]] for row in members])
        places = figures.places(size)
        point = _within(figures.point[members])
        drawn = _within(figures.drawn[:, members])
        for part, values in like.items():
            for how, over in (("nearest", np.max), ("mean", np.mean)):
                if size == 1 and how == "mean":
                    continue  # the same as the nearest
                x = _within(over(values[numbers], axis=1))
                rho, rho_drawn = float(_flat(x, point)), _flat(x, drawn)
                some = np.array_split(places, min(NUM_PARTS, len(places)))
                tested = renaming.relation(np.concatenate([_flat(x[part], point) for part in some]))
                rho_range = figures.of_order(rho, rho_drawn)
                rows.append(
                    {
                        "part": part,
                        "sources": "the source" if size == 1 else f"{how} of {size} sources",
                        "num_sets": len(members),
                        "num_targets": len(study.targets),
                        "items": study.num_items,
                        "spearman": rho,
                        **interval("spearman", rho_range),
                        "p": tested.p,
                    }
                )
                if part == MEAN and how == "nearest":
                    nearest = "the source" if size == 1 else f"the nearest of {size} sources"
                    what = f"Similarity of {nearest} to the target and gain, within each target (Spearman's rho)"
                    name = f"similarity_{size}"
                    claims.append(figures.claim(name, what, rho, rho_range, tested, members, unit="number"))
    return Analysis(
        "similarity",
        title,
        "Does a source serve the targets that it resembles?",
        "the paper's discussion of language similarity between sources and targets",
        (
            table(
                "similarity",
                "Rank correlation of similarity and gain, within each target",
                with_holm(rows),
                "Similarity: cosine of lang2vec's vectors. Both are taken minus their mean over the sets for each "
                "target, so that easy targets do not count as similar ones.",
                figures.of_renaming(),
                sources="of",
            ),
        ),
        (_similarity_plot(figures, sizes[0], pool, like[MEAN]),),
        tuple(claims),
    )


def _similarity_plot(figures: SetFigures, size: int, pool: Sequence[str], like: np.ndarray) -> Scatter:
    study, members = figures.study, figures.of_size(size)
    base = figures.base if figures.base is not None else np.zeros(len(study.targets))
    numbers = np.array([[pool.index(code) for code in figures.sets[row]] for row in members])
    nearest = like[numbers].max(axis=1)
    return Scatter(
        "Similarity to the target and gain, " + ("single sources" if size == 1 else f"nearest of {size} sources"),
        "similarity (mean of five cosines)",
        "gain over base, points" if figures.base is not None else f"{study.metric}, points",
        tuple(
            (
                float(nearest[i, column]),
                float(figures.point[row, column] - base[column]),
                f"{set_name(figures.sets[row])} → {code}",
                code,
            )
            for i, row in enumerate(members)
            for column, code in enumerate(study.targets)
        ),
        y_unit="points",
        label_points=True,
    )


def likeness(pool: Sequence[str], targets: Sequence[str]) -> dict[str, np.ndarray]:
    """Part -> (pool, targets) cosines of lang2vec's vectors, and the mean of all parts."""
    found = typology.read_typology([*pool, *targets])
    n = len(pool)
    parts = {part: 1 - typology.distances(found.vectors([part]))[:n, n:] for part in typology.PARTS}
    return {MEAN: np.mean(list(parts.values()), axis=0), **parts}


def _within(values: np.ndarray) -> np.ndarray:
    """(..., sets, targets) minus the mean over sets of each target."""
    return np.asarray(values - values.mean(axis=-2, keepdims=True))


def _flat(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rho over all pairs of set and target."""
    return spearman(*(one.reshape(*one.shape[:-2], -1) for one in (x, y)))
