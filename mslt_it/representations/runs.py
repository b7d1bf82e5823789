"""Finished runs as systems to look at, and the parallel texts of their task."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import Recipe
from mslt_it.data.build import scored_examples
from mslt_it.data.rows import RowStore
from mslt_it.models.base_model import adapted
from mslt_it.models.finished_run import FinishedRun, read_run
from mslt_it.models.identity import load_trained_base
from mslt_it.problems import Problem
from mslt_it.publish.comparable import refuse_strangers
from mslt_it.representations.measuring import ModelInState, measure
from mslt_it.representations.settings import MIN_ITEMS, Settings


def parallel_texts(recipe: Recipe, languages: Sequence[str], *, max_items: int = 300) -> dict[str, list[str]]:
    """Language -> texts of the task's scored rows, the same items in each: those that every language has.

    Items are in the order in which rows are chosen for scoring. One whose text came before, in any language, is left
    out: among repeated sentences (XNLI has each premise three times) no translation is the right one. The text is that
    of the first field that the task's prompts need (the premise).
    """
    task, wanted = recipe.task, recipe.task.input_fields[0]
    every_row = dataclasses.replace(recipe.scoring, num_examples_per_language=0)  # languages may lack different ones
    everything = dataclasses.replace(recipe, scoring=every_row)
    store = RowStore()
    rows = {
        code: {e.id: e.fields.get(wanted, "") for e in scored_examples(everything, code, rows=store)}
        for code in languages
    }
    result: dict[str, list[str]] = {code: [] for code in languages}
    known: dict[str, set[str]] = {code: set() for code in languages}
    for item in next(iter(rows.values()), {}):
        versions = {code: rows[code].get(item, "").strip() for code in languages}
        if not all(versions.values()) or any(text in known[code] for code, text in versions.items()):
            continue
        for code, text in versions.items():
            result[code].append(text)
            known[code].add(text)
        if len(next(iter(result.values()))) == max_items:
            break
    num = min(map(len, result.values()), default=0)
    if num < MIN_ITEMS:
        raise Problem(
            f"Only {num} items of task={task.name} have a '{wanted}' of their own in all of {', '.join(languages)}; "
            f"mingling needs {MIN_ITEMS}. Items are matched by id: leave out the language whose "
            "rows differ from the rest, or take the texts from a parallel task, such as task=xnli."
        )
    return result


def systems_of_runs(runs: Mapping[str, FinishedRun]) -> tuple[Any, dict[str, ModelInState]]:
    """(tokenizer, systems) of finished runs that share a base, with that base as the system "base" before them.

    The base is loaded once; each run's adapter is on it only while its system is open.
    """
    refuse_strangers(list(runs.values()))
    tokenizer, base, _ = load_trained_base(next(iter(runs.values())))
    systems = {"base": ModelInState.of(base)}
    for name, run in runs.items():
        systems[name] = ModelInState(functools.partial(adapted, base, run.adapter), tuple(run.recipe.sources))
    return tokenizer, systems


def measure_runs(
    runs: Mapping[str, Path | str],
    *,
    languages: Sequence[str],
    settings: Settings,
    advance: Callable[[str], object] = lambda system: None,
) -> dict[str, Any]:
    """`measure` of finished runs and their base, on the scored rows of the first run's task; ``runs``: name -> run
    folder, the single-source run before the multi-source one."""
    finished = {name: read_run(folder) for name, folder in runs.items()}
    tokenizer, systems = systems_of_runs(finished)
    recipe = next(iter(finished.values())).recipe
    texts = parallel_texts(recipe, languages, max_items=settings.max_items)
    return measure(systems, texts, tokenizer, settings=settings, kind=recipe.model.kind, advance=advance)
