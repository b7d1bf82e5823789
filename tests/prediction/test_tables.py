"""Files as rows and rows as files, without a model: what other programs write, and what cannot be kept."""

from __future__ import annotations

import datetime
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from mslt_it.prediction import tables
from mslt_it.prediction.request import format_of
from mslt_it.prediction.tables import Table, parquet_schema, scan, write
from mslt_it.problems import Problem

MANY = 5000  # more rows than a batch of Parquet has


def table(folder: Path, name: str, content: bytes) -> Table:
    path = folder / name
    path.write_bytes(content)
    return scan(path, format_of("data", path))


def rewritten(read: Table, name: str) -> list[dict[str, Any]]:
    """The rows, each with the label "a", as another file has them."""
    out = read.path.with_name(name)
    write(out, format_of("out", out), read, {"label": "text"}, ({**row, "label": "a"} for row in read.rows()))
    return [dict(row) for row in scan(out, format_of("out", out)).rows()]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("excel.csv", b"sep=;\r\nid;text\r\n1;x\r\n", [("1", "x")]),
        ("mac.csv", b"id,text\r1,x\r2,y\r", [("1", "x"), ("2", "y")]),
        ("mac.tsv", b"id\ttext\r1\tx\r", [("1", "x")]),
        ("return.tsv", b"id\ttext\n1\tx\ry\r\n2\tz\n", [("1", "x\ry"), ("2", "z")]),
        ("utf16.csv", "id,text\n1,é\n".encode("utf-16"), [("1", "é")]),
        ("mark.tsv", "id\ttext\n1\té\n".encode("utf-8-sig"), [("1", "é")]),
        ("long.csv", b'id,text\r\n1,"' + b"x\r\n" * 40_000 + b'"\r\n2,y\r\n', [("1", "x\r\n" * 40_000), ("2", "y")]),
    ],
)
def test_what_other_programs_write(name: str, content: bytes, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    read = table(tmp_path, name, content)
    assert read.names == ("id", "text")
    assert [tuple(row.values()) for row in read.rows()] == expected


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("excel.csv", b"\xef\xbb\xbfid;text\r\n1;x,y\r\n2;z\r\n", b"\xef\xbb\xbfid;text;label\n1;x,y;a\n2;z;a\n"),
        ("said.csv", b"sep=;\r\nid;text\r\n1;x\r\n", b"id;text;label\n1;x;a\n"),
        ("utf16.csv", "id\ttext\n1\té\n".encode("utf-16"), "id\ttext\tlabel\n1\té\ta\n".encode("utf-8-sig")),
        ("plain.csv", b"id,text\n1,x;y\n", b"id,text,label\n1,x;y,a\n"),
        ("new.tsv", b"id\ttext\n1\tx\n", b"id,text,label\n1,x,a\n"),
    ],
)
def test_csv_is_written_with_the_separator_and_mark_it_was_read_with(
    name: str, content: bytes, expected: bytes, tmp_path: Path
) -> None:
    rewritten(table(tmp_path, name, content), "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == expected


def test_an_empty_field_is_a_row_and_a_blank_line_is_none(tmp_path: Path) -> None:
    read = table(tmp_path, "one.csv", b'text\nx\n""\n\ny\n\n')
    assert [row["text"] for row in read.rows()] == ["x", "", "y"]
    assert [row["text"] for row in rewritten(read, "out.csv")] == ["x", "", "y"]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "csv.gz"])
def test_line_ends_inside_a_field_stay_inside(form: str, tmp_path: Path) -> None:
    read = table(tmp_path, "new.jsonl", json.dumps({"text": 'a\rb\r\nc\nd,"e'}).encode() + b"\n")
    assert rewritten(read, f"out.{form}") == [{"text": 'a\rb\r\nc\nd,"e', "label": "a"}]


def test_half_a_surrogate_pair_is_kept_as_json_writes_it(tmp_path: Path) -> None:
    read = table(tmp_path, "new.jsonl", b'{"text": "\\ud800x"}\n')
    assert rewritten(read, "out.jsonl") == [{"text": "\ud800x", "label": "a"}]
    assert rewritten(read, "out.csv") == [{"text": "\\ud800x", "label": "a"}]


def test_parquets_types_are_those_of_all_rows(tmp_path: Path) -> None:
    first, last = b'{"a": null, "b": 1}\n' * MANY, b'{"a": 5, "b": 5.5}\n'
    found = rewritten(table(tmp_path, "new.jsonl", first + last), "out.parquet")
    assert len(found) == MANY + 1 and found[-1] == {"a": 5, "b": 5.5, "label": "a"}
    assert pyarrow.parquet.read_schema(tmp_path / "out.parquet").names == ["a", "b", "label"]


