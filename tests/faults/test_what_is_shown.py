"""What stands in data never commands a terminal or a spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from small_run import Call, Survived

from mslt_it import progress, values
from mslt_it.evaluation.estimates import Difference
from mslt_it.evaluation.tables import as_csv
from mslt_it.prediction import tables
from mslt_it.problems import Problem, plain

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\u2066\r\b\x00"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\u2066\x0d\x08\x00"


def test_control_characters_are_written_out() -> None:
    assert plain(HOSTILE) == SHOWN and str(Problem(f"label '{HOSTILE}'")) == f"label '{SHOWN}'"
    kept = "Zeile\n\tשלום\u200f ไทย 大きい e\u0301 👩\u200d🔬"
    assert plain(kept) == kept


def test_rows_and_names_are_shown_escaped(
    tmp_path: Path, call: Call, survived: Survived, monkeypatch: pytest.MonkeyPatch
) -> None:
    survived("terminal escapes in data", 2)
    monkeypatch.chdir(tmp_path)
    words = [("en", "boat"), ("de", "Boot")]
    rows = "".join(f"{lang},{word} {n} \x1b[2J,{['no', 'yes'][n % 2]}\n" for lang, word in words for n in range(40))
    Path("own.csv").write_text(f"lang,text,label\n{rows}", encoding="utf-8")
    own = ("data", "recipe=custom", "task.data=own.csv", "task.input=text", "sources=[en]", "targets=[de]")
    code, out, err = call(
        *own, "data.num_examples_total=8", "task.instruction.en=Is it?", "task.instruction.de=Ist es?"
    )
    assert code == 2 and "\x1b" not in out + err and "control_character (first: own.csv:line" in err
    code, out, err = call(*own, "task.label=la\x1b[31mbel")
    assert code == 2 and "\x1b" not in out + err and r"la\x1b[31mbel" in err


def test_what_files_of_others_say_of_themselves_is_shown_escaped(
    tmp_path: Path, call: Call, survived: Survived
) -> None:
    survived("terminal escapes in data", 3)
    for folder in ("task", "."):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "own\x1b[2J.yaml").write_text("# \x1b]0;owned\x07\nname: own\n", encoding="utf-8")
    (tmp_path / "other.yaml").write_bytes(b"# \xff\xfe\n")
    for command in ("recipes", "tasks"):
        code, out, err = call(command, f"--config-dir={tmp_path}")
        assert code == 0 and "\x1b" not in out + err and r"own\x1b[2J" in out, err
    code, _, err = call("select", "pool=[ar,de,\x1b[2J]", "k=2")
    assert code == 2 and "\x1b" not in err


def test_progress_and_logs_are_plain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress.tell(HOSTILE)
    with progress.Progress("Job", 2, "row", log=tmp_path / "log.txt") as job:
        job.say(HOSTILE)
    said = capsys.readouterr()
    assert said.out == f"{SHOWN}\n" and SHOWN in said.err
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == f"{SHOWN}\n"


FORMULAS = ['=HYPERLINK("http://x","y")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_is_a_formula(text: str, tmp_path: Path, survived: Survived) -> None:
    survived("formula in a table for spreadsheets", 2)
    assert values.cell(text) == f"'{text}"
    difference = {field: text for field in Difference.__dataclass_fields__}
    written = list(csv.reader(io.StringIO(as_csv([Difference(**difference)], Difference), newline="")))[1]
    assert set(written) == {f"'{text}"}
    for form in ("csv", "tsv"):
        table = tables.Table(tmp_path / "in.jsonl", "jsonl", ("text",), 1)
        path = tmp_path / f"out.{form}"
        tables.write(
            path, form, table, {"answer": "text", "p_yes": "number"}, [{"text": text, "answer": text, "p_yes": -0.5}]
        )
        line = path.read_bytes().partition(b"\n")[2].decode()
        assert "'" + text[0].strip() in line and line.rstrip().endswith("-0.5") and not line.startswith("'")


def test_a_line_end_of_old_macs_is_no_row(survived: Survived) -> None:
    survived("formula in a table for spreadsheets")
    assert values.cell("yes\r=1") == "yes\n=1" and values.cell("\r=1") == "'\n=1"


def test_numbers_and_other_texts_stay() -> None:
    for value in (-1.5, "-1.5", "+3", "a=b", "", None, 7, "'x", "٣-", "-", "+", "="):  # of labels and of no names
        assert values.cell(value) == value
