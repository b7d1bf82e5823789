"""How values of a study's tables are written: for people, and for CSV."""

from __future__ import annotations

from mslt_it.study.findings import Column, Table, Value


def shown(value: Value, kind: str) -> str:
    """A value as people read it: shares in per cent, differences of shares in points with their sign."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        low, high = (shown(end, kind.removesuffix("_range")) for end in value)
        return f"{low} to {high}"
    if isinstance(value, str):
        return value
    match kind:
        case "share":
            return f"{100 * value:.1f}"
        case "points":
            return signed(100 * value, 1)
        case "count":
            return f"{value:,}"
        case "p":
            return "< 0.001" if value < 0.001 else f"{value:.3f}"
        case "rank":
            return f"{value:.1f}".removesuffix(".0")
        case "fine":
            return unsigned_nought(f"{value:.3f}")
        case _:
            return unsigned_nought(f"{value:.2f}")


def signed(value: float, digits: int) -> str:
    """With its sign, and no sign where it is shown as nought."""
    return unsigned_nought(f"{value:+.{digits}f}")


def unsigned_nought(text: str) -> str:
    """A number as text, without a sign where it is nought."""
    return text.lstrip("+-") if float(text) == 0 else text


def sort_key(value: Value) -> str:
    """By what a cell is sorted: its number, a range by its lower end; empty for text."""
    if isinstance(value, tuple):
        value = value[0]
    return "" if value is None or isinstance(value, str) else repr(float(value))


def is_number(column: Column) -> bool:
    return column.kind != "text"


def csv_rows(table: Table) -> list[list[str]]:
    """Heading and rows with full figures; a range is two columns, ``x_low`` and ``x_high``."""
    head: list[str] = []
    for column in table.columns:
        is_range = column.kind.endswith("_range")
        key = column.key.removesuffix("_range")
        head += [f"{key}_low", f"{key}_high"] if is_range else [column.key]
    rows = [head]
    for row in table.rows:
        cells: list[str] = []
        for column, value in zip(table.columns, row, strict=True):
            if column.kind.endswith("_range"):
                ends = value if isinstance(value, tuple) else ("", "")
                cells += [_plain(end) for end in ends]
            else:
                cells.append(_plain(value))
        rows.append(cells)
    return rows


def _plain(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def markdown_cells(table: Table) -> list[tuple[str, ...]]:
    """Heading and rows as ``scoring.tables.as_markdown`` takes them."""
    cells = [tuple(_escaped(column.label) for column in table.columns)]
    for row in table.rows:
        cells.append(tuple(_escaped(shown(v, c.kind)) for v, c in zip(row, table.columns, strict=True)))
    return cells


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
