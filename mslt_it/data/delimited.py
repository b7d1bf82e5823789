"""Lines and cells of TSV and CSV, and whether a first line is a header or already a row."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from mslt_it.data.text_files import SAMPLE
from mslt_it.problems import Problem

HEADERLESS = "Put a first line with the names of all columns, or remove the columns that are not asked for."
SEPARATORS = ",;\t|"
MAX_FIELD = 2**31 - 1  # characters; csv's own limit of 131,072 would refuse a file for one row, which cleaning drops
SOME = 50  # records that tell a CSV file's separator
MIN_ROWS = 5  # fewer prove nothing about a column
MAX_NAME_WORDS, MAX_NAME_CHARACTERS = 4, 40

# Names that headers of labelled data have; a first line of these alone is a header, even above few rows.
_USUAL_NAMES = """
    id idx index text texts sentence sentence1 sentence2 sentences label labels gold gold_label class category target
    answer answers question questions context passage premise hypothesis hypo tweet review title body message content
    utterance input output instruction response completion prompt score sentiment intent topic language lang locale
    split tokens tags ner_tags tag token source translation option1 option2 choice1 choice2 rating stars
"""


def read_cells(path: Path, file: IO[str], columns: Sequence[str], kind: str) -> list[tuple[str, list[Any]]]:
    """(place, cells) of each line that is not blank."""
    lines = records(path, file, columns, is_csv=kind == ".csv")
    filled = [(f"line {n}", cells) for n, cells in lines if len(cells) > 1 or (cells and cells[0].strip())]
    if kind != ".csv" and len(columns) > 1 and filled:
        _refuse_otherseparator_of(path, filled, columns)
    return filled


def records(path: Path, file: IO[str], columns: Sequence[str] = (), *, is_csv: bool) -> Iterator[tuple[int, list[str]]]:
    """(line where it begins, cells) of each record of an opened file; a blank line has no cells.

    Args:
        columns: those that are looked for, which tell the separator of CSV.
    """
    if not is_csv:
        # Of TSV only \n ends a row: str.splitlines would also cut at U+2028 and the like inside a sentence.
        lines = (line.removesuffix("\n").removesuffix("\r") for line in file)
        return ((number, line.split("\t") if line else []) for number, line in enumerate(lines, 1))
    sample = sample_of(file)
    separator, begin = separator_of(sample, columns)
    texts = itertools.chain(csv_texts(sample[begin:]), file)
    return _csv_records(path, texts, separator, int(begin > 0))


def sample_of(file: IO[str]) -> str:
    """The beginning of an opened CSV file, by which `separator_of` tells its separator."""
    return file.read(SAMPLE) + file.readline()


def _refuse_otherseparator_of(path: Path, lines: list[tuple[str, list[str]]], columns: Sequence[str]) -> None:
    if any(len(cells) > 1 for _, cells in lines) or lines[0][1][0].strip().casefold() in map(str.casefold, columns):
        return
    place, (line,) = lines[0]
    other = next((name for mark, name in ((",", "commas"), (";", "semicolons")) if mark in line), "")
    remedy = f"If its columns are separated by {other}, rename it to .csv. " if other else ""
    raise Problem(
        f"{path} has no tab in any line; expected {len(columns)} columns separated by tabs ({', '.join(columns)}), "
        f"and {place} is {line[:80]!r}. {remedy}Otherwise separate its columns by tabs."
    )


def _csv_records(path: Path, texts: Iterable[str], separator: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(texts, delimiter=separator, strict=True)
    start = 1 + skipped
    try:
        for cells in reader:
            yield start, cells
            start = reader.line_num + 1 + skipped
    except csv.Error as error:
        why = "a quotation mark is opened and never closed" if "end of data" in str(error) else str(error)
        raise Problem(
            f"{path} line {start} is not valid CSV (columns separated by {separator!r}): {why}. A field that "
            "contains the separator, a quotation mark or a line break must be in quotation marks, and "
            "those inside doubled. Or save it with tabs as .tsv, where quotation marks mean nothing."
        ) from error


def csv_texts(text: str) -> Iterator[str]:
    """The lines of a text with their ends, one after another: io.StringIO would hold four bytes a character."""
    return (line[0] for line in re.finditer(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+", text))


def separator_of(text: str, columns: Sequence[str] = ()) -> tuple[str, int]:
    """The separator, and where the rows begin: behind the line by which Excel says it, if there is one; else that under
    which the first records look most like the table: by the names wanted, then by width."""
    if said := re.match(r"sep=(.)(?:\r?\n|\r)", text, re.IGNORECASE):
        return said[1], said.end()
    wanted = {column.casefold() for column in columns}

    def likeness(separator: str) -> tuple[int, bool, float]:
        found = []
        try:
            for record in csv.reader(csv_texts(text), delimiter=separator, strict=True):
                found += [record] if any(record) else []
                if len(found) == SOME:
                    break
        except csv.Error:
            pass  # reading it as a whole says what is wrong
        if not found:
            return 0, False, 0.0
        (width, count), *_ = Counter(len(record) for record in found).most_common(1)
        later = [cell for record in found for cell in record[1:]]
        spaced = sum(cell.startswith(" ") for cell in later) / max(1, len(later))  # ", " separates nothing
        share = count / len(found) * (1 - spaced) if width > 1 else 0.0
        named = len(wanted & {cell.strip().casefold() for cell in found[0]})
        return named, width == len(columns) and count > 0.9 * len(found), share

    return max(SEPARATORS, key=likeness), 0


def named_cells(path: Path, place: str, names: Sequence[str]) -> list[str]:
    """The names of a header; a Problem where two are the same. Columns without a name get one that says where they
    are."""
    counts = Counter(name for name in names if name)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise Problem(f"{path} ({place}) has the column '{twice[0]}' {counts[twice[0]]} times. Rename or remove one.")
    return [name or (f"column {i}" if i > 1 else "") for i, name in enumerate(names, 1)]


def unlike_header(first: Sequence[str], body: Iterable[Sequence[Any]], columns: Sequence[str]) -> bool:
    """Whether the first line is already a row.

    A header's cell says what its column is, so it does not come again below, as the label of a row does. A line with
    names that were asked for is a header unless that happens; a line without one is a header under other names where
    its cells can be names and the columns below are visibly something else.
    """
    cells = [cell for cell in first if cell]
    wanted = {column.casefold() for column in columns}
    found = [cell for cell in cells if cell.casefold() in wanted]
    if columns and wanted <= {cell.casefold() for cell in found}:
        return False
    body = list(body)
    rows = [row for row in body if [str(cell).strip() for cell in row] != list(first)]  # a header may come twice
    below = [[str(row[i]).strip() for row in rows if i < len(row) and str(row[i]).strip()] for i in range(len(first))]
    if any(cell and cell.casefold() not in wanted and cell in below[i] for i, cell in enumerate(first)):
        return True
    if found:
        return False
    if not cells or len({c.casefold() for c in cells}) < len(cells) or not all(map(_can_be_name, cells)):
        return True
    if all(cell.casefold() in _USUAL_NAMES.split() for cell in cells) and body:
        return False
    is_plain = all(" " not in cell for cell in cells)
    return not any(_differs(cell, below[i], is_plain) for i, cell in enumerate(first) if cell)


def _can_be_name(cell: str) -> bool:
    words = cell.split()
    return (
        0 < len(words) <= MAX_NAME_WORDS
        and len(cell) <= MAX_NAME_CHARACTERS
        and not re.search(r"[.!?。！？؟।,;:…]$", cell)
        and not _is_number(cell)
    )


def _differs(name: str, column: list[str], are_words: bool) -> bool:
    """Whether a column's values are of another kind than the cell above them: numbers, a few labels that come again
    and again, or texts of which each is much longer than the single word above."""
    if len(column) < MIN_ROWS:
        return False
    if all(map(_is_number, column)):
        return True
    if min(Counter(column).values()) > 1 and len(set(column)) > 1:
        return True
    lengths = sorted(map(len, column))
    return are_words and len(column) >= 2 * MIN_ROWS and lengths[0] > len(name) and lengths[len(lengths) // 2] >= 40


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"[-+]?\d[\d.,]*", cell))
