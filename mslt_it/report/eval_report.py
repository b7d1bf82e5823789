"""The page of an evaluation: its tables, differences and labels, from the results that were sealed with it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import ScoringConfig, TaskConfig
from mslt_it.config.schema import build
from mslt_it.evaluation.estimates import Difference
from mslt_it.evaluation.groups import GroupMean
from mslt_it.evaluation.label_reports import LabelReport
from mslt_it.evaluation.remarks import said_of
from mslt_it.evaluation.scores import Figures, read_records, read_rows
from mslt_it.evaluation.seeds import SeedMean
from mslt_it.evaluation.tables import OVER_TASKS, columns_of, main_rows, tables, task_means_table
from mslt_it.evaluation.task_means import TaskMean
from mslt_it.models.finished_run import named
from mslt_it.places import REQUEST
from mslt_it.problems import Problem
from mslt_it.report.pages import Section, versions_here, write
from mslt_it.report.run_report import PAGES, label_section, write_run_report
from mslt_it.report.scores import by_language, cost_tables, of_cells
from mslt_it.report.study_report import WORLD_NOTICE
from mslt_it.store import find_damage, read_json

MOST_SYSTEMS = 4  # in one figure


def report_of_run(folder: Path, out: Path, formats: Collection[str], examples: int, seed: int) -> list[Path]:
    """Writes the report of a run or an evaluation; what was written, the page first."""
    try:
        if (folder / REQUEST).is_file():
            return write_eval_report(folder, out, formats)
        return write_run_report(folder, out, formats, examples, seed)
    except (AttributeError, LookupError, TypeError, ValueError) as error:  # sealed by another version, or by hand
        what = f"{type(error).__name__}: {error}"
        raise Problem(f"run={folder} is not in this version's format ({what}). Make it again.") from error


def write_eval_report(folder: Path, out: Path, formats: Collection[str]) -> list[Path]:
    """Writes the report of a finished evaluation; what was written, the page first."""
    if (damage := find_damage(folder)) is not None:
        raise Problem(f"run={folder}: {damage}. Start its `mslt eval` again: what is done stays done.")
    content, request = read_json(folder / "results.json") or {}, read_json(folder / REQUEST) or {}
    all_rows, recipes = read_rows(content, folder / "results.json"), request["recipes"]
    sections, said = [], []
    for recipe in recipes:
        task = build(TaskConfig, recipe["task"], REQUEST)
        confidence = build(ScoringConfig, recipe["scoring"], REQUEST).confidence
        compared, in_languages = (
            tuple(read_records(Difference, content, name, folder / "results.json")) if len(recipes) == 1 else ()
            for name in ("differences", "differences_in_languages")
        )
        rows = tuple(row for row in all_rows if row.task == task.name)
        groups = tuple(GroupMean(**one) for one in content.get("groups", ()) if one["task"] == task.name)
        seeds = tuple(SeedMean(**one) for one in content.get("seed_means", ()) if one["task"] == task.name)
        found = Figures(rows, compared, in_languages, groups=groups, seeds=seeds)
        said += said_of(found)
        sections.append(_scores(task, found, confidence))
    if means := [TaskMean(**one) for one in content.get("task_means", ())]:
        cells = of_cells("tasks", OVER_TASKS, task_means_table(means, confidence))
        sections.append(Section("tasks", "Over the tasks", tables=[cells]))
    if labels := label_section([LabelReport.of_plain(one) for one in content["labels"]]):
        sections.append(labels)
    systems, tasks = content["provenance"]["systems"], ", ".join(recipe["task"]["name"] for recipe in recipes)
    report = {
        "title": f"Evaluation of {len(systems)} system{'s' * (len(systems) > 1)}: {tasks}",
        "lead": [f"{', '.join(systems)}; asked {', '.join(request['variants'])}, on the same items."],
        "warnings": [[WORLD_NOTICE]] if content["provenance"]["world"] else [],
        "said": [*said, *content["notes"]],
        "sections": sections,
        "made": made(content, request),
        "redo": [f"mslt report run={shlex.quote(str(folder))}"],
    }
    return write(out, PAGES, report, formats)


def _scores(task: TaskConfig, found: Figures, confidence: float) -> Section:
    rows = main_rows(found)
    all_tables = [
        of_cells(f"{task.name}_{number}", title, cells)
        for number, (title, cells) in enumerate(tables(found, confidence), 1)
    ]
    title = f"{task.name}: scores with their intervals"
    few = len(columns_of(rows)) <= MOST_SYSTEMS
    for system, variant in columns_of(rows) if few else ():
        own = [row for row in rows if (row.system, row.variant) == (system, variant)]
        all_tables += cost_tables(own, f"{task.name}_costs_{len(all_tables) + 1}", f", {system} {variant}")
    return Section(
        task.name,
        f"Scores: {task.name}",
        tables=all_tables,
        figures=[(f"{task.name}_figure", by_language(rows, len(task.choice_names), title))] if few else [],
        notes=[f"Intervals hold {100 * confidence:g} %. The table of answers with every figure is results.csv."],
    )


def made(content: Mapping[str, Any], request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How it was made; what is empty is not shown."""
    found = content["provenance"]
    environment, settings = found["environment"], found["settings"]
    return [
        ("model", named(found["model"], found["model_revision"])),
        *((f"adapter of {name}", f"sha256 {one['adapter_sha256']}, trained on {', '.join(one['sources'] or ['?'])}")
          for name, one in found["systems"].items() if one["adapter_sha256"]),
        *((f"data of {name}", "@".join(filter(None, data))) for name, data in found["data"].items()),
        *((f"languages of {name}", ", ".join(codes)) for name, codes in request["languages"].items()),
        ("variants", ", ".join(request["variants"])),
        ("worked examples", str(found["num_shots"])),
        ("settings", ", ".join(f"{name} {value}" for name, value in settings.items())),
        ("base sha256", str(found.get("base_sha256") or "")),
        ("request", str(request["fingerprint"])),
        ("code of the evaluation", str(environment.get("git_commit") or "not recorded")),
        ("versions", ", ".join(f"{name} {v}" for name, v in environment.get("packages", {}).items() if v)),
        ("versions of the report", versions_here("mslt_it", "numpy", "matplotlib")),
    ]  # fmt: skip
