"""Tables of a user's own with whatever stands in their column of labels."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from toy_world import load

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import Recipe
from mslt_it.data.build import with_found_labels
from mslt_it.data.rows import RowStore

WORDS = {"en": "the parcel {} is late", "de": "das Paket {} kommt zu spät", "fr": "le colis {} est en retard"}
BASE = ["task.input=text", "task.label=intent", "sources=[en,de]", "targets=[fr]", "data.num_examples_total=20"]


def table(language: str, labels: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"text": WORDS[language].format(i), "intent": label} for i, label in enumerate(labels)]


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    elif path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="," if path.suffix == ".csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def own(folder: Path, *more: str) -> Recipe:
    return with_found_labels(load_recipe("custom", [*BASE, f"task.data={folder}", *more]), RowStore())


def read(recipe: Recipe, language: str) -> dict[int, str]:
    """Row number -> label, over training and scored rows."""
    rows = [e for role in ("train", "score") for e in load(recipe.task, language, role, role=role).examples]  # type: ignore[arg-type]
    return {int(e.id.rpartition(":")[2]): e.label for e in rows}


def pasted(message: str) -> list[str]:
    """The arguments that an error or a note ends in, as a shell reads them."""
    return shlex.split(re.split(r"add: |(?:label|out|same|all): (?=['\"]?task\.)", message)[-1])
