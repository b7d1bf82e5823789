"""Reading tables from local files: TSV, CSV, JSON, Parquet, Arrow and Excel's .xlsx; text files also compressed (.gz).

A table is a list of ``Row``: the place it came from and its values by column name. TSV is read with quoting off
(the public benchmarks hold unbalanced quotes; CSV quoting silently joins their rows).
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mslt_it.data.cells import Cells
from mslt_it.data.columnar import COLUMNAR, columnar_rows
from mslt_it.data.delimited import HEADERLESS, named_cells, read_cells, unlike_header
from mslt_it.data.excel import EXCEL, excel_cells
from mslt_it.data.text_files import opened, whole
from mslt_it.problems import Problem, some

DELIMITED = (".tsv", ".tab", ".txt", ".csv")
TABLES = (*DELIMITED, ".jsonl", ".ndjson", ".json", *COLUMNAR, EXCEL)
CONLL = (".conll", ".iob", ".iob2", ".bio")
LANGUAGE_COLUMNS = ("lang", "language", "language_code", "lang_code", "locale")
ID_NAMES = ("id", "idx")
MOST_ROWS = 50_000_000  # beyond these a file was made to fill the memory
MOST_TITLES = 10  # lines above a header
MOST_SHARED = 10_000  # cells that are looked up to be held once
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "val", "valid", "validation", "development"), "dev"),
    **dict.fromkeys(("test", "testing"), "test"),
}
SPLIT_WORDS = frozenset(_SPLITS)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: ``place`` is what an error names ("line 17" or "row 17"); values by column."""

    place: str
    values: Mapping[str, Any]


def canonical_split(name: str) -> str:
    """``dev``, ``val``, ``valid``, ``validation`` are one split; other names (``test_expert``) stay what they are."""
    return _SPLITS.get(name.lower(), name)


def ending(path: Path) -> str:
    """What the name says about the format: ".csv" for "Tickets.CSV.gz"."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def base_name(path: Path) -> str:
    """The name without ending and compression: "xnli.dev.ko" for "xnli.dev.ko.tsv.gz"."""
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return Path(name).stem


def list_files(folder: Path) -> list[Path]:
    """The data files directly in a folder, by name."""
    known = (*TABLES, *CONLL)
    return sorted(p for p in folder.iterdir() if p.is_file() and ending(p) in known and p.name[0] not in ".~")


def listing(folder: Path) -> str:
    """What lies in a folder, for an error message (at most 30 names)."""
    return some(sorted(p.name + "/" * p.is_dir() for p in folder.iterdir() if not p.name.startswith(".")), 30)


def language_column(names: Iterable[str], taken: Iterable[str]) -> str | None:
    """The column that says each row's language (``Lang``, ``LANGUAGE``, ``language code``), unless the task asks for
    it (``taken``)."""
    plain = {re.sub(r"[\s-]+", "_", str(name).strip().lower()): name for name in names if name not in set(taken)}
    return next((plain[column] for column in LANGUAGE_COLUMNS if column in plain), None)


def read_table(path: Path, columns: Sequence[str], *, by_names: bool = False) -> list[Row]:
    """All rows of a file. ``columns`` names the fields wanted: they tell a header line from data, and name the columns
    of a file without a header, in this order. A column that differs from one wanted in its case alone is that one.
    ``by_names``: integers for which the file has names, as the labels of ``datasets`` have, are these names."""
    kind = ending(path)
    if kind not in TABLES:
        raise Problem(
            f"{path} has the ending '{kind or path.name}', which is not read as a table: {', '.join(TABLES)} are (text "
            "also as .gz). Rename it if it is one of these, else save it as .csv in UTF-8."
        )
    return refuse_empty(path, parsed(path, columns, by_names=by_names))


def refuse_empty(path: Path, rows: list[Row]) -> list[Row]:
    """The rows of a file, which must be some."""
    if not rows:
        raise Problem(f"{path} holds no data rows. Put the data there again, or point task.data elsewhere.")
    return rows


def parsed(path: Path, columns: Sequence[str], *, by_names: bool = False) -> list[Row]:
    """The rows as the file has them, by the format that its name says; ``by_names``: see `read_table`."""
    kind = ending(path)
    if kind in COLUMNAR:
        found = columnar_rows(path, MOST_ROWS, by_names=by_names)
        rows = [Row(f"row {i}", item) for i, item in enumerate(found, 1)]
        return _with_wanted_names(rows, columns)
    if kind == EXCEL:
        return _tabulated(path, excel_cells(path), columns, "a cell")
    if kind in DELIMITED:
        with opened(path, keeps_ends=kind == ".csv") as file:
            lines = read_cells(path, file, columns, kind)
        return _tabulated(path, lines, columns, "a tab or comma")
    return _with_wanted_names(_read_json(path, columns), columns)


def _wanted_names(names: Collection[str], columns: Sequence[str]) -> dict[str, str]:
    """Name -> the one that is wanted, of those that differ from it in their case alone."""
    renamed: dict[str, str] = {}
    for wanted in (*columns, *ID_NAMES):
        same = [n for n in names if n not in columns and n.strip().casefold() == wanted.casefold()]
        if wanted not in names and len(same) == 1:
            renamed[same[0]] = wanted
    return renamed


def _with_wanted_names(rows: list[Row], columns: Sequence[str]) -> list[Row]:
    renamed = _wanted_names({name for row in rows for name in row.values}, columns)
    if not renamed:
        return rows
    return [Row(row.place, {renamed.get(name, name): value for name, value in row.values.items()}) for row in rows]


# ---------------------------------------------------------------- cells under a header


def _tabulated(path: Path, lines: list[tuple[str, list[Any]]], columns: Sequence[str], what: str) -> list[Row]:
    """Rows of cells as rows by column, named by a header or else by the recipe."""
    while lines and not any(map(_is_filled, lines[-1][1])):  # spreadsheets end in rows, and in columns, of empty cells
        lines.pop()
    if not lines:
        return []
    if titles := _num_titles(lines, columns):
        del lines[:titles]
    width = len(columns)
    for _, cells in lines:
        if len(cells) > width:
            width = max(width, num_filled(cells))
    first = [str(cell).strip() for cell in lines[0][1][:width]]
    has_header = not unlike_header(first, (cells[:width] for _, cells in lines[1:]), columns)
    header = named_cells(path, lines[0][0], first) if has_header else list(columns)
    renamed = _wanted_names(header, columns)
    places = {renamed.get(name, name): number for number, name in enumerate(header)}
    above, rows = lines[0][0], []
    same: dict[Any, Any] = {}  # labels, and premises that stand in several rows near each other
    lines.reverse()
    if has_header:
        lines.pop()
    while lines:  # a line goes when its row is there
        place, cells = lines.pop()
        if len(same) > MOST_SHARED:
            same.clear()
        found = tuple([same.setdefault(cell, cell) if type(cell) is str else cell for cell in cells[:width]])
        if len(found) > len(header):
            kind = "the header names" if has_header else f"the recipe names ({', '.join(columns)})"
            raise Problem(
                f"{path} {place} has {len(found)} columns, {kind} {len(header)}. Is {what} inside a field, or a header "
                f"line missing? {'' if has_header else HEADERLESS}".rstrip()
            )
        if has_header and str(found[0]).strip() == first[0] and [str(cell).strip() for cell in found] == first:
            raise Problem(f"{path} {place} repeats the header of {above}, as joined files do. Remove that line.")
        rows.append(Row(place, Cells(places, found)))
    return rows


def _num_titles(lines: Sequence[tuple[str, Sequence[Any]]], columns: Sequence[str]) -> int:
    """How many lines of one cell, as a sheet's title, stand above the line with all names that are asked for."""
    wanted = {name.casefold() for name in columns}
    for number, (_, cells) in enumerate(lines[:MOST_TITLES] if len(wanted) > 1 else ()):
        filled = [str(cell).strip().casefold() for cell in cells if _is_filled(cell)]
        if wanted <= set(filled):
            return number
        if len(filled) != 1:
            break
    return 0


