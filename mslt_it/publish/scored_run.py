"""A run folder from answers to papers: the same after training and after combining.

Base and adapter are asked by the one evaluator; results.json has the adapter's figures with the base's beside them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mslt_it.config.recipe import Recipe, TaskConfig
from mslt_it.data.build import asked_set
from mslt_it.data.encoding import Encoder
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.answered import Answered, Spread, spread
from mslt_it.evaluation.estimates import Settings
from mslt_it.evaluation.evaluator import Evaluator, Unit, is_sharded, unit
from mslt_it.evaluation.label_reports import LabelReport
from mslt_it.evaluation.measures import choice_scores
from mslt_it.evaluation.questions import questions_of
from mslt_it.evaluation.remarks import run_report
from mslt_it.evaluation.scores import Figures, figures, read_rows
from mslt_it.evaluation.spread import spread_report
from mslt_it.evaluation.systems import BASE, LoadedBase, System, adapter_system
from mslt_it.evaluation.tables import as_text, label_table
from mslt_it.models.environment import environment
from mslt_it.models.finished_run import ADAPTER
from mslt_it.places import trained_before
from mslt_it.problems import Problem, counted
from mslt_it.publish.model_card import model_card
from mslt_it.publish.prompt_record import adapter_usage, write_prompts
from mslt_it.records import fingerprint, to_plain
from mslt_it.runs import Run
from mslt_it.store import write_atomically

UNSCORED = "unscored"  # results.json's status where nothing was scored


def evaluate_run(
    run: Run,
    recipe: Recipe,
    loaded: LoadedBase,
    encoder: Encoder,
    rows: RowStore,
    *,
    adapter_sha256: str,
    train_counts: Mapping[str, int],
    runs: Sequence[Path] = (),
) -> Figures | None:
    """Base and adapter on the same items of every language; None on processes that do not write. Of an encoder the
    adapter alone: without it there is no head to answer by.

    Args:
        recipe: the run's, with the labels that were found.
        train_counts: label -> training rows; empty where answers are no labels.
        runs: folders of other runs, which may have the base's answers.
    """
    languages, before = recipe.languages, trained_before(recipe.model.path, recipe.model.revision)
    of_base = [] if recipe.head else [System(BASE, None, None, before)]
    run.say(
        f"Scoring {counted(len(languages), 'language')}{', base and adapter on the same items' * bool(of_base)} ..."
    )
    evaluator = Evaluator(
        [*of_base, adapter_system(ADAPTER, run.folder / ADAPTER, adapter_sha256, (*recipe.sources, *before))],
        loaded,
        encoder,
        run.folder,
        runs=runs,
        replaces=True,
        is_sharded=is_sharded(),
        log=run.folder / "log.txt",
    )
    answered, *_ = evaluator.answers([unit(recipe, recipe.prompt.variant, code, encoder, rows) for code in languages])
    spreads = _spreads(recipe, evaluator, answered, encoder, rows)
    if not run.is_main:
        return None
    of_adapter = answered[-len(languages) :]
    groups = list(zip(of_adapter, answered[: len(languages)], strict=True)) if of_base else [(a,) for a in of_adapter]
    for group in groups:
        write_predictions(run.predictions / f"{group[0].language}.jsonl", recipe.task, *group)
    statistics = Settings(recipe.scoring.confidence, recipe.scoring.num_bootstrap)
    every = [one for group in groups for one in group]
    found = figures(recipe.task, every, statistics, {ADAPTER: train_counts}, BASE if of_base else "")
    found = dataclasses.replace(found, spreads=spreads)
    num_unseen = sum(adapter.role == "target" for adapter in of_adapter)
    return dataclasses.replace(found, rows=tuple(row for row in found.rows if num_unseen > 1 or not row.is_mean))


def _spreads(
    recipe: Recipe, evaluator: Evaluator, answered: Sequence[Answered], encoder: Encoder, rows: RowStore
) -> tuple[Spread, ...]:
    """What the adapter says in languages without labels, after what it says of the sources' held-out rows."""
    units = []
    for code in recipe.unlabelled:
        items = tuple(asked_set(recipe, code, rows))
        if not items:
            raise Problem(f"No row of '{code}' in {recipe.task.data} can be asked about. Leave it out of targets.")
        questions = questions_of(recipe, items, encoder)
        units.append(Unit(recipe, recipe.prompt.variant, code, items, questions))
    if not units:
        return ()
    alone = dataclasses.replace(evaluator, systems=[one for one in evaluator.systems if one.adapter is not None])
    unscored, *_ = alone.answers(units)
    seen = [one for one in answered if one.system == ADAPTER and one.role == "source"]
    return tuple(spread(recipe.task, one) for one in (*seen, *unscored))


