"""``mslt data recipe=NAME [overrides]``: build the training rows and print the report, without training.

With ``output_dir=DIR`` the rows are written to DIR/train.jsonl and the report to DIR/report.json.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.command import Call, recipe_command, recipe_of
from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import ModelConfig, Recipe
from mslt_it.config.schema import sections
from mslt_it.data.build import build_training_set, format_report, with_found_labels
from mslt_it.data.resolve import resolved
from mslt_it.data.rows import RowStore
from mslt_it.locks import LOCK, only_writer
from mslt_it.models.kinds import with_base
from mslt_it.places import refuse_no_place
from mslt_it.problems import Problem
from mslt_it.progress import tell, working
from mslt_it.quiet import quiet_libraries
from mslt_it.records import BuildReport, EncodedExample, to_plain
from mslt_it.selection.auto import choose_sources
from mslt_it.store import read_json, write_atomically, write_json

WRITTEN = ("train.jsonl", "report.json")
USED = ("task", "data", "prompt", "model", "select")  # sections of a recipe that rows follow from


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Without looking for cycles, of which rows have none: among millions of them that is a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def late_tokenizer(model: ModelConfig) -> Any:
    """The base's tokenizer. Takes seconds and imports torch: what is wrong is told before."""
    with working("Starting"):
        from mslt_it.models.tokenizers import load_tokenizer

    quiet_libraries()
    return load_tokenizer(model)


@_without_collecting()
def run(call: Call) -> int:
    """Builds, reports, writes where asked to; 0 = built."""
    recipe, store = with_base(load_recipe(*recipe_of(call), choose=choose_sources)), RowStore()
    folder = values.path(recipe.output_dir) if recipe.output_dir else None
    if folder:
        refuse_no_place(folder, "output_dir", "rows")
        is_ours = "num_leaks_checked" in (read_json(folder / WRITTEN[1]) or {})
        for path in (folder / name for name in WRITTEN):
            if path.exists() and not is_ours:
                raise Problem(f"output_dir={folder}: {path} was not written by mslt data. Give another folder.")

    tokenizer = functools.cache(functools.partial(late_tokenizer, recipe.model))
    recipe = with_found_labels(resolved(recipe, tokenizer, store), store)
    rows, report = build_training_set(recipe, tokenizer(), rows=store)
    tell(format_report(report))
    if idle := [one for one in call.rest if one.partition(".")[0] in {*sections(Recipe)} - {*USED}]:
        tell(f"Note: only rows are made here, on which {', '.join(idle)} {'have' if idle[1:] else 'has'} no effect.")
    if folder:
        with only_writer(folder, folder / LOCK, wait=call.options.wait):
            for path in write(rows, report, folder):
                tell(f"written: {path}")
    return 0


def write(rows: Sequence[EncodedExample], report: BuildReport, folder: Path) -> list[Path]:
    """``train.jsonl`` (one encoded row a line) and ``report.json``; each replaced whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(row, default=_fields, ensure_ascii=False) + "\n" for row in rows)
    of_rows, of_report = paths = [folder / name for name in WRITTEN]
    write_json(of_report, to_plain(report))  # what says whose they are goes first
    with working(f"Writing {of_rows}"):
        write_atomically(of_rows, lines)
    return paths


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


COMMAND = recipe_command(
    "data",
    "Build the training data and print what was kept, dropped and held out, without training. output_dir=DIR also "
    "writes the rows and the report.",
    (
        "mslt data recipe=xnli_3src",
        "mslt data recipe=xnli_3src data.num_examples_total=max output_dir=built",
        "mslt data recipe=custom task.data=my.csv task.input=text task.label=intent 'sources=[en,ar]' targets=rest",
    ),
    run,
    sections=USED,
)
