"""A run folder that is finished, read without anything that its model takes: what is wrong with it is told at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import Recipe
from mslt_it.places import ADAPTER_CONFIG, TRAIN_AGAIN, refuse_no_run
from mslt_it.problems import Problem
from mslt_it.store import COMPLETE, altered, read_json, sealed_files

ADAPTER = "adapter"
WEIGHTS = "adapter_model.safetensors"
# The files of a run that decide what its adapter does; others (its card, its predictions) may change.
DECISIVE = ("config.yaml", "results.json", f"{ADAPTER}/adapter_config.json", f"{ADAPTER}/{WEIGHTS}")
# As safetensors and torch name them.
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_DTYPES |= {"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool"}


@dataclass(frozen=True)
class FinishedRun:
    """A run folder whose decisive files have the hashes they were sealed with."""

    folder: Path
    recipe: Recipe
    provenance: Mapping[str, Any]  # of results.json

    @property
    def adapter(self) -> Path:
        return self.folder / ADAPTER


def named(path: Any, revision: Any) -> str:
    return f"{path}@{revision}" if revision else str(path)


def adapter_hash(path: Path | str) -> str:
    """SHA-256 over an adapter's tensors in name order, with names, types and shapes: equal weights, equal hash, that of
    `mslt_it.models.base_model.tensors_hash`."""
    file, digest = Path(path) / WEIGHTS, hashlib.sha256()
    try:
        with safe_open(file, framework="numpy"):  # its header is looked at, and that the file is as long as it says
            pass
        with open(file, "rb") as content:
            start = int.from_bytes(content.read(8), "little")
            header = json.loads(content.read(start))
            for name in sorted(header.keys() - {"__metadata__"}):
                one = header[name]
                begin, end = one["data_offsets"]
                dtype = _DTYPES.get(one["dtype"], one["dtype"])
                digest.update(f"{name} torch.{dtype} {tuple(one['shape'])}\n".encode())
                content.seek(8 + start + begin)
                digest.update(content.read(end - begin))
    except (OSError, SafetensorError) as error:
        raise Problem(f"Adapter {file} is missing or damaged: {error}") from error
    return digest.hexdigest()


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Of all weights in a folder, by their names, without reading them; empty where one of its files is damaged."""
    found: dict[str, tuple[int, ...]] = {}
    for file in folder.glob("*.safetensors"):
        try:
            with safe_open(file, framework="numpy") as weights:
                for name in weights.keys():  # noqa: SIM118 (it is no mapping)
                    found[name] = tuple(weights.get_slice(name).get_shape())
        except (OSError, SafetensorError):
            return {}
    return found


def read_run(folder: Path | str) -> FinishedRun:
    """A finished run; a Problem where the folder is none, was not sealed, or is not as it was sealed."""
    folder = Path(folder)
    refuse_no_run(folder)
    try:
        sealed = sealed_files(folder)
    except Problem as problem:
        raise Problem(f"run={folder}: its records cannot be read ({problem}) {TRAIN_AGAIN}") from problem
    for name in DECISIVE:
        if name not in sealed:
            raise Problem(f"run={folder}: {COMPLETE} does not list {name}. {TRAIN_AGAIN}")
    for name, wrong in altered(folder, DECISIVE):
        raise Problem(f"run={folder}: {name} {wrong}. {TRAIN_AGAIN}")
    provenance = (read_json(folder / "results.json") or {}).get("provenance")
    provenance = provenance if isinstance(provenance, dict) else {}
    if not all(isinstance(provenance.get(name), str) for name in ("adapter_sha256", "base_sha256")):
        raise Problem(f"run={folder}: results.json does not say which adapter and base it belongs to. {TRAIN_AGAIN}")
    found = adapter_hash(folder / ADAPTER)
    if found != provenance["adapter_sha256"]:
        raise Problem(
            f"run={folder}: its results are not those of its adapter (sha256 {found[:12]}, results.json says "
            f"{provenance['adapter_sha256'][:12]}). {TRAIN_AGAIN}"
        )
    recipe = load_recipe("config", config_dir=folder)
    if recipe.task.shape == "classification" and not recipe.task.label_names:
        names = tuple(provenance.get("labels") or ())  # found when it was trained: its table need not be there any more
        recipe = dataclasses.replace(recipe, task=dataclasses.replace(recipe.task, label_names=names))
    return FinishedRun(folder, recipe, provenance)


def run_of(folder: Path) -> FinishedRun | None:
    """The finished run that a folder is, or whose adapter it is; None: an adapter that goes without its run."""
    around = (folder, folder.parent) if folder.name == ADAPTER else (folder,)
    found = next((one for one in around if (one / COMPLETE).is_file() and not (one / ADAPTER_CONFIG).is_file()), None)
    return None if found is None else read_run(found)
