"""Tables as streams, row by row: CSV, TSV, JSON Lines and Parquet, text files also compressed (.gz); Excel's at once.
What is written has every column that was read, in the same order, and those that are added."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow
import pyarrow.parquet

from mslt_it import values
from mslt_it.data.columnar import columnar_rows
from mslt_it.data.delimited import named_cells, records, sample_of, separator_of
from mslt_it.data.excel import MOST_ROWS, excel_cells, refuse_long, require_openpyxl, write_excel
from mslt_it.data.files import num_filled, parse_json
from mslt_it.data.text_files import opened
from mslt_it.problems import Problem
from mslt_it.progress import working

BATCH = 4096  # rows of a Parquet file at a time

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """A file that was read through once: its columns and how many rows it has."""

    path: Path
    format: str
    names: tuple[str, ...]
    num_rows: int

    def rows(self) -> Iterator[Values]:
        """Every row, in order; a Problem names the line that cannot be read."""
        return _rows(self.path, self.format)

    def chunks(self, size: int) -> Iterator[tuple[int, list[Values]]]:
        """(number, up to ``size`` rows), in order."""
        rows = self.rows()
        for number in itertools.count():
            if not (chunk := list(itertools.islice(rows, size))):
                return
            yield number, chunk


def scan(path: Path, form: str) -> Table:
    """The table in a file, which is read through: what is wrong with it is found before anything is asked."""
    with working(f"Reading {path}"):
        return _read(path, form, _rows(path, form))


def _read(path: Path, form: str, rows: Iterable[Values]) -> Table:
    names: dict[str, None] = {}
    number = 0
    for row in rows:
        number += 1
        if row.keys() - names.keys():
            names |= dict.fromkeys(row)
    if not number:
        raise Problem(f"{path} holds no rows. Put the data there again, or give another file.")
    return Table(path, form, tuple(names), number)


def first_names(path: Path, form: str) -> tuple[str, ...] | None:
    """The columns, told by the first rows; None where later rows may have others."""
    first = list(itertools.islice(_rows(path, form), BATCH))
    if form == "jsonl" and len(first) == BATCH:
        return None
    return _read(path, form, first).names


def _rows(path: Path, form: str) -> Iterator[Values]:
    if form == "parquet":
        yield from columnar_rows(path)
        return
    if form == "xlsx":
        found = [(place, cells[: num_filled(cells)]) for place, cells in excel_cells(path)]
        wide = [number for number, (_, cells) in enumerate(found) if len(cells) > 1]
        # What stands above the header of a table of several columns is its title.
        yield from _named(path, found[wide[0] :] if 2 * len(wide) > len(found) else found)
        return
    with opened(path, keeps_ends=form == "csv") as file:
        if form == "jsonl":
            for number, line in ((number, line) for number, line in enumerate(file, 1) if line.strip()):
                row = parse_json(path, line, number)
                if not isinstance(row, dict):
                    raise Problem(f'{path} line {number} is not an object. Write {{"text": ...}} for each row.')
                yield row
        else:
            lines = records(path, file, is_csv=form == "csv")
            yield from _named(path, ((f"line {number}", cells) for number, cells in lines))


def _named(path: Path, lines: Iterable[tuple[str, Sequence[Any]]]) -> Iterator[Values]:
    """Rows under the names of the first line; blank lines are none, but an empty field in quotation marks is one."""
    lines = iter(lines)
    first = next(
        ((at, cells) for at, cells in lines if len(cells) > 1 or any(str(cell).strip() for cell in cells)), None
    )
    if first is None:
        return
    names = named_cells(path, first[0], [str(cell).strip() for cell in first[1]])
    for place, cells in lines:
        if not cells or (len(cells) == 1 < len(names) and not str(cells[0]).strip()):
            continue
        if len(cells) > len(names):
            raise Problem(
                f"{path} {place} has {len(cells)} columns, the header names {len(names)}. Is a tab or comma "
                "inside a field?"
            )
        yield dict(itertools.zip_longest(names, cells, fillvalue=""))


# ---------------------------------------------------------------- writing


def write(path: Path, form: str, table: Table, added: Mapping[str, str], rows: Iterable[Values]) -> None:
    """Writes the rows of a table, as they come; ``added``: column -> "number" or "text", after the table's own."""
    names = [*table.names, *added]

    def cells(row: Values) -> list[Any]:
        """The table's own as they were; what was answered as no formula, as a sheet's texts are none."""
        own, new = (_cell(row.get(name)) for name in table.names), (_cell(row.get(name)) for name in added)
        return [*own, *(new if form == "xlsx" else map(values.cell, new))]

    if form == "parquet":
        _write_parquet(path, table, added, rows)
        return
    if form == "xlsx":
        write_excel(path, itertools.chain([names], map(cells, rows)))
        return
    encoding, separator = _as_read(table) if form == "csv" else ("utf-8", "")
    open_text = gzip.open if path.suffix.lower() == ".gz" else open
    # Half of a surrogate pair, which JSON can hold and UTF-8 cannot, is written as JSON's escape.
    with open_text(path, "wt", encoding=encoding, newline="", errors="backslashreplace") as file:
        if form == "jsonl":
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
        elif form == "csv":
            writer = csv.writer(_LineFeeds(file), delimiter=separator, lineterminator="\r\n")
            writer.writerow(names)
            writer.writerows(map(cells, rows))
        else:
            for line in itertools.chain([names], map(cells, rows)):
                file.write("\t".join(str(cell).translate(_NO_BREAKS) for cell in line) + "\n")


