"""The page of one run, trained or combined: its table and what is said of it, labels, losses, answers, how to redo it.

What was answered is read from the run's journals, and the rows are read again for their prompts; a run whose rows are
gone has a page without answers, which says so.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it.config.schema import written
from mslt_it.evaluation.answered import Spread, outputs_of, stored_answers
from mslt_it.evaluation.label_reports import LabelReport
from mslt_it.evaluation.remarks import run_remarks
from mslt_it.evaluation.scores import ScoreRow, read_rows
from mslt_it.evaluation.spread import NOT_SCORED, SHARES, spread_table, warnings_of
from mslt_it.evaluation.tables import METRIC_NAMES, has_base, language_table
from mslt_it.languages import language_name
from mslt_it.models.finished_run import ADAPTER, FinishedRun, named, read_run
from mslt_it.places import TRAIN_AGAIN
from mslt_it.problems import Problem, counted
from mslt_it.report.answers import sampled
from mslt_it.report.pages import Section, versions_here, write
from mslt_it.report.scores import by_language, cost_tables, curves, f1_table, of_cells, of_label_report
from mslt_it.report.study_report import SMALL_MODEL_NOTICE, WORLD_NOTICE
from mslt_it.runs import LOSSES
from mslt_it.store import altered, read_json
from mslt_it.training.looks import PREFIX

SHOWN = ("results.json", LOSSES, "items/", "predictions/")  # what is read beside the adapter
MOST_LABELS = 12  # whose F1 have a column
ANSWERS = "Right and wrong answers"
PAGES = {"report.html": "run.html.j2"}


def write_run_report(folder: Path, out: Path, formats: Collection[str], examples: int, seed: int) -> list[Path]:
    """Writes the report of a finished run; what was written, the page first."""
    run = read_run(folder)
    for name, wrong in altered(folder, SHOWN):
        raise Problem(f"run={folder}: {name} {wrong}. {TRAIN_AGAIN}")
    content = read_json(folder / "results.json") or {}
    rows = read_rows(content, folder / "results.json")
    sections = [
        _scores(run, rows),
        _unlabelled([Spread(**one) for one in content.get("unlabelled", ())]),
        _losses(run),
        label_section([one for one in map(LabelReport.of_plain, content.get("labels", ())) if one.system == ADAPTER]),
        _answers(run, rows, examples, seed),
    ]
    said = run_remarks(rows, run.recipe.task, run.recipe.scoring.confidence) if rows else ["Not scored (scored=false)."]
    path = run.recipe.model.path
    model = "the embedded model" if path == "world" else Path(path).name
    report = {
        "title": f"Run {run.recipe.name}: {run.recipe.task.name} on {model}",
        "lead": lead(run, rows),
        "warnings": notices(run, content),
        "said": said,
        "sections": [one for one in sections if one is not None],
        "made": made(run),
        "redo": redo(run),
    }
    return write(out, PAGES, report, formats)


# ---------------------------------------------------------------- the parts


def _scores(run: FinishedRun, rows: Sequence[ScoreRow]) -> Section:
    if not rows:
        return Section("scores", "Scores by language", "no language was scored")
    confidence, task = run.recipe.scoring.confidence, run.recipe.task
    cells = language_table(rows, confidence, with_base=True)
    main = [row for row in rows if row.metric == rows[0].metric]
    return Section(
        "scores",
        "Scores by language",
        question="In per cent" + "; the gain over the untuned base in points, on the same items" * has_base(rows) + ".",
        tables=[of_cells("scores", "Scores", cells), *cost_tables(main)],
        figures=[("scores_figure", by_language(main, len(task.choice_names), "Scores with their intervals"))],
        notes=[
            f"Intervals hold {100 * confidence:g} %. That of a language is for other items like these (Wilson's of "
            "accuracy, a bootstrap of items elsewhere)"
            + "; that of the gain is of the difference paired by item" * has_base(rows)
            + "."
        ],
    )


def _unlabelled(spreads: Sequence[Spread]) -> Section | None:
    """What the adapter says in languages that cannot be scored, beside what it says in those it was trained on."""
    targets = [f"{one.language}: {counted(one.n, 'row')}" for one in spreads if one.role != "source"]
    if not targets:
        return None
    labels = any(one.labels for one in spreads)
    return Section(
        "unlabelled",
        "Languages without labels",
        question=f"{', '.join(targets)}; {NOT_SCORED}.",
        tables=[of_cells("unlabelled", SHARES, spread_table(spreads))] if labels else [],
        notes=warnings_of(spreads),
    )


def _losses(run: FinishedRun) -> Section | None:
    if "combination" in run.provenance:
        return None
    history = [json.loads(line) for line in (run.folder / LOSSES).read_text(encoding="utf-8").splitlines()]
    found = [curves(history, "loss", "Loss of the training rows, by source language", "nats per supervised token")]
    training: Mapping[str, Any] = run.provenance.get("training", {})
    notes = []
    if (step := training.get("best_step")) is not None:
        metric, mark = METRIC_NAMES[run.recipe.task.metric], {"mark": step, "mark_label": f"step {step}"}
        of_metric, of_loss = (f"{PREFIX}{name}" for name in (run.recipe.task.metric, "loss"))
        found += [
            curves(history, of_metric, f"Held-out rows of the sources: {metric}", f"{metric}, %", unit="share", **mark),
            curves(history, of_loss, "Held-out rows of the sources: loss", "nats per supervised token", **mark),
        ]
        notes.append(
            f"The adapter is from step {step}, the best of {training['num_looks']} looks by {metric} on held-out "
            "rows of the sources. Their items are scored in no language, and no row of a target was looked at."
        )
    drawn = [(f"loss_{number}", figure) for number, figure in enumerate(found, 1) if figure is not None]
    if not drawn:
        return Section("losses", "Loss while training", f"nothing was logged (training.logging_steps, {LOSSES})")
    return Section("losses", "Loss while training", figures=drawn, notes=notes)


def label_section(reports: Sequence[LabelReport]) -> Section | None:
    """What became of each label, where answers are labels; a part per language (and system)."""
    if not reports:
        return None
    parts, names = [], {tuple(one.label for one in report.labels) for report in reports}
    several = len(names) > 1 or len({(report.system, report.variant) for report in reports}) > 1
    for number, report in enumerate(reports, 1):
        tables, figures = of_label_report(report, f"{report.language}_{number}" if several else report.language)
        system = f", {report.system} {report.variant}" if several else ""
        title = f"{report.language} {language_name(report.language)}{system}"
        parts.append(Section("", title, tables=tables, figures=figures))
    return Section(
        "labels",
        "Labels and confusions",
        question="Precision, recall and F1 of each label and what was taken for what, language by language.",
        tables=[f1_table(reports)] if len(names) == 1 and len(*names) <= MOST_LABELS else [],
        parts=parts,
    )


def _answers(run: FinishedRun, rows: Sequence[ScoreRow], examples: int, seed: int) -> Section | None:
    languages = list(dict.fromkeys(row.language for row in rows if not row.is_mean))
    if not languages or not examples:
        return None
    try:
        answered = stored_answers(run, languages)
    except (Problem, KeyError, OSError) as problem:
        reason = f"the answers cannot be read, or the rows have changed ({problem})"
        return Section("answers", ANSWERS, reason)
    parts, task, is_native = [], run.recipe.task, run.recipe.prompt.language == "native"
    for one in answered:
        title = f"{one.language} {language_name(one.language)}: "
        if not len((found := outputs_of(one)).outputs):
            parts.append(Section("", title + found.reason))
            continue
        shown = sampled(task, one, examples, seed, is_native=is_native and one.items[0].read_in == one.language)
        title += f"{shown.num_right} of {shown.num_right + shown.num_wrong} right"
        parts.append(Section("", title, drawn=shown))
    return Section(
        "answers",
        ANSWERS,
        question=f"At most {examples} of each per language, drawn with seed {seed}."
        + " Probabilities are those among the label words alone."
        * any("log_likelihoods" in one.rows[0] for one in answered),
        parts=parts,
    )


# ---------------------------------------------------------------- what stands at the top and at the end


def lead(run: FinishedRun, rows: Sequence[ScoreRow]) -> list[str]:
    recipe, made_of = run.recipe, run.provenance.get("combination")
    number = run.provenance.get("num_examples", recipe.data.num_examples_total)
    how = "An adapter and a head trained" if recipe.head else "An adapter trained"
    if recipe.adapter.method == "full":
        how = "All weights trained"
    if made_of:
        how = f"{len(made_of['adapters'])} adapters combined ({made_of['method']})"
    scored = len({row.language for row in rows if not row.is_mean})
    which = ", adapter and untuned base on the same items" * has_base(rows)
    beside = f" {counted(scored, 'language was', 'languages were')} scored{which}."
    return [f"{how} on {counted(number, 'row', form=',')} in {recipe.shown_sources}.{beside * bool(scored)}"]


def notices(run: FinishedRun, content: Mapping[str, Any]) -> list[list[str]]:
    """Boxes that must not be overlooked."""
    found = []
    if run.recipe.task.data == "world":
        found.append([WORLD_NOTICE])
    elif run.recipe.model.path == "world":
        found.append([SMALL_MODEL_NOTICE])
    if content.get("status") == "invalid":
        found.append(["Some scores are invalid (NaN, infinite or constant): the table names them."])
    return found


def made(run: FinishedRun) -> list[tuple[str, str]]:
    """How it was made; what is empty is not shown."""
    recipe, found, lora, asked = run.recipe, run.provenance, run.recipe.adapter, run.recipe.prompt
    environment: Mapping[str, Any] = found.get("environment", {})
    training: Mapping[str, Any] = found.get("training", {})
    device = ", ".join(map(str, environment.get("gpus") or ())) or environment.get("cpu")
    steps = (
        f"{counted(training['num_steps'], 'step', form=',')} of {counted(training['global_batch'], 'row')}"
        if training
        else ""
    )
    return [
        ("recipe", recipe.name),
        ("task, data", f"{recipe.task.name}, {named(recipe.task.data, recipe.task.revision)}"),
        ("sources", ", ".join(recipe.sources)),
        ("how they were chosen", recipe.select.note),
        ("targets", ", ".join(recipe.targets)),
        ("prompts", "" if recipe.head else f"{asked.language}, template {asked.template}, {asked.variant}"),
        ("model", named(recipe.model.path, recipe.model.revision)),
        (("trained", "all weights") if lora.method == "full" else
         ("adapter", f"rank {lora.rank}, alpha {lora.alpha}, quantisation {lora.quantization}")),
        ("training", f"{steps}, learning rate {recipe.training.learning_rate:g}, seed {recipe.seed}" if steps else ""),
        *[(f"combined: {', '.join(one['sources'])}", f"weight {one['weight']:+.3g}, sha256 {one['adapter_sha256']}")
          for one in found.get("combination", {}).get("adapters", ())],
        ("adapter sha256", found["adapter_sha256"]),
        ("base sha256", found["base_sha256"]),
        ("tokenizer sha256", str(found.get("tokenizer_sha256") or "")),
        ("run fingerprint", recipe.run_fingerprint()),
        ("data fingerprint", recipe.data_fingerprint()),
        ("code of the run", str(environment.get("git_commit") or "not recorded")),
        ("versions of the run", ", ".join(f"{name} {v}" for name, v in environment.get("packages", {}).items() if v)),
        ("made on", f"{device}, {environment.get('platform')}" if device else ""),
        ("versions of the report", versions_here("mslt_it", "numpy", "matplotlib")),
    ]  # fmt: skip


def redo(run: FinishedRun) -> list[str]:
    """The commands that make the run, elsewhere, and the report again."""
    name = shlex.quote(str(run.folder))
    if combination := run.provenance.get("combination"):
        runs = ",".join(one["run"] for one in combination["adapters"])
        weights = written([one["weight"] for one in combination["adapters"]])
        again = f"mslt combine {shlex.quote(f'runs=[{runs}]')} {shlex.quote(f'weights={weights}')} "
        how = ("method", "rank", "density", "seed")
        again += "".join(f"{key}={combination[key]} " for key in how if key in combination)
        again += f"num_items={run.recipe.scoring.num_examples_per_language} out=again"
    else:
        again = f"mslt train --config-dir {name} recipe=config output_dir=again"
    return [again, f"mslt report run={name}"]