def _is_filled(cell: Any) -> bool:
    return bool(str(cell).strip())


def num_filled(cells: Sequence[Any]) -> int:
    """The number of cells without empty ones at the end, in which a spreadsheet's rows end."""
    return next((n for n in range(len(cells), 0, -1) if _is_filled(cells[n - 1])), 0)


# ---------------------------------------------------------------- JSON


def _read_json(path: Path, columns: Sequence[str]) -> list[Row]:
    """A list of objects, one object a line, or (.json) an object with the list in it."""
    with opened(path) as file:
        lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
        first = list(itertools.islice(lines, 2))
        if not first:
            return []
        if first[0][1].lstrip()[0] == "[":
            file.seek(0)
            found = [(f"row {i}", item) for i, item in enumerate(parse_json(path, whole(file)), 1)]
        elif ending(path) == ".json" and not (len(first) > 1 and re.fullmatch(r"\s*\{.*\}\s*", first[0][1])):
            file.seek(0)
            found = _from_object(path, parse_json(path, whole(file)), columns)
        else:
            numbered = itertools.chain(first, lines)
            found = [(f"line {number}", parse_json(path, line, number)) for number, line in numbered]
    for place, item in found:
        if not isinstance(item, dict):
            field = columns[0] if columns else "text"
            raise Problem(
                f'{path} {place} is {type(item).__name__}, not an object. Write {{"{field}": ...}} for each row.'
            )
    return [Row(place, item) for place, item in found]


def parse_json(path: Path, text: str, line: int = 0) -> Any:
    """The value of a JSON text; a Problem that names the line where it is none, or where a name occurs twice."""

    at = f" line {line}" if line else ""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = {sys.intern(name): value for name, value in pairs}  # one text for a name in all rows
        if len(values) < len(pairs):
            twice = next(name for name in values if sum(other == name for other, _ in pairs) > 1)
            raise Problem(f"{path}{at} has the field '{twice}' twice in one object. Rename one.")
        return values

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        at = f" line {line or error.lineno}"
        raise Problem(f"{path}{at} is not valid JSON: {error.msg}. Write one object per line.") from error
    except (RecursionError, ValueError) as error:  # nested too deeply, or an integer of thousands of digits
        raise Problem(f"{path}{at} cannot be read as JSON: {error}.") from error


def _from_object(path: Path, item: Any, columns: Sequence[str]) -> list[tuple[str, Any]]:
    """The rows in one object: a list of rows under one name, or itself."""
    item = item if isinstance(item, dict) else {}
    wanted = set(columns) & set(item)
    tables = {
        name: rows for name, rows in item.items() if isinstance(rows, list) and rows and isinstance(rows[0], dict)
    }
    if len(tables) == 1 and not wanted:
        name, rows = next(iter(tables.items()))
        if "paragraphs" in rows[0]:
            raise Problem(f"{path} is in SQuAD's layout, not a table. Set task.file_layout=squad.")
        return [(f"{name}, row {i}", row) for i, row in enumerate(rows, 1)]
    if wanted or not columns:
        return [("row 1", item)]
    raise Problem(
        f"{path} is one JSON object with the names {', '.join(item) or '(none)'}. Expected one object "
        "per line, or one list of objects."
    )
