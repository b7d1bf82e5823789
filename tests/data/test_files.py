"""Tables in the formats, encodings and states in which people have them."""

from __future__ import annotations

import builtins
import csv
import dataclasses
import gzip
import json
import re
import subprocess
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from toy_world import available_languages, load

from mslt_it.config.recipe import TaskConfig
from mslt_it.data.cleaning import clean
from mslt_it.data.files import parsed, read_table
from mslt_it.problems import Problem

COLUMNS = ("text", "label")
ROWS = [(f"Wo ist Größe {i}, bitte?", ("card", "app")[i % 2]) for i in range(12)]


def values(path: Path, columns: tuple[str, ...] = COLUMNS) -> list[tuple[Any, ...]]:
    return [tuple(row.values.get(c) for c in columns) for row in read_table(path, columns)]


def written(
    path: Path, separator: str = ",", header: tuple[str, ...] | None = COLUMNS, encoding: str = "utf-8"
) -> Path:
    lines = [*([header] if header else []), *ROWS]
    quoted = [[f'"{cell}"' if separator in cell else cell for cell in line] for line in lines]
    text = "".join(separator.join(line) + "\n" for line in quoted)
    path.write_bytes(gzip.compress(text.encode(encoding)) if path.suffix.lower() == ".gz" else text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "separator"),
    [
        ("t.csv", ","), ("t.CSV", ","), ("t.csv", ";"), ("t.csv", "\t"), ("t.csv", "|"), ("t.csv.gz", ","),
        ("t.TSV", "\t"), ("t.tsv.gz", "\t"), ("t.tab", "\t"), ("t.Csv.GZ", ";"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("header", [COLUMNS, ("Text", "LABEL"), None])
def test_separated_columns(tmp_path: Path, name: str, separator: str, header: tuple[str, ...] | None) -> None:
    assert values(written(tmp_path / name, separator, header)) == ROWS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.tsv.gz"])
def test_byte_order_marks(tmp_path: Path, encoding: str, name: str) -> None:
    assert values(written(tmp_path / name, "\t" if "tsv" in name else ";", encoding=encoding)) == ROWS


def test_excel_s_own_separator_line_and_rows_of_separators(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sep=;\ntext;label;;\n" + "".join(f"{t};{label};;\n" for t, label in ROWS) + ";;;\n;;;\n")
    rows = read_table(path, COLUMNS)
    assert [tuple(row.values.values()) for row in rows] == ROWS and rows[0].place == "line 3"


@pytest.mark.parametrize("name", ["t.tsv", "t.csv"])
def test_blank_lines_are_no_rows(tmp_path: Path, name: str) -> None:
    mark = "\t" if name == "t.tsv" else ","
    (tmp_path / name).write_text(f"\ntext{mark}label\n\na{mark}x\n\n  \nb{mark}y\n\n\n\n")
    assert values(tmp_path / name) == [("a", "x"), ("b", "y")]
    assert [row.place for row in read_table(tmp_path / name, COLUMNS)] == ["line 4", "line 7"]


@pytest.mark.parametrize(("encoding", "shown"), [("cp1252", "Größe"), ("latin-1", "Größe")])
@pytest.mark.parametrize("name", ["my table.tsv", "t.tsv.gz"])
def test_other_encodings_are_refused_by_name_and_the_command_mends_them(
    tmp_path: Path, encoding: str, shown: str, name: str
) -> None:
    path = written(tmp_path / name, "\t", encoding=encoding)
    with pytest.raises(Problem, match=r"line 2 is not UTF-8 \(byte 0x..\).*Windows-1252") as caught:
        read_table(path, COLUMNS)
    assert shown in str(caught.value)
    command = re.search(r"`(.*?)`", str(caught.value))
    assert command
    subprocess.run(command[1], shell=True, check=True)
    assert values(path) == ROWS


def test_utf_16_without_its_mark(tmp_path: Path) -> None:
    path = written(tmp_path / "t.tsv", "\t", encoding="utf-16-le")
    path.write_bytes("\n".join(f"plain {i}\tx" for i in range(9)).encode("utf-16-le"))
    with pytest.raises(Problem, match="UTF-16 without a byte order mark") as caught:
        read_table(path, COLUMNS)
    command = re.search(r"`(.*?)`", str(caught.value))
    assert command
    subprocess.run(command[1], shell=True, check=True)
    assert values(path)[0] == ("plain 0", "x")


def sheet(path: Path, rows: list[tuple[Any, ...]], *more: list[tuple[Any, ...]]) -> Path:
    book = openpyxl.Workbook()
    for i, content in enumerate((rows, *more)):
        page = book.active if i == 0 else book.create_sheet()
        for row in content:
            page.append(row)
    book.save(path)
    return path


def test_excel(tmp_path: Path) -> None:
    path = sheet(tmp_path / "t.xlsx", [(" Text", "label", "n"), ("a", "x", 1), (None,), ("b", "y", None), ("", "")], [])
    assert [dict(row.values) for row in read_table(path, COLUMNS)] == [
        {"text": "a", "label": "x", "n": 1},
        {"text": "b", "label": "y"},
    ]
    assert values(sheet(tmp_path / "u.XLSX", list(ROWS))) == ROWS  # without a header
    days = [("text", "label"), (datetime(2024, 1, 2), datetime(2024, 1, 2, 3, 4)), (date(2024, 5, 6), time(7, 8))]
    assert values(sheet(tmp_path / "d.xlsx", days)) == [
        ("2024-01-02", "2024-01-02 03:04:00"),
        ("2024-05-06", "07:08:00"),
    ]


def test_excel_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match=r"several sheets: Sheet, Sheet1\. Keep one"):
        read_table(sheet(tmp_path / "t.xlsx", [("a", "x")], [("b", "y")]), COLUMNS)
    with pytest.raises(Problem, match=r"has the column 'text' 2 times"):
        read_table(sheet(tmp_path / "d.xlsx", [("text", "text", "label"), ("a", "b", "x")]), COLUMNS)
    (tmp_path / "old.xlsx").write_bytes(b"\xd0\xcf\x11\xe0 an old workbook")
    with pytest.raises(Problem, match=r"old\.xlsx cannot be read as an Excel workbook.*Save it as \.xlsx.*or as CSV"):
        read_table(tmp_path / "old.xlsx", COLUMNS)
    (tmp_path / "t.xls").write_bytes(b"x")
    with pytest.raises(Problem, match=r"'\.xls', which is not read as a table: .*\.xlsx.*save it as \.csv"):
        read_table(tmp_path / "t.xls", COLUMNS)
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "openpyxl":
            raise ImportError("No module named 'openpyxl'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Problem, match=r"pip install openpyxl.*or save the sheet as CSV"):
        read_table(tmp_path / "t.xlsx", COLUMNS)


@pytest.mark.parametrize(("name", "mark"), [("test.csv", ","), ("test.tsv", "\t")])
def test_a_field_of_a_megabyte_costs_its_row_only(tmp_path: Path, name: str, mark: str) -> None:
    (tmp_path / "en").mkdir()
    lines = [("text", "label"), *((f"a{i}", f"x{i % 2}") for i in range(9)), ("b" * 2**20, "x1"), ("c", "x0")]
    (tmp_path / "en" / name).write_text("".join(mark.join(line) + "\n" for line in lines))
    config = TaskConfig(data=str(tmp_path), input_fields=("text",), label_names=("x0", "x1"), is_parallel=True)
    examples = load(config, "en", "test", role="score").examples
    assert [clean(e).reason for e in examples] == [""] * 9 + ["too_big", ""]
    assert examples[10].id == "test:10"  # the rows after it keep their numbers


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "text,label,text\na,x,b\n"),
        ("t.csv", "text;label; text\na;x;b\n"),
        ("t.tsv", "text\tlabel\ttext\na\tx\tb\n"),
        ("t.jsonl", '{"text": "a", "label": "x", "text": "b"}\n'),
        ("t.json", '[{"text": "a", "label": "x", "text": "b"}]'),
    ],
)
def test_two_columns_of_one_name_are_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(Problem, match=r"(column 'text' 2 times|field 'text' twice).*Rename"):
        read_table(tmp_path / name, COLUMNS)


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx"])
def test_a_title_above_the_header_is_no_row(tmp_path: Path, name: str) -> None:
    lines = [("Tickets, November",), ("draft",), ("Lang", "Text", "label"), ("de", "a", "x"), ("de", "b", "y")]
    if name == "t.xlsx":
        sheet(tmp_path / name, lines)
    else:
        (tmp_path / name).write_text(
            '"Tickets, November",,\ndraft,,\n' + "".join(",".join(line) + "\n" for line in lines[2:])
        )
    assert [dict(row.values) for row in read_table(tmp_path / name, COLUMNS)] == [
        {"Lang": "de", "text": text, "label": label} for text, label in ("ax", "by")
    ]


