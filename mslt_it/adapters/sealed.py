"""Folders that are whole or not there: made beside their place, sealed with hashes, moved there in one step.

``COMPLETE.json`` inside has the SHA-256 of every other file; the folder's own record (export.json) says in ``inputs``
what it was made of, so that a finished one is recognised and a torn one is not taken for done.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from mslt_it.adapters.identity import file_hash
from mslt_it.problems import Problem
from mslt_it.tuning.checkpoints import COMPLETE, find_damage, write_atomically

SPARE_BYTES = 32 * 2**20  # tokenizer, configuration and what the disk needs for itself


@contextlib.contextmanager
def making(out: Path) -> Iterator[Path]:
    """A hidden folder beside ``out``, not there yet; whatever is still in it at the end is removed."""
    part = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)  # of one that was killed
        out.parent.mkdir(parents=True, exist_ok=True)
        yield part
    except (OSError, SafetensorError) as error:
        raise Problem(f"{out} could not be written: {error}. What was there is as it was.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def finish(part: Path, out: Path, record_name: str, record: Mapping[str, Any]) -> None:
    """Writes the record and the seal, all of it on the disk, then ``part`` becomes ``out``."""
    write_atomically(part / record_name, json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    files = sorted(file for file in part.rglob("*") if file.is_file() and file.name != COMPLETE)
    for file in files:
        file.chmod(0o644)  # libraries that write through temporary files leave them to their owner alone
        with open(file, "rb") as handle:
            os.fsync(handle.fileno())  # a hash of bytes that are only in memory would not survive a power cut
    sums = {file.relative_to(part).as_posix(): file_hash(file) for file in files}
    write_atomically(part / COMPLETE, json.dumps({"files": sums}, indent=1, sort_keys=True) + "\n")
    take_place(part, out)


def take_place(part: Path, out: Path) -> None:
    """``part`` becomes ``out``; an empty or torn folder there goes first, whole or not at all."""
    aside = out.with_name(f".{out.name}.torn")
    shutil.rmtree(aside, ignore_errors=True)
    if out.exists():
        out.rename(aside)
    try:
        part.rename(out)
    except OSError:
        if aside.exists():
            aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


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


def require_space(parent: Path, needed: int, what: str) -> None:
    """A Problem when the disk cannot take ``needed`` bytes and a little more: before anything is written."""
    needed += SPARE_BYTES
    available = shutil.disk_usage(parent).free
    if available < needed:
        raise Problem(
            f"Not enough disk space for {what} in {parent}: {needed / 2**20:.0f} MiB needed, "
            f"{available / 2**20:.0f} MiB available. Free some space, or give out= on another disk."
        )


def sealed_files(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 of every sealed file; a Problem where one is not as it was sealed."""
    damage = find_damage(folder)
    if damage is not None:
        raise Problem(f"{folder} is not whole ({damage}). Export it again.")
    return dict(json.loads((folder / COMPLETE).read_text(encoding="utf-8"))["files"])


def _read(out: Path, record_name: str) -> dict[str, Any] | None:
    """What the record says; empty where it is damaged but the folder was sealed as an export; None: it is none."""
    try:
        record = json.loads((out / record_name).read_text(encoding="utf-8"))
        if isinstance(record, dict) and isinstance(record.get("inputs"), dict):
            return record
    except (OSError, ValueError):
        pass
    try:
        return {} if record_name in json.loads((out / COMPLETE).read_text(encoding="utf-8"))["files"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _short(value: Any) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else text or "none"
