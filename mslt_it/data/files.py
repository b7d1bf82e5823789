"""Reading tables from local files: TSV, CSV, JSON Lines (also when named .json), JSON arrays and Parquet.

A table is a list of ``Row``: the place it came from and its values by column name. TSV is read with quoting off
(the public benchmarks hold unbalanced quotes; CSV quoting silently joins their rows).
"""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.problems import NotScorable, Problem

EXTENSIONS = (".tsv", ".txt", ".csv", ".jsonl", ".json", ".parquet")
LANGUAGE_COLUMNS = ("lang", "language")
_SPLITS = {"train": "train", "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev", "test": "test"}


@dataclass(frozen=True)
class Row:
    """One row: ``place`` is what an error names ("line 17" or "row 17"); values by column."""

    place: str
    values: Mapping[str, Any]


def canonical_split(name: str) -> str:
    """``dev``, ``val``, ``valid``, ``validation`` are one split; ``dev_2k`` is ``dev``; other names stay."""
    return _SPLITS.get(re.split(r"[^a-z0-9]", name.lower(), maxsplit=1)[0], name)


def list_files(folder: Path) -> list[Path]:
    """The table files directly in a folder, by name."""
    return sorted(p for p in folder.iterdir() if p.is_file() and p.suffix in EXTENSIONS and not p.name.startswith("."))


def listing(folder: Path) -> str:
    """What lies in a folder, for an error message (at most 30 names)."""
    names = sorted(p.name + ("/" if p.is_dir() else "") for p in folder.iterdir() if not p.name.startswith("."))
    more = f" and {len(names) - 30} more" if len(names) > 30 else ""
    return (", ".join(names[:30]) + more) or "nothing"


def files_by_split(root: Path, language: str) -> dict[str, list[Path]]:
    """Canonical split -> its files, for one language; split "" means that the file's name says no split.

    Looked for in this order: ``root`` is the file; ``<lang>/<split>.<ext>``; ``<lang>.<ext>``; ``<split>.<ext>`` with a
    language column.
    """
    if root.is_file():
        return {"": [root]}
    found: dict[str, list[Path]] = {}
    own = root / language
    if own.is_dir():
        for path in list_files(own):
            found.setdefault(canonical_split(path.stem.split(".")[0]), []).append(path)
        return {split: _prefer_exact(split, paths) for split, paths in found.items()}
    named = [p for p in list_files(root) if p.stem == language]
    if named:
        return {"": named}
    for path in list_files(root):
        split = canonical_split(path.stem.split(".")[0])
        if split in _SPLITS.values():
            found.setdefault(split, []).append(path)
    return found


def languages_at(root: Path) -> list[str]:
    """The languages that have a folder or a file of their own under ``root``."""
    if root.is_file():
        return []
    folders = [p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(".") and list_files(p)]
    return sorted({*folders, *(p.stem for p in list_files(root) if canonical_split(p.stem) == p.stem)})


def read_table(path: Path, columns: Sequence[str]) -> tuple[Row, ...]:
    """All rows of a file. ``columns`` names the fields wanted: they tell a header line from data, and name the columns
    of a file without a header, in this order. The result is cached until the file changes."""
    stat = path.stat()
    return _read_table(path, tuple(columns), stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=8)
def _read_table(path: Path, columns: tuple[str, ...], mtime_ns: int, size: int) -> tuple[Row, ...]:
    if size == 0:
        raise Problem(f"{path} is empty. Put the data there again, or point task.data elsewhere.")
    if path.suffix == ".parquet":
        rows = _read_parquet(path)
    else:
        text = decode(path)
        is_json = path.suffix in (".jsonl", ".json")
        rows = _read_json(path, text) if is_json else _read_delimited(path, text, columns)
    if not rows:
        raise Problem(f"{path} holds no data rows. Put the data there again, or point task.data elsewhere.")
    return tuple(rows)


def _prefer_exact(split: str, paths: list[Path]) -> list[Path]:
    exact = [p for p in paths if canonical_split(p.stem) == split and "." not in p.stem]
    return exact or paths


def decode(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise NotScorable(
            f"{path} line {line} is not UTF-8 (byte 0x{raw[error.start]:02x}). Convert it, for example with iconv.",
            f"{path.name} line {line} is not UTF-8",
        ) from error


def _read_delimited(path: Path, text: str, columns: tuple[str, ...]) -> list[Row]:
    if path.suffix == ".csv":
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines: list[tuple[int, list[str]]] = []
        try:
            for cells in reader:
                lines.append((reader.line_num, cells))
        except csv.Error as error:
            raise Problem(f"{path} line {reader.line_num} is not valid CSV: {error}.") from error
    else:
        # Only \n ends a row: str.splitlines would also cut at U+2028 and the like inside a sentence.
        texts = text.removesuffix("\n").split("\n")
        lines = [(number, line.removesuffix("\r").split("\t")) for number, line in enumerate(texts, 1)]
    names = [cell.strip().lower() for cell in lines[0][1]]
    has_header = bool(set(names) & {c.lower() for c in columns})
    header = [cell.strip() for cell in lines[0][1]] if has_header else list(columns)
    rows = []
    for number, cells in lines[1:] if has_header else lines:
        if len(cells) > len(header):
            kind = "the header names" if has_header else f"the recipe names ({', '.join(columns)})"
            raise Problem(
                f"{path} line {number} has {len(cells)} columns, {kind} {len(header)}. "
                "Is a tab or comma inside a field, or a header line missing?"
            )
        rows.append(Row(f"line {number}", dict(zip(header, cells, strict=False))))  # a short row lacks its last columns
    return rows


def _read_json(path: Path, text: str) -> list[Row]:
    if text.lstrip().startswith("["):
        try:
            items = json.loads(text)
        except json.JSONDecodeError as error:
            raise Problem(f"{path} line {error.lineno} is not valid JSON: {error.msg}.") from error
        numbered = [(f"row {i}", item) for i, item in enumerate(items, 1)]
    else:
        numbered = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                numbered.append((f"line {number}", json.loads(line)))
            except json.JSONDecodeError as error:
                raise Problem(f"{path} line {number} is not valid JSON: {error.msg}.") from error
    for place, item in numbered:
        if not isinstance(item, dict):
            raise Problem(f"{path} {place} is not an object with field names but {type(item).__name__}.")
    return [Row(place, item) for place, item in numbered]


def _read_parquet(path: Path) -> list[Row]:
    import pyarrow.parquet

    try:
        items = pyarrow.parquet.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise Problem(f"{path} cannot be read as Parquet: {error}.") from error
    return [Row(f"row {i}", item) for i, item in enumerate(items, 1)]
