"""Which source serves which target: the matrix of single sources, each target's best set, similarity against gain."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from mslt_it.evaluation.intervals import holm
from mslt_it.problems import Problem
from mslt_it.selection import typology
from mslt_it.selection.criteria import NotComputed
from mslt_it.study.collect import Study
from mslt_it.study.comparisons import basis, study_metric
from mslt_it.study.findings import (
    Analysis,
    Claim,
    Column,
    Heatmap,
    Intervals,
    Mark,
    NotDone,
    Scatter,
    Table,
    Value,
    set_name,
)
from mslt_it.study.uncertainty import SetFigures, as_good_as_best, p_value, spearman

MAX_RENAMINGS = 5040  # all of 7 languages; of larger pools as many drawn ones
NUM_PARTS = 20  # in which renamings are looked at, so that their similarities fit into memory
MEAN = "mean of five"


def matrix(study: Study, figures: SetFigures, k: int) -> Analysis | NotDone:
    """Source x target, single sources."""
    title = "From which language to which"
    singles = figures.of_size(1)
    if not len(singles):
        return NotDone("transfer", title, "No set of one source language is complete.")
    metric = study_metric(study)
    names = [figures.sets[row][0] for row in singles]
    values = figures.point[singles]
    rows: list[tuple[Value, ...]] = [
        (name, len(figures.of_seeds[row]), float(values[i].mean()), *map(float, values[i]))
        for i, (name, row) in enumerate(zip(names, singles, strict=True))
    ]
    if figures.base is not None:
        rows.append(("untuned base", None, float(figures.base.mean()), *map(float, figures.base)))
    long: list[tuple[Value, ...]] = []
    for row, name in zip(singles, names, strict=True):
        for column, target in enumerate(study.targets):
            gain, gain_range = None, None
            if figures.base is not None and figures.base_drawn is not None:
                gain = float(figures.point[row, column] - figures.base[column])
                gain_range = figures.interval(figures.drawn[:, row, column] - figures.base_drawn[:, column])
            long.append(
                (
                    name,
                    target,
                    len(study.item_ids[column]),
                    len(figures.of_seeds[row]),
                    float(figures.point[row, column]),
                    figures.interval(figures.drawn[:, row, column]),
                    gain,
                    gain_range,
                )
            )
    return Analysis(
        "transfer",
        title,
        "How well does each single source language serve each target?",
        "the paper's results of single-source training, per source and target",
        (
            Table(
                "transfer_matrix",
                f"{metric.capitalize()} in per cent, mean over seeds; rows are sources, columns targets",
                (
                    Column("source", "source"),
                    Column("num_seeds", "seeds", "count"),
                    Column("mean", "mean", "share"),
                    *(Column(code, code, "share") for code in study.targets),
                ),
                tuple(rows),
            ),
            Table(
                "transfer_pairs",
                "Every pair with its interval",
                (
                    Column("source", "source"),
                    Column("target", "target"),
                    Column("items", "items", "count"),
                    Column("num_seeds", "seeds", "count"),
                    Column("accuracy", metric, "share"),
                    Column("accuracy_range", "interval", "share_range"),
                    Column("gain", "gain over base", "points"),
                    Column("gain_range", "interval", "points_range"),
                ),
                tuple(long),
            ),
        ),
        (
            Heatmap(
                f"{metric.capitalize()} in per cent, source by target",
                "source",
                "target",
                tuple(names),
                study.targets,
                tuple(tuple(map(float, row)) for row in values),
            ),
        ),
    )


def best_sets(study: Study, figures: SetFigures, k: int) -> Analysis | NotDone:
    """Each target's best set of k, and how sure that is."""
    title = "The best set for each target"
    members = figures.of_size(k)
    if k < 2 or len(members) < 2:
        return NotDone("best_sets", title, f"{len(members)} sets of {k} are complete; it takes two.")
    singles = figures.of_size(1)
    columns = (
        Column("target", "target"),
        Column("items", "items", "count"),
        Column("num_seeds", "seeds", "count"),
        Column("set", f"best set of {k}"),
        Column("accuracy", study_metric(study), "share"),
        Column("accuracy_range", "interval", "share_range"),
        Column("other_seeds", "chosen on other seeds", "share"),
        Column("mean", f"mean of sets of {k}", "share"),
        Column("first_share", "first when drawn again", "share"),
        Column("like_best", "sets not told from it", "count"),
        Column("single", "best single"),
        Column("single_accuracy", "its figure", "share"),
    )
    rows, marks = [], []
    for column, code in enumerate(study.targets):
        point, drawn = figures.point[members, column], figures.drawn[:, members, column]
        best = int(np.argmax(point))
        row = members[best]
        interval = figures.interval(drawn[:, best])
        like_best = as_good_as_best(point, drawn, figures.settings.confidence)
        single: tuple[Value, Value] = (None, None)
        if len(singles):
            top = singles[int(np.argmax(figures.point[singles, column]))]
            single = (figures.sets[top][0], float(figures.point[top, column]))
        rows.append(
            (
                code,
                len(study.item_ids[column]),
                len(figures.seeds_of(members)),
                set_name(figures.sets[row]),
                float(point[best]),
                interval,
                chosen_on_other_seeds(figures, members, column),
                float(point.mean()),
                float((drawn.argmax(axis=1) == best).mean()),
                int(like_best.sum()),
                *single,
            )
        )
        marks += [
            Mark(code, float(point[best]), *interval, group="best set"),
            Mark(code, float(point.mean()), *figures.interval(drawn.mean(axis=1)), group="mean of sets"),
        ]
    return Analysis(
        "best_sets",
        title,
        "Does every target want other sources?",
        "the paper's results per target language",
        (
            Table(
                "best_sets",
                f"Per target: the best of {len(members)} sets of {k}",
                columns,
                tuple(rows),
                (
                    "The best of many looks better than it is. Chosen on other seeds: the set that is best on all "
                    "seeds but one, measured on that one, mean over seeds; that is what choosing gives.",
                ),
            ),
        ),
        (
            Intervals(
                f"Best set of {k} per target, and the mean of all",
                f"{study_metric(study)}, %",
                tuple(marks),
            ),
        ),
    )