def test_two_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    twice = pyarrow.table([["a"], ["x"], ["b"]], names=["text", "label", "text"])
    pyarrow.parquet.write_table(twice, tmp_path / "t.parquet")
    with pytest.raises(Problem, match="has the column 'text' 2 times"):
        read_table(tmp_path / "t.parquet", COLUMNS)


OBJECTS = [{"text": t, "label": label} for t, label in ROWS]


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(map(json.dumps, OBJECTS)) + "\n\n",
        json.dumps(OBJECTS),
        json.dumps(OBJECTS, indent=2),
        json.dumps({"version": "1", "data": OBJECTS}, indent=1),
    ],
    ids=["lines", "list", "indented list", "wrapped"],
)
@pytest.mark.parametrize("name", ["t.json", "t.json.gz"])
def test_json_in_the_forms_people_write(tmp_path: Path, content: str, name: str) -> None:
    raw = content.encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    assert values(tmp_path / name) == ROWS


def test_one_json_object_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(OBJECTS[0]))
    assert values(tmp_path / "t.json") == ROWS[:1]
    (tmp_path / "u.json").write_text(json.dumps({"tokens": ["Ada", "ran"], "ner_tags": ["B-PER", "O"]}))
    assert values(tmp_path / "u.json", ("tokens", "ner_tags")) == [(["Ada", "ran"], ["B-PER", "O"])]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.json", '{"a": 1, "b": [2]}', r"one JSON object with the names a, b\. Expected one object per line"),
        ("t.json", '{"data": [{"paragraphs": []}]}', r"SQuAD's layout.*task\.file_layout=squad"),
        ("t.jsonl", '["a", "b"]\n', r"is str, not an object"),
        ("t.json", "[" * 99999, r"cannot be read as JSON"),
        ("t.csv", 'text,label\n"a,x\nb,y\n', r"line 2 is not valid CSV .*opened and never closed.*\.tsv"),
        ("t.csv", 'text,label\n"a" b,x\n', r"line 2 is not valid CSV .*columns separated by ','"),
        ("t.tsv", "a, b,x\nc,y\n", r"no tab in any line.*2 columns.*\(text, label\).*rename it to \.csv"),
        ("t.tsv", "text\tlabel\na\tx\ntext\tlabel\n", r"line 3 repeats the header of line 1"),
        ("t.tsv.gz", "no gzip", r"is not, or only partly, compressed by gzip"),
        ("t.tsv", "\n\n", r"holds no data rows"),
        ("t.zip", "x", r"'\.zip', which is not read as a table"),
    ],
)
def test_what_cannot_be_read_says_what_was_seen_and_what_to_do(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(Problem, match=rf"{re.escape(name)}.*{message}"):
        read_table(tmp_path / name, COLUMNS)


@pytest.mark.parametrize(
    "header",
    [
        ("sentence", "gold"),  # usual names
        ("Satz", "Klasse"),  # above labels that come again and again
        ("मैसेज", "वर्ग"),
        ("customer message", "intent name"),
    ],
)
@pytest.mark.parametrize("name", ["t.tsv", "t.csv", "t.xlsx"])
def test_a_header_under_other_names_is_one(tmp_path: Path, header: tuple[str, str], name: str) -> None:
    path = tmp_path / name
    if name == "t.xlsx":
        sheet(path, [header, *ROWS])
    else:
        written(path, "\t" if name == "t.tsv" else ",", header)
    assert [tuple(row.values) for row in read_table(path, COLUMNS)] == [header] * len(ROWS)
    config = TaskConfig(data=str(path), input_fields=("text",), label_names=("card", "app"))
    with pytest.raises(Problem, match=rf"no column 'text'.*{header[0]}"):
        load(config, "en", "test", role="score")


def test_a_header_above_numbers_and_above_long_texts_is_one(tmp_path: Path) -> None:
    (tmp_path / "n.tsv").write_text("Frage\tZahl\n" + "".join(f"wie viele {i}?\t{i * 7}\n" for i in range(6)))
    assert len(read_table(tmp_path / "n.tsv", ("question", "answer"))) == 6
    long = "".join(f"Was ist {i} von {'sehr ' * 12}vielen?\tEs ist {i} von {'sehr ' * 12}vielen.\n" for i in range(12))
    (tmp_path / "f.tsv").write_text("Frage\tAntwort\n" + long)
    assert len(read_table(tmp_path / "f.tsv", ("question", "answer"))) == 12


@pytest.mark.parametrize(
    "first",
    [
        ("text", "card"),  # its label comes again below
        ("label", "app"),
        ("Hello", "card"),
        ("question", "app"),
        ("Is it here?", "other"),  # a class of its own, under a sentence
        ("12", "card"),
    ],
)
@pytest.mark.parametrize("name", ["t.tsv", "t.csv"])
def test_the_first_row_of_a_file_without_a_header_is_never_lost(
    tmp_path: Path, first: tuple[str, str], name: str
) -> None:
    path = written(tmp_path / name, "\t" if name == "t.tsv" else ",", first)
    assert values(path) == [first, *ROWS]


def test_a_line_taken_for_a_header_can_be_made_a_row(tmp_path: Path) -> None:
    """The remedy that the message gives."""
    config = TaskConfig(data=str(tmp_path), input_fields=("text",), label_names=("card", "app", "rare"))
    (tmp_path / "en").mkdir()
    path = written(tmp_path / "en" / "test.tsv", "\t", ("word", "rare"))
    with pytest.raises(Problem, match=r"taken for a header: if it is a row, put .* before it \(text, label\)"):
        load(config, "en", "test", role="score")
    path.write_text("text\tlabel\n" + path.read_text())
    assert len(load(config, "en", "test", role="score").examples) == 13


def test_xwinograd_in_one_file_for_all_languages(tmp_path: Path) -> None:
    lines = []
    for code in ("de", "jp", "de", "fr"):
        options = [["Anna", [0, 1], ["Anna"], True], ["Eva", [1, 2], ["Eva"], False]]
        cells = [["Anna", "sah", "sie"], ["sie", [2, 3], []], options]
        lines.append("\t".join([code, "o", "?", f"Anna sah sie {len(lines)}", *map(json.dumps, cells)]))
    (tmp_path / "dataset.tsv").write_text("\n".join(lines) + "\n")
    config = TaskConfig(
        data=str(tmp_path), file_layout="xwinograd", input_fields=("sentence", "option1", "option2"),
        held_out_share=1.0, label_field="answer", label_names=("first", "second"), first_label=1, configs={"ja": "jp"},
        is_parallel=False,
    )  # fmt: skip
    assert [len(load(config, code, "test", role="score").examples) for code in ("de", "ja", "fr")] == [2, 1, 1]
    assert len(load(dataclasses.replace(config, configs={}), "ja", "test", role="score").examples) == 1


def test_tydiqa_in_one_local_file_is_told_apart_by_its_ids(tmp_path: Path) -> None:
    asked = [
        {"id": f"{name}-{i}", "question": "q?", "answers": [{"text": "c", "answer_start": 0}]}
        for name in ("german", "swahili") for i in range(2)
    ]  # fmt: skip
    content = {"data": [{"paragraphs": [{"context": "c d", "qas": asked}]}]}
    (tmp_path / "tydiqa-goldp-v1.1-train.json").write_text(json.dumps(content))
    (tmp_path / "tydiqa-goldp-v1.1-dev.json").write_text(json.dumps(content))
    config = TaskConfig(
        data=str(tmp_path), shape="question_answering", file_layout="squad", input_fields=("context", "question"),
        label_field="answers", label_names=(), score_split="dev", id_prefixes={"de": "german", "sw": "swahili"},
    )  # fmt: skip
    assert [e.id for e in load(config, "sw", "train", role="train").examples] == ["train:swahili-0", "train:swahili-1"]
    for path in tmp_path.glob("*.json"):
        path.write_text(json.dumps({"data": [{"paragraphs": [{"context": "c d", "qas": asked[2:]}]}]}))
    with pytest.raises(Problem, match=r"no row whose id begins with 'german-'.*de\.json or de/<split>\.json"):
        load(config, "de", "train", role="train")  # Swahili alone is not German


def test_ids_are_found_whatever_their_case(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("ID", "Text", "Label"), ("7", "a", "card")])
    assert dict(read_table(tmp_path / "t.csv", COLUMNS)[0].values) == {"id": "7", "text": "a", "label": "card"}


