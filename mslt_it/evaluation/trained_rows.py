"""Which rows of an evaluation its adapters may have been trained on: those are set aside, and all others are scored.

What counts is the data, not the name of the task. Where an adapter's run read the same data with the same splits, what
it held out then is what is scored now; a language that no adapter was trained on is scored whole, where nothing says
that its rows are translations of trained ones. Any other data are scored whole, but for rows whose text is among the
run's training rows (a copy of its file, the file with rows added, a split that it was trained on), in every language
where ids say which rows are translations. Of an adapter without a run folder nothing is known: then what such a
training would hold out is scored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import Recipe, TaskConfig
from mslt_it.data.build import scorable, validation_ids
from mslt_it.data.division import set_aside
from mslt_it.data.files import canonical_split
from mslt_it.data.leakage import normalise
from mslt_it.data.rows import RowStore
from mslt_it.models.finished_run import ADAPTER, FinishedRun, run_of
from mslt_it.places import CONFIG, RECIPE, recorded, trained_before
from mslt_it.problems import Problem, told_by_language
from mslt_it.records import Example


@dataclass(frozen=True)
class Trained:
    """What an adapter was trained on; ``recipe`` is None where its folder does not say."""

    folder: Path
    recipe: Recipe | None
    labels: tuple[str, ...] = ()  # that its answers were chosen from
    run: FinishedRun | None = None  # where it is finished; ``folder`` is its own then
    revision: str | None = None  # where ``folder`` is the name of a model on the Hub

    @property
    def before(self) -> tuple[str, ...]:
        """The languages that a merged or exported model was trained on, as far as it says."""
        return trained_before(self.folder, self.revision)


def trained(folder: Path) -> Trained:
    """Of a run folder, an adapter in one, or an adapter alone, an exported one too."""
    if (run := run_of(folder)) is not None:
        labels = tuple(run.provenance.get("labels") or run.recipe.task.label_names)
        return Trained(run.folder, run.recipe, labels, run)
    unfinished = folder.parent if folder.name == ADAPTER else folder
    has_recipe = (unfinished / CONFIG).is_file()
    return Trained(folder, load_recipe("config", config_dir=unfinished) if has_recipe else None)


def is_same_data(one: TaskConfig, other: TaskConfig) -> bool:
    """Whether two tasks read the same rows and divide them alike."""
    return _place(one) == _place(other)


def _place(task: TaskConfig) -> tuple[object, ...]:
    path = values.path(task.data)
    data = str(path.resolve()) if task.data != "world" and path.exists() else task.data
    splits = canonical_split(task.train_split), canonical_split(task.score_split)
    return data, task.revision, task.hub_files, splits, task.file_layout, task.group_fields


def held_out_share(task: TaskConfig, adapters: Sequence[Trained]) -> float:
    """The share of a divided file that may be scored."""
    same = [a.recipe.task.held_out_share for a in adapters if a.recipe and is_same_data(a.recipe.task, task)]
    unknown = [min(task.held_out_share, _recorded_share(a)) for a in adapters if a.recipe is None]
    return min(same + unknown, default=1.0)  # what is held out at a smaller share is held out at a larger one


def _recorded_share(adapter: Trained) -> float:
    """That of the run which a merged or exported model was made of; 1 where it is not recorded."""
    found: Any = recorded(adapter.folder, adapter.revision)
    for name in (RECIPE, "task", "held_out_share"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, float) and found > 0 else 1.0


def languages_trained_on(
    task: TaskConfig, adapters: Sequence[Trained], seen: Sequence[str], languages: Sequence[str]
) -> tuple[str, ...]:
    """The languages of the rows that adapters may have been trained on: those of runs on the same data, and all that
    are scored where nothing says what an adapter was trained on."""
    runs = [a.recipe for a in adapters if a.recipe and is_same_data(a.recipe.task, task)]
    unknown = (seen or languages) if not adapters or any(a.recipe is None for a in adapters) else ()
    return tuple(sorted({*(code for run in runs for code in run.sources), *unknown}))


def _trained_elsewhere(
    recipe: Recipe, adapters: Sequence[Trained], store: RowStore
) -> tuple[list[str], Callable[[Example], bool]]:
    """(which adapters of other data may have been trained on rows of this task, whether a row is among those, in this
    or another language)."""
    names, texts, ids = list[str](), set[str](), set[str]()
    for adapter in adapters:
        of_run = adapter.recipe
        if of_run is None or not _may_overlap(recipe.task, of_run.task):
            continue
        names.append(adapter.folder.name)
        task = of_run.task
        try:
            for code in of_run.sources:
                texts |= {_text(e) for e in store.load(task, code, task.train_split, role="train").examples}
        except Problem as problem:
            raise Problem(
                f"It is not known whether {names[-1]} was trained on rows of {recipe.task.data}, since its own data "
                f"cannot be read: {problem} Put them back, or write task.held_out_share={recipe.task.held_out_share:g} "
                "to score that share of the rows whatever it was trained on (1: all)."
            ) from None
        for code in of_run.sources:
            with contextlib.suppress(Problem):  # the data scored have no rows in this language
                ids |= {e.id for e in scorable(recipe, code, store).examples if _text(e) in texts}
    return names, lambda e: e.id in ids or (bool(texts) and _text(e) in texts)


def _may_overlap(task: TaskConfig, of_run: TaskConfig) -> bool:
    if is_same_data(task, of_run) or ("world" in (task.data, of_run.data) and task.data != of_run.data):
        return False
    alike = task.name == of_run.name or "custom" in (task.name, of_run.name)
    return alike and task.shape == of_run.shape


def _text(example: Example) -> str:
    return "\0".join(sorted(normalise(text) for text in example.fields.values()))


@dataclass(frozen=True)
class SetAside:
    """The rows that are not scored: language -> ids, and what is told about them."""

    ids: dict[str, frozenset[str]]
    notes: tuple[str, ...]


def rows_set_aside(
    recipe: Recipe, languages: Sequence[str], note: str, adapters: Sequence[Trained], store: RowStore
) -> SetAside:
    """What is set aside of a task, by division and because adapters of other data know it; a Problem where nothing is
    left of a language. ``note`` is told before."""
    names, is_known = _trained_elsewhere(recipe, adapters, store)
    same = [a.recipe for a in adapters if a.recipe and is_same_data(a.recipe.task, recipe.task)]
    looked_at = frozenset[str]().union(*(validation_ids(of_run, store) for of_run in same))
    if recipe.task.data == "world" and not names:  # its splits are apart
        return SetAside(dict.fromkeys(languages, looked_at), (note,) if note else ())
    loaded = {code: scorable(recipe, code, store) for code in languages}
    told = set_aside(recipe.task, loaded)
    if told and any(a.recipe is None for a in adapters):
        told.append(
            "it is not known what an adapter without its run folder was trained on; all rows: task.held_out_share=1"
        )
    notes = [note, *told] if note else told
    ids = {
        code: frozenset(e.id for e in found.examples if e.id in looked_at or is_known(e))
        for code, found in loaded.items()
    }
    counts = {code: (len(ids[code]), len(found.examples)) for code, found in loaded.items()}
    who = ", ".join(names)
    for code, (known, number) in counts.items():
        if known == number:
            raise Problem(
                f"All {number} rows of {recipe.task.data} in '{code}' are among those that {who} may have been trained "
                "on, in this or another language: nothing is left to score. Leave the language out, or write "
                "task.held_out_share=1 to score them anyway."
            )
    if any(known for known, _ in counts.values()):
        why = f"set aside because {who} may have been trained on them, in this or another language"
        notes.append(f"{recipe.task.data}: not scored, {why}: {told_by_language(counts)}")
    return SetAside(ids, tuple(notes))
