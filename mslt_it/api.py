"""The package as a library: what the commands do, as functions whose results are objects.

    run = train("xnli_3src", sources=["ar", "de"], targets=["th", "tr"])
    run.table

Nothing is printed unless ``say=print`` asks for it. The arguments are the commands' keys; every mistake is a `Problem`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from transformers.utils import logging as transformers_logging

from mslt_it import values
from mslt_it.command import Call, RecipeOptions, recipe_of
from mslt_it.config import compose
from mslt_it.config.checks import check
from mslt_it.config.overrides import refuse_twice
from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import build, written
from mslt_it.data.resolve import resolved
from mslt_it.data.rows import RowStore
from mslt_it.evaluation import evaluate as evaluating
from mslt_it.evaluation.options import Options
from mslt_it.evaluation.request import request_of
from mslt_it.integrations.vllm import engine_of
from mslt_it.models.finished_run import read_run
from mslt_it.models.kinds import with_base
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.pipeline import Parts, run_recipe
from mslt_it.problems import Problem, Say
from mslt_it.progress import only_in_logs
from mslt_it.publish.export_options import MergeRequest
from mslt_it.publish.merge import merge_run
from mslt_it.quiet import quiet_libraries
from mslt_it.runs import Run
from mslt_it.selection.auto import choose_sources
from mslt_it.selection.ranking import Selection, rank_source_sets
from mslt_it.store import COMPLETE, is_intact, read_json

Place = str | os.PathLike[str]


@dataclass(frozen=True, repr=False)
class Result:
    """What all results have: a table to look at, and where it comes from."""

    table: pd.DataFrame
    provenance: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"{type(self).__name__}, table:\n{self.table}"

    def _repr_html_(self) -> str:
        return str(self.table.to_html())


@dataclass(frozen=True, repr=False)
class Stored(Result):
    """A result that lies in a folder. It stands for the folder wherever a path is taken."""

    folder: Path

    def __fspath__(self) -> str:
        return str(self.folder)


@dataclass(frozen=True, repr=False)
class TrainedRun(Stored):
    """A run folder. ``table``: a row per language and metric, with interval, the base's figure and the gain.

    ``status``: "ok"; "invalid" where a score is not finite, which then is missing in the table; "unscored".
    """

    status: str

    @classmethod
    def read(cls, folder: Place) -> TrainedRun:
        """A finished run from its folder."""
        path = values.path(folder) / "results.json"
        content = read_json(path)
        if content is None or not (path.parent / COMPLETE).exists():
            raise Problem(f"{path} is missing: no run finished there. Give the folder of one, or train it first.")
        _refuse_altered(path.parent, "results.json")
        return cls(pd.DataFrame(content["results"]), content["provenance"], path.parent, content["status"])

    @property
    def adapter(self) -> Path:
        """The adapter's folder, with a card that says how to load it."""
        return self.folder / "adapter"

    def answers(self, language: str) -> pd.DataFrame:
        """Every scored row of a language: what is right, and what adapter and base answered."""
        path = self.folder / "predictions" / f"{language}.jsonl"
        if not path.is_file():
            known = ", ".join(sorted(one.stem for one in path.parent.glob("*.jsonl"))) or "none"
            raise Problem(f"{self.folder} has no answers in '{language}'. It was scored in: {known}.")
        _refuse_altered(self.folder, f"predictions/{language}.jsonl")
        return pd.read_json(path, lines=True, dtype=False)


@dataclass(frozen=True, repr=False)
class Evaluation(Stored):
    """``table``: a row per system, variant, language and metric; ``differences``: between systems, paired by item."""

    status: str
    differences: pd.DataFrame
    notes: Sequence[str]


@dataclass(frozen=True, repr=False)
class Ranking(Result):
    """``table``: the sets of each criterion, best first; ``best``: the first of them all; ``selection``: all of it."""

    best: tuple[str, ...]
    selection: Selection


@dataclass(frozen=True, repr=False)
class Merged(Stored):
    """A merged model. ``table``: how far it is from the live adapter, a row per language and one for all."""


def load_recipe(
    recipe: str = "", overrides: Sequence[str] = (), *, config_dir: Place | None = None, **changes: Any
) -> Recipe:
    """A recipe by its name, changed: ``load_recipe("xnli_3src", ["training.num_epochs=2"], sources=["ar", "de"])``.

    Args:
        recipe: may be left out where ``task=NAME`` implies one.
        overrides: KEY=VALUE as on the command line.
        config_dir: a folder of your own recipes, tasks and prompts.
        changes: the same as values; a section's as a mapping, ``training={"num_epochs": 2}``.
    """
    folder = None if config_dir is None else os.fspath(config_dir)
    words = (*_listed(overrides), *_assignments(changes))
    call = Call(RecipeOptions(recipe), frozenset(), words, frozenset(), folder)
    refuse_twice(words)
    return compose.load_recipe(*recipe_of(call), choose=choose_sources)