def write_predictions(path: Path, task: TaskConfig, adapter: Answered, *base: Answered) -> None:
    """One JSON line per item: id, gold, and of the adapter, and of the base where it was asked, the label chosen with
    all log-likelihoods, or the text."""
    lines = []
    for item, *answers in zip(adapter.items, adapter.rows, *(one.rows for one in base), strict=True):
        line: dict[str, Any] = {"id": item.id, "language": adapter.language, "label": item.label}
        if item.group:
            line["group"] = fingerprint(item.group)
        for which, answer in zip((ADAPTER, BASE), answers, strict=False):
            if (values := answer.get("log_likelihoods")) is not None:
                if all(isinstance(value, float) for value in values):
                    scores = choice_scores([item], [answer])[0]
                    line[f"{which}_prediction"] = task.choice_names[int(np.argmax(scores))]
                    values = [float(value) if np.isfinite(value) else str(value) for value in scores]
                else:
                    line[f"{which}_prediction"] = None
                line[f"{which}_log_likelihoods"] = values
            else:
                line[f"{which}_prediction"] = answer["text"]
        lines.append(json.dumps(line, ensure_ascii=False))
    write_atomically(path, "\n".join(lines) + "\n")


def provenance(
    recipe: Recipe, num_examples: int, train_counts: Mapping[str, int], adapter_sha256: str, base: Mapping[str, Any]
) -> dict[str, Any]:
    """What results.json says of where an adapter comes from; ``base``: the hashes of what it was trained on."""
    return {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "sources": list(recipe.sources),
        "selection": recipe.select.note,
        "num_examples": num_examples,
        "train_label_counts": train_counts,
        "labels": list(recipe.task.label_names),
        "data": recipe.task.data,
        "data_revision": recipe.task.revision,
        "model": recipe.model.path,
        "model_revision": recipe.model.revision,
        "adapter_sha256": adapter_sha256,
        **base,
        "run_fingerprint": recipe.run_fingerprint(),
        "world": recipe.model.path == "world" or recipe.task.data == "world",
    }


def conclude(
    run: Run,
    recipe: Recipe,
    found: Figures | None,
    papers: Mapping[str, Any],
    encoder: Encoder,
    *,
    details: bool = False,
    **more: Any,
) -> int:
    """Writes results.json, card and seal, and prints the end; 0 = every score is valid, or none was asked for.

    Args:
        found: None where nothing was scored.
        more: what results.json says beside ``papers``.
    """
    rows, labels = (found.rows, found.labels) if found else ((), ())
    machine = environment()
    content: dict[str, Any] = {
        "status": UNSCORED if found is None else "ok" if found.is_valid else "invalid",
        "results": [to_plain(row) for row in rows],
        "labels": [to_plain(report) for report in labels],
        **({"unlabelled": [to_plain(one) for one in found.spreads]} if found and found.spreads else {}),
        "provenance": to_plain({**papers, "environment": machine, **more}),
    }
    run.write_json("environment.json", machine)
    run.write_json("results.json", content)
    adapter = run.folder / ADAPTER
    write_prompts(adapter, recipe, encoder)
    use = adapter_usage(adapter, recipe, papers.get("base_dtype"), papers.get("model_commit"))
    write_atomically(adapter / "README.md", model_card(recipe, rows, content["provenance"], labels=labels, usage=use))
    run.finish()
    return print_end(run, content, recipe.task, details=details)


def print_end(
    run: Run, content: Mapping[str, Any], task: TaskConfig, *, details: bool = False, already: str = ""
) -> int:
    """What results.json says, for people; 0 = no score is invalid.

    ``already``: what was finished before, so that nothing was done.
    """
    speak = run.show if already else run.say
    if already:
        speak(f"This {already} is already finished; nothing was done. To make it again, remove {run.folder}.")
    task = dataclasses.replace(task, label_names=tuple(content["provenance"]["labels"]))
    if rows := read_rows(content, run.folder / "results.json"):
        speak(f"\n{run_report(rows, task, run.recipe.scoring.confidence)}")
        if said := spread_report([Spread(**one) for one in content.get("unlabelled", ())]):
            speak(f"\n{said}\n")
    else:
        speak("Not scored (scored=false).")
    if details:
        tables = map(label_table, map(LabelReport.of_plain, content["labels"]))
        speak("".join(f"{name}\n\n{as_text(cells)}\n\n" for name, cells in tables))
    speak(f"Run folder: {run.folder}")
    return 0 if content["status"] in ("ok", UNSCORED) else 1
