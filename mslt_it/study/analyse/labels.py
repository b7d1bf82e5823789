"""What became of each label, as the cells' own reports have it: a mean of right answers hides a label never said."""

from __future__ import annotations

import json

import numpy as np

from mslt_it.study.analyse.comparisons import sources
from mslt_it.study.analyse.findings import Analysis, NotDone
from mslt_it.study.analyse.resampling import SetFigures
from mslt_it.study.analyse.tables import Row, table


def labels(figures: SetFigures) -> Analysis | NotDone:
    """Precision, recall and F1 of each label by number of sources, all target rows of all runs counted together."""
    title = "What becomes of each label"
    study = figures.study
    names: list[str] = []
    confusions: dict[int, np.ndarray] = {}  # number of sources -> (labels, labels + unread)
    for cell in study.cells:
        if cell.sources not in figures.sets or cell.slice != figures.slice:
            continue
        results = json.loads((study.folder / "cells" / cell.id / "results.json").read_text(encoding="utf-8"))
        for report in results.get("labels", ()):
            if report["system"] == "adapter" and report["language"] in study.targets:
                names = names or [one["label"] for one in report["labels"]]
                size = len(cell.sources)
                confusions[size] = confusions.get(size, 0) + np.array(report["confusion"], dtype=float)
    if not confusions:
        return NotDone("labels", title, "The runs hold no report of labels.")
    rows: list[Row] = []
    for size, confusion in sorted(confusions.items()):
        gold, said, right = confusion.sum(axis=1), confusion.sum(axis=0), np.diagonal(confusion)
        for i, name in enumerate(names):
            rows.append(
                {
                    "sources": sources(size),
                    "label": name,
                    "num_rows": int(gold[i]),
                    "said": said[i] / gold.sum(),
                    "precision": right[i] / said[i] if said[i] else None,
                    "recall": right[i] / gold[i] if gold[i] else None,
                    "f1": 2 * right[i] / (gold[i] + said[i]) if gold[i] + said[i] else None,
                }
            )
    return Analysis(
        "labels",
        title,
        "Is a label left out, or said for all rows?",
        "a question that the paper leaves open",
        (
            table(
                "labels",
                "Each label by number of sources, in per cent; rows of all runs and target languages together",
                rows,
                "Rows are counted once per run. Answered: its share of all answers.",
                sources="trained on",
            ),
        ),
    )
