"""What a recipe leaves to its data: ``targets=rest``, ``data.num_examples_total=max``, and whether rows without ids are
translations of each other by their order.

All are replaced by what they stand for before a run is named after its recipe, so that its folder says which languages
and how many rows these were.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mslt_it.config.recipe import LARGEST, REST, Recipe, TaskConfig
from mslt_it.config.schema import written
from mslt_it.data.budget import budget
from mslt_it.data.build import largest_budget, refuse_no_rationale
from mslt_it.data.prompts import refuse_unasked
from mslt_it.data.rows import RowStore
from mslt_it.languages import LanguageSet, is_code, primary, serving
from mslt_it.problems import NoLabels, NotScorable, Problem, counted, nearest

MADE = ("world", "intents")  # rows that no file holds: all are labelled, and making them takes seconds
_OF_SOURCE = "the language of source"
MAX_OTHER_LABELS = 0.05  # of the rows; PAWS-X, mended by its translators, has 0.02, another order 0.3 and more


def resolved(recipe: Recipe, tokenizer: Callable[[], Any], rows: RowStore) -> Recipe:
    """The recipe with its targets and its number of rows; ``tokenizer`` is called only where rows are counted."""
    task = recipe.task
    refuse_no_rationale(recipe)
    if task.data in MADE:
        targets = () if recipe.targets == REST else recipe.targets
        refuse_unmade(task, (*recipe.sources, *targets), rows)
    else:
        for code in recipe.sources:  # first: a wrong column would make all others languages without labels
            rows.load(task, code, task.train_split, role="train")
    recipe = with_targets(recipe, rows)
    if recipe.model.kind != "encoder":  # which reads the fields alone
        refuse_unasked(task, recipe.prompt, (*recipe.languages, *recipe.unlabelled))
    recipe = with_order(recipe, recipe.sources, recipe.languages, rows)
    if recipe.data.num_examples_total != LARGEST:
        _refuse_too_few(recipe, rows)
        return recipe
    number = largest_budget(recipe, tokenizer(), rows)
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, num_examples_total=number))


def refuse_unmade(task: TaskConfig, codes: Sequence[str], rows: RowStore) -> None:
    """A Problem for a language in which no rows can be made; nothing is said of those that lie in files."""
    made = rows.languages(task) if task.data in MADE else codes
    if unknown := [code for code in codes if code not in made]:
        raise Problem(f"task.data={task.data} has no language '{unknown[0]}'. {nearest(unknown[0], made)}")


def _refuse_too_few(recipe: Recipe, rows: RowStore) -> None:
    """A Problem for more rows than files hold; of how many can be trained on, a tokenizer must tell."""
    task, data = recipe.task, recipe.data
    for code, number in budget(recipe).items() if task.data not in MADE else ():
        there = len(rows.load(task, code, task.train_split, role="train").examples)
        if number > there:
            given, remedy = f"data.num_examples_total={data.num_examples_total}", "data.num_examples_total=max"
            if data.num_examples:
                given, remedy = f"data.num_examples={written(data.num_examples)}", f"data.num_examples.{code}={there}"
            raise Problem(
                f"{given} takes {counted(number, 'training row')} of '{code}', and {task.data} has {there}. Write "
                f"{remedy} for as many as there are, or name other sources."
            )


def with_order(recipe: Recipe, trained: Sequence[str], scored: Sequence[str], rows: RowStore) -> Recipe:
    """The recipe, told whether its rows are parallel by order; with a note where the task says so and they are not.

    Rows without an id column count as translations of each other where ``task.is_parallel`` says that the benchmark is
    published so. That is checked: every language has as many rows, and, where answers are labels or numbers, the same
    ones (but for ``MAX_OTHER_LABELS``: translators mend a few).

    Args:
        trained, scored: languages whose rows are used for it.
    """
    task = recipe.task
    if not task.is_parallel or task.data == "world":
        return recipe
    for split, codes in ((task.train_split, trained), (task.score_split, scored)):
        found = {code: rows.answers_in_order(task, code, split) for code in dict.fromkeys(codes)}
        by_position = {code: answers for code, answers in found.items() if answers}
        if why := _out_of_order(task, split, by_position):
            note = f"{why}: rows count as each language's own, not as translations"
            return dataclasses.replace(recipe, task=dataclasses.replace(task, is_parallel=False), order_note=note)
    return recipe


def _out_of_order(task: TaskConfig, split: str, answers: Mapping[str, Sequence[str]]) -> str:
    """Why rows at the same place are not translations of each other; empty where they may be."""
    if len(answers) < 2:
        return ""
    first, *others = answers
    for code in others:
        one, other = answers[first], answers[code]
        if len(one) != len(other):
            has = f"'{first}' has {counted(len(one), 'row')} and '{code}' {len(other)}"
            return f"{task.data} ({split}): {has}, without ids"
        if task.choice_names or task.metric == "number_accuracy":
            pairs = [(a, b) for a, b in zip(one, other, strict=True) if a and b]
            num_other = sum(a != b for a, b in pairs)
            if num_other > MAX_OTHER_LABELS * len(pairs):
                return (
                    f"{task.data} ({split}): {num_other} of {len(pairs)} rows have another {task.label_field} in "
                    f"'{code}' than in '{first}', without ids"
                )
    return ""


def with_targets(recipe: Recipe, rows: RowStore) -> Recipe:
    """The recipe with ``targets=rest`` as languages, a note on those of the data that are left out, and the targets
    whose rows have no labels apart from the others."""
    task = recipe.task
    if recipe.targets != REST:
        unlabelled = tuple(code for code in recipe.targets if _has_no_labels(task, code, rows))
        targets = tuple(code for code in recipe.targets if code not in unlabelled)
        return dataclasses.replace(recipe, targets=targets, unlabelled=unlabelled) if unlabelled else recipe
    targets, unlabelled, note = rest_of(task, recipe.sources, rows, may_be_none=True)
    languages = LanguageSet(recipe.sources, targets, recipe.supervised)
    return dataclasses.replace(recipe, targets=languages.targets, unlabelled=unlabelled, targets_note=note)


def _has_no_labels(task: TaskConfig, language: str, rows: RowStore) -> bool:
    if task.data in MADE:
        return False
    try:
        rows.load(task, language, task.score_split, role="score", is_trained=False)
    except NoLabels:
        return True
    return False


def rest_of(
    task: TaskConfig,
    sources: Sequence[str],
    rows: RowStore,
    key: str = "targets",
    *,
    may_be_none: bool = False,
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """(every language of the data that is no source and can be scored, those without labels, a note on all).

    ``may_be_none``: no Problem where all languages of the data are sources, or have no labels.
    """
    known = rows.languages(task)
    trained = {primary(code): code for code in sources}
    spelled = [code for code in sources if code not in known]  # pt-BR, where it is the only pt of the data
    found: dict[str, list[str]] = {"": [], "no labels": []}  # why a language is left out, "": it is not -> codes
    remedy = ""
    for code in known:
        if code in sources or any(serving(code, [source], "") for source in spelled):
            continue
        why = "" if is_code(code) else "no language code"
        if (source := trained.get(primary(code))) is not None:
            why = f"{_OF_SOURCE} {source}"
        try:
            if not why:
                rows.load(task, code, task.score_split, role="score", is_trained=False)
        except NoLabels:
            why = "no labels"
        except NotScorable as problem:
            why, remedy = problem.reason, f" {problem}"
        found.setdefault(why, []).append(code)
    targets, unlabelled = found.pop(""), found.pop("no labels")
    left_out = found if may_be_none or not unlabelled else {**found, "no labels": unlabelled}
    others = "; ".join(f"{', '.join(codes)} ({reason})" for reason, codes in left_out.items())
    is_faulty = any(not reason.startswith(_OF_SOURCE) for reason in left_out)
    if not targets and not (may_be_none and (unlabelled or not is_faulty)):
        raise Problem(
            f"{key}=rest: {task.data} has no language to score besides the sources ({', '.join(sources)})"
            + (f": left out are {others}.{remedy}" if others else f"; it has {', '.join(known)}. Name fewer sources.")
        )
    note = f"{key}=rest: {', '.join(targets) or 'none'} ({len(targets)} of {len(known)} languages of {task.data})"
    return tuple(targets), tuple(unlabelled), f"{note}; left out: {others}" if others else note
