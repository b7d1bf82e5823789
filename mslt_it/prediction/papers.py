"""What ``run=`` may be: a finished run, trained or combined; or a folder that was made of one and goes without it: of
`mslt merge`, or one form of `mslt export`, whose prompts.json says how new rows are asked. Read without the model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import build
from mslt_it.models.finished_run import FinishedRun, read_run
from mslt_it.places import MERGE, PROMPTS, RECORD
from mslt_it.problems import Problem
from mslt_it.publish.export_options import FORMS
from mslt_it.store import find_damage, read_json


@dataclass(frozen=True)
class Papers:
    """A folder that rows are labelled by, read and checked."""

    folder: Path
    recipe: Recipe  # by which rows are asked
    run: FinishedRun | None = None  # None: a folder without its run, of which the other two say what it is
    record: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # merge.json or export.json
    prompts: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # prompts.json


def read_papers(folder: Path) -> Papers:
    """What a folder holds; a Problem where that is nothing to ask, or not as it was written."""
    made = next((name for name in (MERGE, RECORD) if (folder / name).is_file()), None)
    if made is None:
        if forms := [form for form in FORMS if (folder / form / RECORD).is_file()]:
            raise Problem(f"run={folder} holds the exports {', '.join(forms)}. Give one: run={folder / forms[0]}.")
        run = read_run(folder)
        return Papers(folder, run.recipe, run)
    if (damage := find_damage(folder)) is not None:
        raise Problem(f"run={folder} was altered or damaged ({damage}). Make it again, or give the run itself.")
    record, prompts = read_json(folder / made) or {}, read_json(folder / PROMPTS) or {}
    if record.get("kind") == "onnx":
        raise Problem(
            f"run={folder} holds an ONNX graph, which other programs run. Give the run itself, or what mslt export "
            "made of it with format=[safetensors]."
        )
    if "recipe" not in prompts:
        raise Problem(
            f"{folder}: {PROMPTS} does not say how new rows are asked. Make the folder again, with mslt merge or "
            "mslt export."
        )
    return Papers(folder, build(Recipe, prompts["recipe"], f"{folder / PROMPTS}"), None, record, prompts)
