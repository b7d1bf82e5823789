"""``mslt data recipe=NAME [overrides]``: build the training rows and print the report, without training.

With ``output_dir=DIR`` the rows are written to DIR/train.jsonl and the report to DIR/report.json.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from mslt_it import values
from mslt_it.arguments import wants_help
from mslt_it.data.build import build_training_set, with_found_labels
from mslt_it.data.build_report import format_report
from mslt_it.data.resolve import resolved
from mslt_it.recipe_help import help_text
from mslt_it.records import BuildReport, EncodedExample, to_plain


def main(argv: Sequence[str]) -> int:
    """Runs the command; 0 = built."""
    if wants_help(argv):
        print(help_text("data", "build the training data and print the report, without training"))
        return 0
    from mslt_it.quiet import quiet_libraries
    from mslt_it.recipe import load_recipe, parse_arguments

    quiet_libraries()
    from mslt_it.models.base_model import load_tokenizer
    from mslt_it.models.packaged import with_reachable_base
    from mslt_it.selection.auto import choose_sources

    name, overrides, config_dir = parse_arguments(argv)
    recipe = with_reachable_base(load_recipe(name, overrides, config_dir, choose=choose_sources))
    tokenizer = load_tokenizer(recipe.model)
    recipe = with_found_labels(resolved(recipe, lambda: tokenizer))
    rows, report = build_training_set(recipe, tokenizer)
    print(format_report(report))
    if recipe.output_dir:
        for path in write(rows, report, values.path(recipe.output_dir)):
            print(f"written: {path}")
    return 0


def write(rows: Sequence[EncodedExample], report: BuildReport, folder: Path) -> list[Path]:
    """``train.jsonl`` (one encoded row a line) and ``report.json``; each replaced whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(to_plain(row), ensure_ascii=False) + "\n" for row in rows)
    contents = {
        "train.jsonl": lines,
        "report.json": json.dumps(to_plain(report), ensure_ascii=False, indent=2) + "\n",
    }
    for name, text in contents.items():
        temporary = folder / f".{name}.{os.getpid()}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(folder / name)
    return [folder / name for name in contents]