def chosen_on_other_seeds(figures: SetFigures, members: np.ndarray, column: int) -> float | None:
    """The set that is best without a seed, measured with that seed; mean over seeds; None with fewer than two."""
    seeds = sorted(set.intersection(*(set(figures.of_seeds[row]) for row in members)))
    if len(seeds) < 2:
        return None
    values = np.array([[figures.of_seeds[row][seed][column] for seed in seeds] for row in members])  # (sets, seeds)
    found = []
    for i in range(len(seeds)):
        others = np.delete(values, i, axis=1).mean(axis=1)
        found.append(values[int(np.argmax(others)), i])
    return float(np.mean(found))


# ---------------------------------------------------------------- similarity


def similarity(study: Study, figures: SetFigures, k: int) -> Analysis | NotDone:
    """Likeness of sources and target by lang2vec against what training on them gives."""
    title = "Similarity of sources and target"
    sizes = [size for size in dict.fromkeys((1, k)) if len(figures.of_size(size)) > 2]
    if not sizes:
        return NotDone("similarity", title, "Fewer than three sets of one size are complete.")
    pool = sorted({code for one in figures.sets for code in one}, key=lambda code: _place(study.pool, code))
    try:
        like = _likeness(pool, study.targets)
    except (Problem, NotComputed) as problem:
        return NotDone("similarity", title, str(problem))
    renamings = _renamings(len(pool), figures.settings.seed)
    parts_of_them = np.array_split(renamings, min(NUM_PARTS, len(renamings)))
    rows, claims, found = [], [], []
    for size in sizes:
        members = figures.of_size(size)
        numbers = np.array([[pool.index(code) for code in figures.sets[row]] for row in members])
        point = _within(figures.point[members])
        drawn = _within(figures.drawn[:, members])
        for part, values in like.items():
            for how, over in (("nearest", np.max), ("mean", np.mean)):
                if size == 1 and how == "mean":
                    continue  # the same as the nearest
                x = _within(over(values[numbers], axis=1))
                rho, rho_drawn = float(_flat(x, point)), _flat(x, drawn)
                # In parts of equal size but for one, so weighted.
                reached = [
                    len(new) * _reached(over(values[new[:, numbers]], axis=2), point, rho) for new in parts_of_them
                ]
                p = max(sum(reached) / len(renamings), p_value(rho, rho_drawn))
                found.append((size, part, how, rho, figures.interval(rho_drawn), p, len(members)))
    adjusted = holm([one[5] for one in found])
    for (size, part, how, rho, interval, p, num_sets), p_adjusted in zip(found, adjusted, strict=True):
        kind = "the source" if size == 1 else f"{how} of {size} sources"
        rows.append((part, kind, num_sets, len(study.targets), study.num_items, rho, interval, p_adjusted))
        if part == MEAN and how == "nearest":
            nearest = "the source" if size == 1 else f"the nearest of {size} sources"
            claims.append(
                Claim(
                    f"similarity_{size}",
                    f"Similarity of {nearest} to the target and gain, within each target (Spearman's rho)",
                    rho,
                    *interval,
                    p,
                    unit="number",
                    basis=basis(study, figures, figures.of_size(size)),
                )
            )
    members = figures.of_size(sizes[0])
    base = figures.base if figures.base is not None else np.zeros(len(study.targets))
    numbers = np.array([[pool.index(code) for code in figures.sets[row]] for row in members])
    nearest_like = like[MEAN][numbers].max(axis=1)
    points = tuple(
        (
            float(nearest_like[i, column]),
            float(figures.point[row, column] - base[column]),
            f"{set_name(figures.sets[row])} → {code}",
            code,
        )
        for i, row in enumerate(members)
        for column, code in enumerate(study.targets)
    )
    what = "gain over base, points" if figures.base is not None else f"{study_metric(study)}, points"
    return Analysis(
        "similarity",
        title,
        "Does a source serve the targets that it resembles?",
        "the paper's discussion of language similarity between sources and targets",
        (
            Table(
                "similarity",
                "Rank correlation of similarity and gain, within each target",
                (
                    Column("part", "similarity by"),
                    Column("sources", "of"),
                    Column("num_sets", "sets", "count"),
                    Column("num_targets", "targets", "count"),
                    Column("items", "items", "count"),
                    Column("spearman", "Spearman's rho", "number"),
                    Column("spearman_range", "interval", "number_range"),
                    Column("p_adjusted", "adjusted p", "p"),
                ),
                tuple(rows),
                (
                    "Similarity: cosine of lang2vec's vectors. Both are taken minus their mean over the sets for each "
                    "target, so that easy targets do not count as similar ones.",
                    "Interval: items and seeds drawn again. p: the larger of two, source languages given each "
                    "other's places, and items and seeds drawn again; adjusted over the rows (Holm).",
                ),
            ),
        ),
        (
            Scatter(
                "Similarity to the target and gain, "
                + ("single sources" if sizes[0] == 1 else f"nearest of {sizes[0]} sources"),
                "similarity (mean of five cosines)",
                what,
                points,
                y_unit="points",
                label_points=True,
            ),
        ),
        tuple(claims),
    )


def _place(pool: Sequence[str], code: str) -> int:
    return list(pool).index(code) if code in pool else len(pool)


def _likeness(pool: Sequence[str], targets: Sequence[str]) -> dict[str, np.ndarray]:
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
    return spearman(*(np.round(one, 9).reshape(*one.shape[:-2], -1) for one in (x, y)))


def _reached(x: np.ndarray, point: np.ndarray, rho: float) -> float:
    """Share of similarities (renamings, sets, targets) that agree with the figures as well as ``rho`` or better."""
    return float((np.abs(_flat(_within(x), point)) >= abs(rho) - 1e-9).mean())


def _renamings(n: int, seed: int) -> np.ndarray:
    """(renamings, n): orders of the languages, all of them where there are few enough (the given one is among them)."""
    if math.factorial(n) <= MAX_RENAMINGS:
        return np.array(list(itertools.permutations(range(n))))
    rng = np.random.default_rng(seed)
    return np.array([np.arange(n), *(rng.permutation(n) for _ in range(MAX_RENAMINGS - 1))])
