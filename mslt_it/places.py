"""Where a command reads and writes, looked at before anything is imported: a folder that is none is told at once."""

from __future__ import annotations

import difflib
import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mslt_it import values
from mslt_it.problems import Problem
from mslt_it.store import COMPLETE, read_json

CONFIG, FINGERPRINT = "config.yaml", "fingerprint.json"  # of a run
ADAPTER_CONFIG, MERGE, RECORD = "adapter_config.json", "merge.json", "export.json"  # of an adapter, and what is made
# Beside weights that were trained, what it says of their run, and which languages their own base had been trained on.
PROMPTS, RECIPE, BEFORE = "prompts.json", "recipe", "trained_before"
REQUEST, MANIFEST = "request.json", "manifest.json"  # of an evaluation, of a study
ITEMS = "items"  # journals of a run or an evaluation: items/<task>/<variant>/<system>/<language>.jsonl
# The file by which a folder is told -> what it holds.
KINDS = {CONFIG: "run", REQUEST: "evaluation", MANIFEST: "study", MERGE: "merged model", RECORD: "export"}
TRAIN_AGAIN = "Start its command again, which redoes only what is damaged, or restore its folder from an intact copy."
_PRINTED = "Give the run folder that `mslt train` printed last."


def refuse_no_run(folder: Path, key: str = "run") -> None:
    """A Problem where a folder is not that of a finished run; whether its files are whole is not looked at."""
    if not folder.is_dir():
        what = "it is a file." if folder.exists() else f"there is no such folder.{_meant(folder, key)}"
        raise Problem(f"{key}={folder}: {what} {_PRINTED}")
    is_run = any((folder / name).is_file() for name in (CONFIG, FINGERPRINT))
    if is_run and (folder / COMPLETE).is_file():
        return
    if (folder / ADAPTER_CONFIG).is_file():
        raise Problem(f"{key}={folder}: this is an adapter. Give the run folder it lies in: {key}={folder.parent}.")
    if is_run:
        raise Problem(f"{key}={folder}: there is no {COMPLETE}, so the run has not finished. {TRAIN_AGAIN}")
    sealed = (path.parent for pattern in ("*", "cells/*") for path in sorted(folder.glob(f"{pattern}/{COMPLETE}")))
    inner = next((path for path in sealed if (path / CONFIG).is_file()), None)
    remedy = f"Give one of the runs in it: {key}={inner}." if inner else _PRINTED
    raise Problem(f"{key}={folder}: there is no {CONFIG}, so it is not a run. {remedy}")


def refuse_no_model(folder: Path, key: str = "run") -> None:
    """The same of a folder that may be a merged or exported run, too."""
    if not any((one / name).is_file() for one in (folder, *folder.glob("*")) for name in (MERGE, RECORD)):
        refuse_no_run(folder, key)


def refuse_no_scores(folder: Path, key: str = "run") -> None:
    """The same of a folder that may be one of `mslt eval`, too."""
    if not (folder / REQUEST).is_file():
        refuse_no_run(folder, key)


def refuse_no_study(folder: Path, key: str = "study") -> None:
    """A Problem where a folder is not one that `mslt study` has begun."""
    if not (folder / MANIFEST).is_file():
        usual = Path("studies") / folder.name
        meant = usual if (usual / MANIFEST).is_file() else Path("studies/mini")
        raise Problem(
            f"{key}={folder}: there is no {MANIFEST}. Give the folder that `mslt study` writes, for example "
            f"{key}={meant}."
        )


def refuse_no_base(text: str, key: str = "model") -> None:
    """A Problem for a path of which no base model can be read; nothing is said of what may be a name on the Hub."""
    folder = values.path(text)
    if folder.is_file() and folder.suffix != ".gguf":
        raise Problem(f"{key}={text} is a file. Give the folder of a model, or a file that ends in .gguf.")
    if not folder.is_dir() and (text.startswith((".", "/", "~")) or "\\" in text or text.count("/") > 1):
        raise Problem(f"{key}={text}: there is no such folder.{_meant(folder, key)} Give that of a model.")


def refuse_no_adapter(folder: Path, key: str = "adapter") -> None:
    """A Problem for a folder that is neither a run nor holds an adapter."""
    if not (folder / COMPLETE).is_file() and not (folder / ADAPTER_CONFIG).is_file():
        raise Problem(
            f"{key}={folder}: there is neither {COMPLETE} (a run folder) nor {ADAPTER_CONFIG} (an adapter)."
            f"{_meant(folder, key)} Give the folder that `mslt train` printed last, or one that peft wrote."
        )


def refuse_no_place(folder: Path, key: str = "out", kind: str = "") -> None:
    """A Problem where no folder can be made or written into; what is finished there may be read-only.

    ``kind``: of what is written there, of `KINDS`; a folder of another one is left as it is. Empty: it may lie in any.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
    if not there.is_dir():
        raise Problem(f"{key}={folder}: {there} is a file. Give another folder.")
    if not os.access(there, os.W_OK | os.X_OK) and not (folder / COMPLETE).exists():
        raise Problem(f"{key}={folder}: {there} cannot be written to. Change its permissions, or give another folder.")
    names = sorted(path.name for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []
    if kind == "evaluation" and names and not {ITEMS, COMPLETE, *KINDS} & {*names}:
        raise Problem(f"{key}={folder} holds {names[0]} but no evaluation. Give another folder.")
    for name, holds in KINDS.items() if kind else ():
        if holds != kind and (folder / name).is_file():
            held = f"{'an' if holds[0] in 'aeiou' else 'a'} {holds} ({name})"
            raise Problem(f"{key}={folder} holds {held}, which is left as it is. Give another folder.")


def recorded(path: Path | str, revision: str | None = None) -> dict[str, Any]:
    """What `mslt merge` or `mslt export` left beside weights about the run they were made of; empty where nothing.

    Of a model on the Hub, ``revision`` of it, what lies in its cache: see `mslt_it.models.model_errors.fetch_record`.
    """
    there = values.path(path)
    if values.is_hub_id(str(path)):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(str(path), PROMPTS, revision=revision)
        return (read_json(Path(found)) if isinstance(found, str) else None) or {}
    folder = there.parent if there.is_file() else there  # of "world" nothing is there
    return read_json(folder / PROMPTS) or {}


def trained_before(path: Path | str, revision: str | None = None) -> tuple[str, ...]:
    """The languages that weights were trained on, as far as is `recorded`."""
    record = recorded(path, revision)
    recipe = record.get(RECIPE)
    found = [recipe.get("sources") if isinstance(recipe, dict) else None, record.get(BEFORE)]
    return tuple(dict.fromkeys(str(code) for codes in found if isinstance(codes, list) for code in codes))


def _meant(folder: Path, key: str) -> str:
    """The sentence that names a folder beside it of nearly the same name."""
    beside = folder.parent.iterdir() if folder.parent.is_dir() else ()
    close = difflib.get_close_matches(folder.name, [one.name for one in beside if one.is_dir()], n=1)
    return f" Did you mean {key}={folder.parent / close[0]}?" if close else ""


# What a key's declaration says of the place that it names -> what refuses another.
CHECKS: Mapping[str, Callable[[Path, str], None]] = {
    "run": refuse_no_run,
    "model": refuse_no_model,
    "scores": refuse_no_scores,
    "study": refuse_no_study,
    "adapter": refuse_no_adapter,
    "out": refuse_no_place,
    **{f"new {kind}": functools.partial(refuse_no_place, kind=kind) for kind in (*KINDS.values(), "exports")},
}
