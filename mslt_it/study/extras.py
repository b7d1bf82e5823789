"""Sections of a report that other measurements leave in a study's folder: mingling.json and predicted.json."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.problems import Problem
from mslt_it.study.findings import Analysis, Column, Intervals, Mark, Scatter, Table, Value, set_name
from mslt_it.study.uncertainty import average_ranks, kendall, spearman

MINGLING = "mingling.json"
PREDICTED = "predicted.json"
PAPERS = ("schema", "made_from")  # of no interest to a reader
MAPS = {"tsne": "t-SNE", "umap": "UMAP"}
MEASURES = {  # measure of mingling.json -> how it is shown
    "cka": "CKA (debiased)",
    "retrieval": "sentence retrieval",
    "mixing": "neighbour mixing (1 = random)",
    "entropy": "entropy of neighbours' languages (1 = random)",
    "centred_mixing": "neighbour mixing, each language's mean taken away (1 = random)",
}


def extra_sections(folder: Path) -> list[Analysis]:
    """What there is of the two, as sections."""
    found = []
    if (folder / MINGLING).is_file():
        found.append(mingling(folder / MINGLING))
    if (folder / PREDICTED).is_file():
        found.append(predicted(folder / PREDICTED))
    return found


def mingling(path: Path) -> Analysis:
    """``mslt_it.study.mingling``'s result: means over layers per system and group of languages, differences, maps."""
    from mslt_it.study.mingling import read

    content = read(path)
    rows: list[tuple[Value, ...]] = []
    figures: list[Intervals | Scatter] = []
    for measure, label in MEASURES.items():
        marks = []
        for name, system in content["systems"].items():
            for group, values in system["groups"].get(measure, {}).items():
                value, low, high = _triple(values["mean"])
                if value is None:
                    continue
                shown_range = None if low is None or high is None else (low, high)
                sources = set_name(system["sources"]) or "none"
                rows.append((label, group, name, sources, content["num_items"], value, shown_range))
                marks.append(Mark(group, value, low, high, group=name))
        if marks:
            figures.append(Intervals(f"{label}, mean over layers", label, tuple(marks), unit="number"))
    differences: list[tuple[Value, ...]] = []
    for one in content["differences"]:
        for measure, label in MEASURES.items():
            for group, values in one["groups"].get(measure, {}).items():
                value, low, high = _triple(values["mean"])
                if value is not None and low is not None and high is not None:
                    verdict = "no difference found" if low <= 0 <= high else ("more" if value > 0 else "less")
                    pair = f"{one['of']} minus {one['minus']}"
                    differences.append((pair, label, group, content["num_items"], value, (low, high), verdict))
    figures += _maps(content)
    return Analysis(
        "mingling",
        "How the languages lie in the models",
        "Do representations of different languages mingle more after training on several languages?",
        "the paper's t-SNE maps and CKA between parallel sentences",
        (
            Table(
                "mingling",
                "Means over layers, per system and group of languages",
                (
                    Column("measure", "measure"),
                    Column("group", "languages"),
                    Column("system", "system"),
                    Column("sources", "trained on"),
                    Column("items", "items", "count"),
                    Column("value", "value", "fine"),
                    Column("range", "interval", "fine_range"),
                ),
                tuple(rows),
            ),
            Table(
                "mingling_differences",
                "Systems against each other, on the same items",
                (
                    Column("systems", "systems"),
                    Column("measure", "measure"),
                    Column("group", "languages"),
                    Column("items", "items", "count"),
                    Column("difference", "difference", "fine"),
                    Column("range", "interval", "fine_range"),
                    Column("found", "found"),
                ),
                tuple(differences),
                ("Intervals are of each comparison alone, over items; seeds were not drawn.",),
            ),
        ),
        tuple(figures),
        notes=(
            f"Languages: {', '.join(content['languages'])}; trained on by some system: {', '.join(content['seen'])}.",
        ),
    )


def _triple(value: Any) -> tuple[float | None, float | None, float | None]:
    return tuple(value.get(key) for key in ("value", "low", "high"))  # type: ignore[return-value]


