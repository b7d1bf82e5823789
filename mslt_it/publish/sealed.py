"""Folders that are whole or not there: made beside their place, sealed with hashes, moved there in one step.

``COMPLETE.json`` inside has the SHA-256 of every other file; the folder's own record (export.json) says in ``inputs``
what it was made of, so that a finished one is recognised and a torn one is not taken for done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mslt_it import store
from mslt_it.problems import Problem
from mslt_it.store import COMPLETE, find_damage, read_json, seal, take_place, write_json

SPARE_BYTES = 32 * 2**20  # tokenizer, configuration and what the disk needs for itself


def finish(part: Path, out: Path, record_name: str, record: Mapping[str, Any]) -> None:
    """Writes the record and the seal, all of it on the disk, then ``part`` becomes ``out``."""
    write_json(part / record_name, record)
    files = [file for file in part.rglob("*") if file.is_file() and file.name != COMPLETE]
    for file in files:
        file.chmod(0o644)  # libraries that write through temporary files leave them to their owner alone
    seal(part, files)
    take_place(part, out)


def earlier(
    out: Path, record_name: str, inputs: Mapping[str, Any], say: Callable[[str], object]
) -> dict[str, Any] | None:
    """The record of a whole folder made of the same ``inputs``; None where there is nothing or a torn one.

    Raises:
        Problem: ``out`` is a file, holds something else, or was made of other inputs.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not out.is_dir():
        raise Problem(f"{out} is a file. Give another folder.")
    record = _read(out, record_name)
    if record is None:
        raise Problem(f"{out} holds something else (no {record_name} of an export). Give another folder.")
    there = record.get("inputs")
    if there and (differing := [key for key in inputs if there.get(key) != inputs[key]]):
        said = "; ".join(f"{key}: {_short(there.get(key))} there, {_short(inputs[key])} now" for key in differing)
        raise Problem(f"{out} holds another export ({said}). Give another folder, or remove that one.")
    damage = find_damage(out)
    if damage is None:
        return record
    say(f"{out} holds an export that is not whole ({damage}): it is made again.")
    return None


def require_space(parent: Path, needed_bytes: int, what: str) -> None:
    """A Problem when the disk cannot take what is to be written: before anything is."""
    store.require_space(parent, needed_bytes + SPARE_BYTES, what, "Free some space, or give out= on another disk.")


def sealed_files(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 of every sealed file; a Problem where one is not as it was sealed."""
    damage = find_damage(folder)
    if damage is not None:
        raise Problem(f"{folder} is not whole ({damage}). Export it again.")
    return store.sealed_files(folder)


def _read(out: Path, record_name: str) -> dict[str, Any] | None:
    """What the record says; empty where it is damaged but the folder was sealed as an export; None: it is none."""
    record = read_json(out / record_name)
    if record is not None and isinstance(record.get("inputs"), dict):
        return record
    try:
        return {} if record_name in store.sealed_files(out) else None
    except Problem:
        return None


def _short(value: Any) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else text or "none"
