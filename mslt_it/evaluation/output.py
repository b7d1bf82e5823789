"""What an evaluation leaves to read: results.json, tables as text, Markdown and CSV, and lm-eval's form."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import Recipe
from mslt_it.evaluation.answered import Answered
from mslt_it.evaluation.estimates import Difference
from mslt_it.evaluation.estimates import Settings as Statistics
from mslt_it.evaluation.groups import language_groups
from mslt_it.evaluation.lm_eval_results import lm_eval_results
from mslt_it.evaluation.measures import MEASURES
from mslt_it.evaluation.remarks import report
from mslt_it.evaluation.request import Request
from mslt_it.evaluation.scores import Figures, ScoreRow, figures
from mslt_it.evaluation.seeds import seed_means
from mslt_it.evaluation.systems import Bench, LoadedBase, seed_pools
from mslt_it.evaluation.tables import (
    OVER_TASKS,
    as_csv,
    as_markdown,
    as_text,
    in_markdown,
    label_table,
    task_means_table,
)
from mslt_it.evaluation.task_means import TaskMean, task_means
from mslt_it.models.environment import environment
from mslt_it.records import to_plain
from mslt_it.store import write_atomically


def _train_counts(bench: Bench, task: str) -> dict[str, dict[str, int]]:
    """System -> label -> training rows, of the runs that were trained on the task."""
    of_adapter = {run.provenance["adapter_sha256"]: run for run in bench.runs if run.recipe.task.name == task}
    return {
        system.name: of_adapter[system.adapter_sha256].provenance.get("train_label_counts", {})
        for system in bench.systems
        if system.adapter_sha256 in of_adapter
    }


def write_results(
    request: Request, bench: Bench, out: Path, answered: Sequence[Answered], loaded: LoadedBase
) -> dict[str, Any]:
    """Scores the answers and writes every file of results; results.json."""
    pools = seed_pools(bench)
    all_figures = []
    for recipe in request.recipes:
        own = [one for one in answered if one.task == recipe.task.name]
        settings = Statistics(recipe.scoring.confidence, recipe.scoring.num_bootstrap)
        counts = _train_counts(bench, recipe.task.name)
        found = figures(recipe.task, own, settings, counts)
        about = recipe.task.name, MEASURES[recipe.task.metric][0], found.cells
        seeds, groups = tuple(seed_means(*about, pools, settings)), tuple(language_groups(*about, settings))
        all_figures.append((recipe, dataclasses.replace(found, seeds=seeds, groups=groups)))
    means = task_means({recipe.task.name: found for recipe, found in all_figures}, request.asked.weights)
    rows, differences, in_languages, labels, notes, seed_rows, group_rows = (
        [one for _, found in all_figures for one in getattr(found, name)]
        for name in ("rows", "differences", "in_languages", "labels", "notes", "seeds", "groups")
    )
    content: dict[str, Any] = to_plain(
        {
            "status": "ok" if all(found.is_valid for _, found in all_figures) else "invalid",
            "results": rows,
            "differences": differences,
            "differences_in_languages": in_languages,
            "seed_means": seed_rows,
            "groups": group_rows,
            "task_means": means,
            "labels": labels,
            "notes": [*request.told(), *notes],
            "provenance": _provenance(request, bench, loaded),
        }
    )
    of_labels = [label_table(one) for one in labels]
    text, markdown = (_text(request, all_figures, means, is_markdown=each) for each in (False, True))
    if of_labels:
        markdown += "".join(f"\n\n### {in_markdown(title)}\n\n{as_markdown(cells)}" for title, cells in of_labels)
    told = [f"Note: {note}" for note in request.told()]
    notice = "\n\nThese are figures of the embedded world, not of real texts." * content["provenance"]["world"]
    files = {
        "labels.txt": "\n\n".join(f"{title}\n\n{as_text(cells)}" for title, cells in of_labels),
        "results.json": json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False),
        "results.txt": "\n".join([text, *told]) + notice + f"\nFolder: {out}",
        "results.md": "\n\n".join([markdown, *map(in_markdown, told)]) + notice,
        "results.csv": as_csv(rows, ScoreRow).rstrip("\n"),
        "differences.csv": as_csv([*differences, *in_languages], Difference).rstrip("\n"),
        **_lm_eval_files(request, bench, rows),
    }
    for name, written in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out / name, written + "\n")
    return content


def _provenance(request: Request, bench: Bench, loaded: LoadedBase) -> dict[str, Any]:
    return {
        **loaded.papers,
        "model": bench.model.path,
        "model_revision": bench.model.revision,
        "systems": {
            s.name: {"adapter_sha256": s.adapter_sha256, "sources": s.sources and list(s.sources)}
            for s in bench.systems
        },
        "data": {recipe.task.name: [recipe.task.data, recipe.task.revision] for recipe in request.recipes},
        "settings": request.settings,
        "num_shots": request.recipes[0].prompt.num_shots,
        "world": any(recipe.task.data == "world" for recipe in request.recipes),
        "environment": environment(),
    }


def _text(
    request: Request, all_figures: Sequence[tuple[Recipe, Figures]], means: Sequence[TaskMean], *, is_markdown: bool
) -> str:
    parts = [report(found, recipe.scoring.confidence, markdown=is_markdown) for recipe, found in all_figures]
    if means:
        cells = task_means_table(means, request.recipes[0].scoring.confidence)
        parts += [f"### {OVER_TASKS}", as_markdown(cells)] if is_markdown else [OVER_TASKS, as_text(cells)]
    return "\n\n".join(parts)


def _lm_eval_files(request: Request, bench: Bench, rows: Sequence[ScoreRow]) -> dict[str, str]:
    """Name -> the results of one system and variant in lm-eval's form."""
    found = {}
    for system, variant in itertools.product(bench.systems, request.variants):
        form = lm_eval_results(
            [row for row in rows if (row.system, row.variant) == (system.name, variant)],
            model=f"pretrained={bench.model.path},adapter={system.adapter_sha256 or 'none'}",
            settings={"variant": variant, **request.settings},
            num_shots=request.recipes[0].prompt.num_shots,
            option_lengths={r.task.name: r.task.option_length for r in request.recipes if r.task.is_cloze},
        )
        found[f"lm_eval/{system.name}_{variant}.json"] = json.dumps(form, indent=2, ensure_ascii=False)
    return found