@pytest.mark.parametrize("last", ['"b"', "123456789012345678901234567890", "{}", '"\\ud800"'])
@pytest.mark.parametrize("before", [1, MANY])
def test_what_parquet_cannot_hold_is_found_before_anything_is_asked(last: str, before: int, tmp_path: Path) -> None:
    content = '{"a": 1}\n' * before + f'{{"a": {last}}}\n'
    with pytest.raises(Problem, match=r"new\.jsonl has a column that Parquet cannot hold.*Write out=FILE\.jsonl"):
        parquet_schema(table(tmp_path, "new.jsonl", content.encode()))


def test_what_is_no_text_is_said_with_a_remedy(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"id,text\n" + b"1,abcdefgh\n" * 3000))
    packed[12:40] = bytes(byte ^ 0x5A for byte in packed[12:40])
    cases = [
        ("a.csv", gzip.compress(b"a,b\n1,2\n"), "compressed by gzip. Unpack it, or let its name end in .gz"),
        ("b.csv", b"PK\x03\x04\xff\xff", "Excel workbook. Unpack it, or save the sheet as CSV in UTF-8"),
        ("c.csv", b"PAR1\xff", "Parquet. Let its name end in .parquet"),
        ("d.csv.gz", bytes(packed), "only partly, compressed by gzip"),
        ("e.csv.gz", gzip.compress("a,b\n1,é\n".encode("latin-1")), "e.csv.gz line 2 is not UTF-8"),
        ("f.csv", b'a,b\n1,"open\n2,x\n', "f.csv line 2 is not valid CSV .*opened and never closed"),
    ]
    for name, content, text in cases:
        with pytest.raises(Problem, match=text):
            table(tmp_path, name, content)


@pytest.mark.skipif(os.name != "posix", reason="the shell's iconv")
def test_the_conversion_that_is_offered_works(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        table(tmp_path, "old ones.csv", "id,text\n1,é\n".encode("latin-1"))
    command = str(caught.value).split("`")[1]
    assert os.system(command) == 0
    path = tmp_path / "old ones.csv"
    assert [row["text"] for row in scan(path, "csv").rows()] == ["é"]


def sheet(folder: Path, *lines: tuple[Any, ...]) -> Table:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append(line)
    book.save(folder / "new.xlsx")
    return scan(folder / "new.xlsx", "xlsx")


def test_a_sheet_of_excel_is_read_and_written(tmp_path: Path) -> None:
    day = datetime.date(2026, 11, 2)
    read = sheet(tmp_path, ("November",), ("id", "text", "day", None), (1, "süß", day), (None, None), (2.5, "x"))
    rows = [{"id": 1, "text": "süß", "day": "2026-11-02"}, {"id": 2.5, "text": "x", "day": ""}]
    assert list(read.rows()) == rows and read.names == ("id", "text", "day") and read.num_rows == 2
    for name in ("out.xlsx", "out.jsonl", "out.parquet"):
        assert rewritten(read, name) == [row | {"label": "a"} for row in rows]
    rewritten(read, "out.csv")  # with the mark by which Excel knows UTF-8
    assert (tmp_path / "out.csv").read_text("utf-8").startswith("\ufeffid,text,day,label\n1,süß,")


def test_texts_in_a_sheet_are_no_formulas(tmp_path: Path) -> None:
    texts = ["=1+1", "-2", "a\nb", "\x07", "\ud800x"]
    read = table(tmp_path, "new.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in texts).encode())
    out = tmp_path / "out.xlsx"
    write(out, "xlsx", read, {"label": "text"}, ({**row, "label": "=A1"} for row in read.rows()))
    kept = ["=1+1", "-2", "a\nb", "\ufffd", "\\ud800x"]
    assert list(scan(out, "xlsx").rows()) == [{"text": text, "label": "=A1"} for text in kept]


def test_what_a_sheet_cannot_hold_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = table(tmp_path, "new.csv", b"text\n" + b"a" * 32_768 + b"\nb\n")
    with pytest.raises(Problem, match=r"new\.csv has a text of 32,768 characters, .* 32,767\. Write .*out=FILE\.csv"):
        tables.require_writable(read, "xlsx")
    monkeypatch.setattr(tables, "MOST_ROWS", 2)
    with pytest.raises(Problem, match=r"An Excel sheet has 2 rows, and .*new\.csv 2\. Write out=FILE\.csv"):
        tables.require_writable(read, "xlsx")