def train(
    recipe: str | Recipe = "",
    overrides: Sequence[str] = (),
    *,
    config_dir: Place | None = None,
    say: Say | None = None,
    wait: bool = False,
    **changes: Any,
) -> TrainedRun:
    """Trains an adapter and scores every language, as `mslt train` does; a run that is already finished is read.

    Args:
        recipe: a name, or what `load_recipe` gave. The other arguments are those of `load_recipe`.
        say: is given each line that the command would print.
        wait: for another process that writes into the run's folder; else it is refused.
    """
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides, config_dir=config_dir, **changes)
    elif overrides or changes or config_dir is not None:
        raise Problem("train() was given a Recipe and changes to it. Give the changes to load_recipe().")
    check(recipe)
    asked = with_base(recipe)
    with _only_said(say) as show:
        rows = RowStore()
        ready = resolved(asked, lambda: load_tokenizer(asked.model), rows)
        run_recipe(ready, Parts(rows), show=show, wait=wait)
    folder = Run(ready).folder
    return TrainedRun.read(folder if ready.combine.method == "none" else folder / "combined")


def evaluate(
    run: Place | Sequence[Place] | None = None,
    *,
    overrides: Sequence[str] = (),
    config_dir: Place | None = None,
    say: Say | None = None,
    **options: Any,
) -> Evaluation:
    """Scores runs, or any model and adapters, as `mslt eval` does: ``evaluate(run, languages=["el"], variant="xlt")``.

    Args:
        run: a run or several, as objects or folders; None where ``model`` and ``task`` say what is scored.
        overrides: KEY=VALUE of the task's recipe.
        options: the keys of `mslt eval --help`: model, adapter, task, variant, languages, shots, samples, examples, ...
    """
    if run is not None:
        given = run if isinstance(run, Sequence) and not isinstance(run, str) else [run]
        options["run"] = [str(values.path(one)) for one in given]
    folder = None if config_dir is None else os.fspath(config_dir)
    record = build(Options, options, "evaluate()")
    request = request_of(Call(record, frozenset(options), _listed(overrides), frozenset(), folder))
    with _only_said(say) as show:
        content = evaluating.evaluate(request, show, vllm=engine_of(request.asked.backend))
    if not content:  # a process that only helped
        return Evaluation(pd.DataFrame(), {}, Path(), "ok", pd.DataFrame(), ())
    tables = (pd.DataFrame(content["results"]), pd.DataFrame(content["differences"]))
    where = Path(content["folder"])
    return Evaluation(tables[0], content["provenance"], where, content["status"], tables[1], content["notes"])


def select(pool: Sequence[str] = ("paper",), k: int = 3, **options: Any) -> Ranking:
    """Ranks every set of ``k`` source languages by each criterion, without training, as `mslt select` does. Options:
    those of `mslt_it.selection.ranking.rank_source_sets`: targets, must, exclude, cost, model, ..."""
    found = rank_source_sets(pool, k, **options)
    rows = [
        {"criterion": name, "languages": one.languages, "rank": one.rank, "score": one.score, "margin": one.margin}
        for name, ranking in found.criteria.items()
        for one in ranking.sets
    ]
    names = ("pool", "k", "targets", "model", "seed", "method", "num_sets", "uriel")
    return Ranking(
        pd.DataFrame(rows), {name: getattr(found, name) for name in names}, found.overall.sets[0].languages, found
    )


def merge(run: Place, out: Place, *, say: Say | None = None, **options: Any) -> Merged:
    """Merges a run's adapter into its base and compares both, as `mslt merge` does; beyond its limits a Problem.
    Options: the keys of `mslt merge --help`: dtype, strategy, prompts, wait."""
    request = build(MergeRequest, {"run": values.path(run), "out": out, **options}, "merge()")
    with _only_said(say) as show:
        done = merge_run(request, read_run(values.path(run)), show)
    found = done.record["comparison"]
    table = pd.DataFrame([*found["languages"], found["together"]])
    return Merged(table, {name: value for name, value in done.record.items() if name != "comparison"}, done.folder)


def _refuse_altered(folder: Path, name: str) -> None:
    if not is_intact(folder, name):
        raise Problem(
            f"{folder / name} has changed since the run finished. Start it again: what was altered is redone."
        )


@contextlib.contextmanager
def _only_said(say: Say | None) -> Iterator[Say]:
    """What takes the lines of a job. Without ``say`` nothing is shown: no bars either."""
    quiet_libraries()
    if say is not None:
        yield say
        return
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        with only_in_logs():
            yield lambda text: None
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def _listed(overrides: Sequence[str]) -> tuple[str, ...]:
    if isinstance(overrides, str):
        raise Problem(f"overrides={overrides!r} is a text, not a list. Write [{overrides!r}].")
    return tuple(overrides)


def _assignments(changes: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """KEY=VALUE of values."""
    for name, value in changes.items():
        if isinstance(value, Mapping):
            yield from _assignments(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}={written(value)}"