def _as_read(table: Table) -> tuple[str, str]:
    """(encoding, separator) of CSV: those of a table that is CSV itself, so that what opens the one opens the other."""
    if table.format != "csv":
        return "utf-8-sig" if table.format == "xlsx" else "utf-8", ","
    with opened(table.path, keeps_ends=True) as file:
        return "utf-8" if file.encoding == "utf-8" else "utf-8-sig", separator_of(sample_of(file))[0]


@dataclass(frozen=True)
class _LineFeeds:
    """Ends csv's lines with \\n: with that as its ``lineterminator`` csv leaves \\r without quotation marks, and it
    would end the row."""

    file: IO[str]

    def write(self, line: str) -> None:
        self.file.write(line.removesuffix("\r\n") + "\n")


_NO_BREAKS = str.maketrans({"\t": " ", "\n": " ", "\r": " "})  # TSV has no way to write them


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list, bool)) else value


def require_writable(table: Table, form: str) -> None:
    """A Problem where the rows do not go into such a file."""
    if form == "parquet":
        parquet_schema(table)
    if form == "xlsx":
        require_openpyxl(table.path)
        if table.num_rows >= MOST_ROWS:
            raise Problem(
                f"An Excel sheet has {MOST_ROWS:,} rows, and {table.path} {table.num_rows:,}. Write out=FILE.csv."
            )
        for row in table.rows():
            for name in table.names:
                refuse_long(table.path, str(_cell(row.get(name))))


def parquet_schema(table: Table) -> Any:
    """Arrow's types of the table's own columns; a Problem where Parquet cannot hold them."""
    if table.format == "parquet":
        return pyarrow.parquet.read_schema(table.path).remove_metadata()
    if table.format not in ("jsonl", "xlsx"):
        return pyarrow.schema([(name, pyarrow.string()) for name in table.names])
    found, rows = pyarrow.schema([]), table.rows()
    try:
        while batch := [{name: row.get(name) for name in table.names} for row in itertools.islice(rows, BATCH)]:
            kinds = pyarrow.Table.from_pylist(batch).schema
            found = pyarrow.unify_schemas([found, kinds], promote_options="permissive")
        pyarrow.parquet.ParquetWriter(pyarrow.BufferOutputStream(), found).close()
    except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise Problem(
            f"{table.path} has a column that Parquet cannot hold, of several kinds or none ({str(error).rstrip('.')}). "
            "Write out=FILE.jsonl, or make the column text."
        ) from error
    return found


def _write_parquet(path: Path, table: Table, added: Mapping[str, str], rows: Iterable[Values]) -> None:
    kinds = {"number": pyarrow.float64(), "text": pyarrow.string()}
    schema = pyarrow.schema([*parquet_schema(table), *((name, kinds[kind]) for name, kind in added.items())])
    rows = iter(rows)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while batch := list(itertools.islice(rows, BATCH)):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