def _maps(content: dict[str, Any]) -> list[Scatter]:
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
    """Measured against predicted figures of sets: {"rows": [{"set", "predicted", "measured"}], ...} or the rows alone.

    Anything else in the file that is a text or a number is shown as it is (what the prediction cost, what it saved).
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Problem(f"{path} is not JSON ({error}). Write it again, or remove it.") from None
    rows = content.get("rows") if isinstance(content, dict) else content
    if not isinstance(rows, list) or len(rows) < 3:
        raise Problem(f"{path} has no list of at least 3 rows. Give [{{'set': [...], 'predicted': x, 'measured': y}}].")
    for row in rows:
        for key in ("predicted", "measured"):
            if not isinstance(row.get(key), (int, float)) or not math.isfinite(row[key]):
                raise Problem(f"{path}: '{key}' of set {row.get('set')} is {row.get(key)!r}, not a finite number.")
    x, y = (np.array([row[key] for row in rows], dtype=float) for key in ("predicted", "measured"))
    ranks = {key: average_ranks(values) for key, values in (("predicted", x), ("measured", y))}
    best = int(np.argmax(x))
    facts = (
        [f"{k}: {v}" for k, v in content.items() if isinstance(v, (str, int, float)) and k not in PAPERS]
        if isinstance(content, dict)
        else []
    )
    return Analysis(
        "predicted",
        "Predicting the order of all sets from single sources",
        "Would combining single-source adapters have told which set is best, without training the sets?",
        "beyond the paper",
        (
            Table(
                "predicted_agreement",
                "Agreement of the predicted and the measured order",
                (
                    Column("num_sets", "sets", "count"),
                    Column("spearman", "Spearman's rho", "number"),
                    Column("kendall", "Kendall's tau-b", "number"),
                    Column("pick", "set predicted to be best"),
                    Column("rank", "its measured rank", "rank"),
                ),
                (
                    (
                        len(rows),
                        float(spearman(x, y)),
                        float(kendall(x, y)),
                        set_name(rows[best]["set"]),
                        float(ranks["measured"][best]),
                    ),
                ),
            ),
            *_other_predictions(content),
            Table(
                "predicted",
                "Every set",
                (
                    Column("set", "sources"),
                    Column("predicted", "predicted", "share"),
                    Column("measured", "measured", "share"),
                    Column("predicted_rank", "predicted rank", "rank"),
                    Column("measured_rank", "measured rank", "rank"),
                ),
                tuple(
                    (
                        set_name(row["set"]),
                        float(x[i]),
                        float(y[i]),
                        float(ranks["predicted"][i]),
                        float(ranks["measured"][i]),
                    )
                    for i, row in enumerate(rows)
                ),
            ),
        ),
        (
            Scatter(
                "Predicted and measured figures of the sets",
                "predicted, %",
                "measured, %",
                tuple((float(x[i]), float(y[i]), set_name(row["set"]), "") for i, row in enumerate(rows)),
                x_unit="share",
            ),
        ),
        notes=tuple(facts),
    )


def _other_predictions(content: Any) -> list[Table]:
    """Beside the combined adapters what single sources say by themselves, where the file has it."""
    if not isinstance(content, dict) or "agreement" not in content:
        return []
    rows: list[tuple[Value, ...]] = []
    for key, one in content["agreement"].items():
        rho, rho_low, rho_high = _triple(one["spearman"])
        more, low, high = _triple(content["better_than"].get(key, {}))
        difference = None if low is None or high is None else (low, high)
        verdict = "" if difference is None else _verdict(more, difference)
        rows.append(
            (one["by"], rho, (rho_low, rho_high), one["pick"], one["measured_rank"], more, difference, verdict)  # type: ignore[arg-type]
        )
    return [
        Table(
            "predicted_by",
            "What combining adds: the same prediction from the single sources' own figures, without combining",
            (
                Column("by", "predicted by"),
                Column("spearman", "Spearman's rho", "number"),
                Column("spearman_range", "interval", "number_range"),
                Column("pick", "set predicted to be best"),
                Column("rank", "its measured rank", "rank"),
                Column("less", "combined adapters' rho minus this one", "number"),
                Column("less_range", "interval", "number_range"),
                Column("found", "combined adapters agree"),
            ),
            tuple(rows),
            (
                "Intervals: items and seeds of the measured figures drawn again, the predictions as they are (drawing "
                "adds noise, so the middle of an interval of rho lies nearer to 0 than the figure).",
            ),
        )
    ]


def _verdict(value: float | None, interval: tuple[float, float]) -> str:
    """In a word, whether a difference was found."""
    if value is None or interval[0] <= 0 <= interval[1]:
        return "no difference found"
    return "better" if value > 0 else "less well"