def test_questions_whose_ids_name_no_language_are_those_of_their_file(tmp_path: Path) -> None:
    for language, word in (("en", "tea"), ("ar", "شاي")):  # as XQuAD: xquad.ar.json, ids without a language
        answers = [{"text": word, "answer_start": 0}]
        asked = [{"id": f"{i:x}ab4c", "question": "q?", "answers": answers} for i in range(9)]
        content = {"data": [{"paragraphs": [{"context": f"{word} d", "qas": asked}]}]}
        (tmp_path / f"xquad.{language}.json").write_text(json.dumps(content))
    config = TaskConfig(
        data=str(tmp_path), shape="question_answering", file_layout="squad", input_fields=("context", "question"),
        label_field="answers", label_names=(), held_out_share=1.0, id_prefixes={"ar": "arabic", "en": "english"},
    )  # fmt: skip
    rows = load(config, "ar", "test", role="score").examples
    assert len(rows) == 9 and rows[0].fields["context"] == "شاي d"


def test_a_folder_of_files_that_are_not_read_says_which_are(tmp_path: Path) -> None:
    for language in ("de", "en"):
        (tmp_path / f"{language}.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(Problem, match=r"no file that can be read as a table \(\.tsv.*but: de\.xls, en\.xls\. Save"):
        available_languages(TaskConfig(data=str(tmp_path)))


def test_rows_share_equal_cells_and_a_short_row_lacks_its_last_columns(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("text\tmore\tLabel\nsame words\tx\tyes\nsame words\ty\n", encoding="utf-8")
    first, second = read_table(tmp_path / "a.tsv", ("text", "label"))
    assert first.values == {"text": "same words", "more": "x", "label": "yes"}
    assert dict(second.values) == {"text": "same words", "more": "y"} and len(second.values) == 2
    assert "label" not in second.values and second.values.get("label") is None
    assert first.values["text"] is second.values["text"]


def test_a_long_first_line_does_not_make_a_carriage_return_the_end_of_a_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_bytes(b"x" * 70_000 + b"\ta\none\rtwo\tb\n")
    assert [row.values["text"][-7:] for row in parsed(path, ["text", "label"])] == ["x" * 7, "one\rtwo"]
