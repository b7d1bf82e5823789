"""Sections of a report on what was measured after the cells: mingling.json and predicted.json in a study's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.evaluation.intervals import holm
from mslt_it.problems import Problem
from mslt_it.representations.settings import SCHEMA as MINGLING_SCHEMA
from mslt_it.store import OWN_HASH, read_json, was_altered
from mslt_it.study.analyse.agreement import SCHEMA
from mslt_it.study.analyse.findings import Analysis, Intervals, Mark, Scatter, set_name
from mslt_it.study.analyse.statistics import average_ranks
from mslt_it.study.analyse.tables import Column, Row, Table, table, with_holm

MINGLING = "mingling.json"
PREDICTED = "predicted.json"
UNSHOWN = ("schema", "made_from", OWN_HASH)  # of no interest to a reader
MAPS = {"tsne": "t-SNE", "umap": "UMAP"}
MEASURES = {  # measure of mingling.json -> how it is shown
    "cka": "CKA (debiased)",
    "retrieval": "sentence retrieval",
    "mixing": "neighbour mixing (1 = random)",
    "centred_mixing": "neighbour mixing, each language's mean taken away (1 = random)",
}


def further_sections(folder: Path) -> list[Analysis]:
    """What there is of the two, as sections."""
    paths = {folder / MINGLING: representations, folder / PREDICTED: predicted}
    for path in paths:
        if was_altered(read_json(path) or {}):
            raise Problem(f"{path} is not as `mslt study` wrote it. Start the study again: it is made anew.")
    return [section(path) for path, section in paths.items() if path.is_file()]


def _content(path: Path, schema: int) -> dict[str, Any]:
    content = read_json(path)
    if not content or content.get("schema") != schema:
        raise Problem(
            f"{path} was not written by this version. Remove it, and start `mslt study` again to make it anew."
        )
    return content


def representations(path: Path) -> Analysis:
    """Means over layers per system and group of languages, differences, maps."""
    content = _content(path, MINGLING_SCHEMA)
    rows: list[Row] = []
    differences: list[Row] = []
    figures: list[Intervals | Scatter] = []
    for measure, label in MEASURES.items():
        marks = []
        for name, system in content["systems"].items():
            for group, values in system["groups"].get(measure, {}).items():
                mean = values["mean"]
                if mean["value"] is None:
                    continue
                sources = set_name(system["sources"]) or "none"
                row = {"measure": label, "group": group, "system": name, "sources": sources}
                rows.append(row | {"items": content["num_items"], "value": mean["value"], **_ends("range", mean)})
                marks.append(Mark(group, mean["value"], mean.get("low"), mean.get("high"), group=name))
        if marks:
            figures.append(Intervals(f"{label}, mean over layers", label, tuple(marks), unit="number"))
    for one in content["differences"]:
        for measure, label in MEASURES.items():
            for group, values in one["groups"].get(measure, {}).items():
                mean = values["mean"]
                if None not in (mean["value"], mean.get("low"), mean.get("high")):
                    row = {"systems": f"{one['of']} minus {one['minus']}", "measure": label, "group": group}
                    row |= {"items": content["num_items"], "difference": mean["value"], **_ends("range", mean)}
                    differences.append(row)
    return Analysis(
        "mingling",
        "How the languages lie in the models",
        "Do representations of different languages mingle more after training on several languages?",
        "the paper's t-SNE maps and CKA between parallel sentences",
        (
            table(
                "mingling",
                "Means over layers, per system and group of languages",
                rows,
                group="languages",
                sources="trained on",
            ),
            table(
                "mingling_differences",
                "Systems against each other, on the same items",
                differences,
                "Intervals are of each comparison alone, over items, for these very runs: seeds were not drawn, so "
                "what leaves 0 out is no finding about sets.",
                group="languages",
                difference=Column("difference", "fine"),
            ),
        ),
        (*figures, *_maps(content)),
        notes=(
            f"Languages: {', '.join(content['languages'])}; trained on by some system: {', '.join(content['seen'])}.",
        ),
    )


def _ends(key: str, figure: Mapping[str, Any]) -> Row:
    return {f"{key}_{end}": figure.get(end) for end in ("low", "high")}


def _maps(content: Mapping[str, Any]) -> list[Scatter]:
    points = content["points"]
    if not points:
        return []
    return [
        Scatter(
            f"{MAPS.get(points['map'], points['map'])} of the sentences, {name}, layer {points['layer']}",
            "",
            "",
            tuple((float(x), float(y), code, code) for (x, y), code in zip(places, points["languages"], strict=True)),
            x_unit="none",
            y_unit="none",
            label_points=True,
        )
        for name, places in points["systems"].items()
    ]


def predicted(path: Path) -> Analysis:
    """What `mslt_it.study.predicted_ranking` wrote: measured against predicted figures of sets, and how they agree.

    Anything in the file that is a text or a number is shown as it is (what the prediction cost, what it saved).
    """
    content = _content(path, SCHEMA)
    given = content["rows"]
    x, y = (np.array([row[key] for row in given], dtype=float) for key in ("predicted", "measured"))
    rows = [
        {"set": set_name(row["set"]), "predicted": a, "measured": b, "predicted_rank": rank_a, "measured_rank": rank_b}
        for row, a, b, rank_a, rank_b in zip(given, x, y, average_ranks(x), average_ranks(y), strict=True)
    ]
    return Analysis(
        "predicted",
        "Predicting the order of all sets from single sources",
        "Would combining single-source adapters have told which set is best, without training the sets?",
        "beyond the paper",
        (_predictions(content), table("predicted", "Every set", rows)),
        (
            Scatter(
                "Predicted and measured figures of the sets",
                "predicted, %",
                "measured, %",
                tuple((row["predicted"], row["measured"], row["set"], "") for row in rows),
                x_unit="share",
            ),
        ),
        notes=tuple(f"{k}: {v}" for k, v in content.items() if isinstance(v, (str, int, float)) and k not in UNSHOWN),
    )


def _predictions(content: Mapping[str, Any]) -> Table:
    """The combined adapters, and beside them what needs no combining."""
    whose = {"predictor": "the prediction", "order": "the measured sets"}
    several = [name for key, name in whose.items() if len(content["seeds"][key]) > 1]
    seeds = f"seeds of {' and of '.join(several)}" if several else "no seeds, of which each had one"
    rows: list[Row] = []
    for key, one in content["agreement"].items():
        less = content["better_than"].get(key)
        rows.append(
            {
                "by": one["by"],
                "num_sets": len(content["rows"]),
                "spearman": one["spearman"]["value"],
                **_ends("spearman", one["spearman"]),
                "p": one["p"],
                "pick": one["pick"],
                "rank": one["measured_rank"],
                "less": less and less["value"],
                **_ends("less", less or {}),
            }
        )
    compared = [row["less"] is not None for row in rows]
    adjusted = iter(holm([one["p"] for one in content["better_than"].values()]))
    rows = [row | {"less_p": next(adjusted) if has else None} for row, has in zip(rows, compared, strict=True)]
    return table(
        "predicted_by",
        "Agreement of the predicted and the measured order, and what combining adds",
        with_holm(rows),
        f"Predicted and measured on different items. Intervals: items of both, and {seeds}, drawn again, for these "
        "very sets. p: the languages' names in every other order; adjusted over the rows (Holm).",
        pick="set predicted to be best",
        rank="its measured rank",
        less=Column("combined adapters' rho minus this one", "number"),
        less_p=Column("its adjusted p", "p"),
        p_adjusted=Column("adjusted p of rho", "p"),
    )
