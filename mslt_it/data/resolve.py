"""What a recipe leaves to its data: ``targets=rest`` and ``data.num_examples_total=max``.

Both are replaced by what they stand for before a run is named after its recipe, so that its folder says which languages
and how many rows these were.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from mslt_it.data.build import largest_budget
from mslt_it.data.sources import available_languages, load
from mslt_it.languages import LanguageSet, is_code, primary
from mslt_it.problems import NotScorable, Problem
from mslt_it.recipe import is_rest
from mslt_it.records import LARGEST, Recipe, TaskConfig


def resolved(recipe: Recipe, tokenizer: Callable[[], Any]) -> Recipe:
    """The recipe with its targets and its number of rows; ``tokenizer`` is called only where rows are counted."""
    recipe = with_targets(recipe)
    if recipe.data.num_examples_total != LARGEST:
        return recipe
    number = largest_budget(recipe, tokenizer())
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, num_examples_total=number))


def with_targets(recipe: Recipe) -> Recipe:
    """The recipe with ``targets=rest`` as languages, and a note on those of the data that are left out."""
    if not is_rest(recipe.targets):
        return recipe
    targets, note = rest_of(recipe.task, recipe.sources)
    languages = LanguageSet(recipe.sources, targets, recipe.supervised)
    return dataclasses.replace(recipe, targets=languages.targets, targets_note=note)


def rest_of(task: TaskConfig, sources: Sequence[str], key: str = "targets") -> tuple[tuple[str, ...], str]:
    """(every language of the data that is no source and can be scored, a note on which these are)."""
    known = available_languages(task)
    trained = {primary(code): code for code in sources}
    targets: list[str] = []
    left_out: dict[str, list[str]] = {}  # reason -> codes
    remedy = ""
    for code in known:
        if code in sources:
            continue
        if (source := trained.get(primary(code))) is not None:
            left_out.setdefault(f"the language of source {source}", []).append(code)
            continue
        if not is_code(code):
            left_out.setdefault("no language code", []).append(code)
            continue
        try:
            load(task, code, task.score_split, role="score")
        except NotScorable as problem:
            left_out.setdefault(problem.reason, []).append(code)
            remedy = f" {problem}"
        else:
            targets.append(code)
    others = "; ".join(f"{', '.join(codes)} ({reason})" for reason, codes in left_out.items())
    if not targets:
        raise Problem(
            f"{key}=rest: {task.data} has no language to score beside the sources ({', '.join(sources)})"
            + (f": left out are {others}.{remedy}" if others else f"; it has {', '.join(known)}. Name fewer sources.")
        )
    note = f"{key}=rest: {', '.join(targets)} ({len(targets)} of {len(known)} languages of {task.data})"
    return tuple(targets), f"{note}; left out: {others}" if others else note
