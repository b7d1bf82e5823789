"""The study's folder: its manifest, written before the first cell, and which cells are done.

studies/<name>/
  manifest.json        config, recipe, versions, and every cell with its recipe's fingerprint
  cells/<id>/          an ordinary run folder; done when it is sealed and every file is as it was sealed
  timing/<id>.json     seconds a cell took, for --dry-run and the time left
  failed/<id>.txt      why a cell failed, until it succeeds
  mingling.json        how languages lie in the model, and predicted.json, the ranking foretold: made after the cells
  predicted/           what the prediction was made of, so that it goes on after a kill
  logs/                what the workers printed
  locks/               held while a cell is being run, so that two processes never write one folder
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import keys
from mslt_it.places import MANIFEST, refuse_no_study
from mslt_it.problems import Problem
from mslt_it.records import to_plain
from mslt_it.runs import Run, versions
from mslt_it.store import OWN_HASH, was_altered, with_own_hash, write_atomically
from mslt_it.study.config import FREE, StudyConfig
from mslt_it.study.grid import Cell, cell_recipe

AGAIN = "Start the same `mslt study` again, which rewrites it: what is done stays done."
# What can change a figure; more of it stands in each cell's environment.json.
VERSIONED = ("mslt_it", "torch", "transformers", "trl", "peft", "accelerate", "tokenizers", "numpy")
# Keys of the resolved recipe that differ from cell to cell, or say nothing about figures.
OF_THE_CELL = (
    *("name", "sources", "targets", "seed", "output_dir", "prompt.variant"),
    *("data.num_examples_total", "data.num_examples", "data.assignment_seed"),
    *(name for name, key in keys(Recipe).items() if name.startswith("select.") or not key.decides),
)


@dataclass(frozen=True)
class StudyFolder:
    """Where things lie in ``studies/<name>``."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / MANIFEST

    def cell(self, cell_id: str) -> Path:
        return self.path / "cells" / cell_id

    def failed(self, cell_id: str) -> Path:
        return self.path / "failed" / f"{cell_id}.txt"

    def timing(self, cell_id: str) -> Path:
        return self.path / "timing" / f"{cell_id}.json"

    def lock(self, name: str) -> Path:
        return self.path / "locks" / f"{name}.lock"


def build_manifest(config: StudyConfig, base: Recipe, found: Sequence[Cell], folder: StudyFolder) -> dict[str, Any]:
    """The manifest as it is to be written; ``config`` has its budgets written out."""
    recipes = {cell.id: cell_recipe(base, config, cell, folder.cell(cell.id)) for cell in found}
    return {
        "study": config.name,
        "config": {key: value for key, value in to_plain(config).items() if key != "name"},
        "recipe": {
            key: value for key, value in _dotted(to_plain(base)).items() if key not in (*OF_THE_CELL, *config.grid)
        },
        "versions": {"python": platform.python_version(), **versions(VERSIONED)},
        "cells": [{**to_plain(cell), "fingerprint": recipes[cell.id].run_fingerprint()} for cell in found],
    }


def read_manifest(folder: StudyFolder) -> dict[str, Any] | None:
    """The manifest of a study that was begun; None where there is none."""
    try:
        content = json.loads(folder.manifest.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (IsADirectoryError, ValueError, RecursionError) as error:
        raise Problem(f"{folder.manifest} cannot be read ({error}). {AGAIN}") from error
    parts = {"config": dict, "cells": list, "recipe": dict, "versions": dict}
    if not isinstance(content, dict) or not all(isinstance(content.get(name), kind) for name, kind in parts.items()):
        raise Problem(f"{folder.manifest} is not a study's manifest. Choose another out=DIR.")
    if was_altered(content) or not all(isinstance(cell, dict) and "id" in cell for cell in content["cells"]):
        raise Problem(f"{folder.manifest} was altered or damaged. {AGAIN}")
    content.pop(OWN_HASH, None)
    return content


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a study that was run; a Problem where it is missing or holds no cells."""
    refuse_no_study(folder)
    return read_manifest(StudyFolder(folder)) or {}


def refuse_changed(old: Mapping[str, Any], new: Mapping[str, Any], folder: StudyFolder) -> list[str]:
    """A Problem that names what differs where the cells would not be those that were begun; else notes on versions."""
    said = []
    swept = [key for one in (old, new) for key in one["config"].get("grid") or ()]
    for part, free in (("config", FREE), ("recipe", (*OF_THE_CELL, *swept))):
        before, now = ({"assignments": 1} if part == "config" else {}) | old[part], new[part]
        for key in sorted(before.keys() | now.keys()):
            if key not in free and (before.get(key) or None) != (now.get(key) or None):  # a key may be new
                said.append(f"{key}: {before.get(key)!r} before, {now.get(key)!r} now")
    of_old, of_new = ([(cell.get("id"), cell.get("fingerprint")) for cell in one["cells"]] for one in (old, new))
    if not said and of_old != of_new:
        said.append("fingerprints of the cells: made by another version of mslt_it, or its recipe has new keys")
    if said:
        raise Problem(
            f"{folder.path} holds a study of other cells. Different: {'; '.join(said)}. Put this back, or choose "
            "another out=DIR."
        )
    changed = [
        f"{name} {old['versions'].get(name)} before, {version} now"
        for name, version in new["versions"].items()
        if old["versions"].get(name) != version
    ]
    return [f"Versions differ from those the study was started with: {'; '.join(changed)}."] if changed else []


def write_manifest(folder: StudyFolder, content: Mapping[str, Any]) -> None:
    folder.path.mkdir(parents=True, exist_ok=True)
    write_atomically(folder.manifest, json.dumps(with_own_hash(content), indent=1, ensure_ascii=False) + "\n")


def finished_status(recipe: Recipe) -> str | None:
    """ "ok" or "invalid" of a cell whose run is sealed and whole, None where it is still to be done."""
    assert recipe.output_dir is not None
    if not (Path(recipe.output_dir) / "COMPLETE.json").is_file():
        return None
    found = Run(recipe).finished_results()
    return None if found is None else str(found["status"])


def _dotted(plain: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in plain.items():
        is_section = isinstance(value, dict) and value
        found |= {f"{key}.{name}": own for name, own in value.items()} if is_section else {key: value}
    return found
