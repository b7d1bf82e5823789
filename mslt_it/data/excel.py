"""Excel's workbooks (.xlsx) of one sheet: their cells in, a table out. Needs the package openpyxl."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mslt_it.data.text_files import refuse_bomb
from mslt_it.problems import Problem

EXCEL = ".xlsx"
MOST_CELLS = 50_000_000  # beyond these a sheet was made to fill the memory
MOST_ROWS, MOST_CHARACTERS = 2**20, 2**15 - 1  # of a sheet with its header, of a cell: more no program opens


def require_openpyxl(path: Path) -> Any:
    """The package; a Problem where it is not installed."""
    try:
        import openpyxl
    except ImportError as error:
        raise Problem(
            f"{path}: Excel files need the package openpyxl, which is not installed. Remedy: pip install openpyxl (it "
            "is the extra 'excel' of this project), or save the sheet as CSV in UTF-8."
        ) from error
    return openpyxl


def excel_cells(path: Path) -> list[tuple[str, list[Any]]]:
    """(place, cells) of every row with anything in it, of the only sheet that has such."""
    openpyxl = require_openpyxl(path)
    try:
        with zipfile.ZipFile(path) as packed:
            refuse_bomb(path, path.stat().st_size, sum(part.file_size for part in packed.infolist()))
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheets, number = dict[str, list[tuple[str, list[Any]]]](), 0
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # some programs write a wrong size, and rows would be cut
            rows = sheets[sheet.title] = []
            for place, row in enumerate(sheet.values, 1):
                number += len(row)  # a cell far to the right makes all before it
                if number > MOST_CELLS:
                    raise Problem(f"{path} has more than {MOST_CELLS:,} cells. Keep the columns you need.")
                if any(cell not in (None, "") for cell in row):
                    rows.append((f"row {place}", [_plain(cell) for cell in row]))
        book.close()
    except Exception as error:  # openpyxl lets through whatever zip and XML raise
        if isinstance(error, Problem):
            raise
        raise Problem(
            f"{path} cannot be read as an Excel workbook (.xlsx): {type(error).__name__}: {error}. Is it an "
            "older .xls, or protected by a password? Save it as .xlsx without one, or as CSV in UTF-8."
        ) from error
    filled = {title: rows for title, rows in sheets.items() if rows}
    if len(filled) > 1:
        raise Problem(f"{path} has rows in several sheets: {', '.join(filled)}. Keep one, or save each as a CSV file.")
    return next(iter(filled.values()), [])


def refuse_long(path: Path, text: str) -> None:
    """A Problem for a text of the file that no cell holds."""
    if len(text) > MOST_CHARACTERS:
        raise Problem(
            f"{path} has a text of {len(text):,} characters, and an Excel cell holds {MOST_CHARACTERS:,}. Write "
            "another format: out=FILE.csv."
        )


def write_excel(path: Path, lines: Iterable[Sequence[Any]]) -> None:
    """Writes a sheet of these lines, texts as texts: what begins with "=" is no formula."""
    openpyxl = require_openpyxl(path)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        refuse_long(path, value)
        # XML has no way to write control characters, UTF-8 none for half of a surrogate pair.
        text = openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)
        made = openpyxl.cell.WriteOnlyCell(sheet, text.encode("utf-8", "backslashreplace").decode())
        made.data_type = "s"
        return made

    for line in lines:
        sheet.append([cell(value) for value in line])
    with path.open("wb") as file:  # openpyxl wants a name that ends in .xlsx
        book.save(file)


def _plain(cell: Any) -> Any:
    """A cell's value; a date as ISO text, whose time a sheet adds where none was written; an empty cell as ""."""
    if cell is None:
        return ""
    return cell if isinstance(cell, (str, int, float)) else str(cell).removesuffix(" 00:00:00")
