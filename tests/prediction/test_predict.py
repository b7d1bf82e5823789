"""`mslt predict` and `predict()`: a scored row gets its own label again, nothing is lost, nothing is asked twice."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow.parquet
import pytest
from labelled_table import LABELS, Trained, call, table

from mslt_it import journal, predict
from mslt_it.evaluation.engines import ChoiceEngine
from mslt_it.prediction import job
from mslt_it.problems import Problem

ADDED = ["label", "p_bus", "p_food", "p_person", "margin", "reason"]
ROWS = [{"n": str(n), "lang": code, "text": text} for n, (code, text, _) in enumerate(table()[:60])]
BAD = [
    ({"text": "", "lang": "en"}, "empty_field"),
    ({"text": "  ", "lang": "en"}, "whitespace_only"),
    ({"text": "The bus", "lang": ""}, "language_missing"),
    ({"text": "The bus", "lang": "xx"}, "language_unknown: xx"),
    ({"text": "bus " * 600, "lang": "en"}, "too_long"),
    ({"text": "bus" * 7000, "lang": "en"}, "too_big"),
]


def write_csv(path: Path, rows: Sequence[Mapping[str, str]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many questions each forward pass had."""
    found: list[int] = []
    answer = ChoiceEngine.answer

    def watched(self: ChoiceEngine, batch: Sequence[int], *more: Any) -> Any:
        found.append(len(batch))
        return answer(self, batch, *more)

    monkeypatch.setattr(ChoiceEngine, "answer", watched)
    return found


@pytest.fixture(scope="module")
def labelled(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """ROWS as the command labels them in one go."""
    folder = tmp_path_factory.mktemp("labelled")
    write_csv(folder / "new.csv", ROWS)
    code, shown = call("predict", f"run={trained.run}", f"data={folder / 'new.csv'}", f"out={folder / 'out.csv'}")
    assert code == 0, shown
    return read_csv(folder / "out.csv")


def test_a_scored_row_gets_the_label_of_the_runs_own_answers(trained: Trained) -> None:
    expected: dict[str, Any] = {}
    of_language = {code: [text for c, text, _ in table() if c == code] for code in ("en", "de", "tr")}
    for code, texts in of_language.items():
        lines = (trained.run / "predictions" / f"{code}.jsonl").read_text(encoding="utf-8").splitlines()
        for line in map(json.loads, lines):
            expected[texts[int(line["id"].rpartition(":")[2])]] = code, line
    rows = [{"text": text, "lang": code} for text, (code, _) in expected.items()]
    found = list(predict(trained.run, rows))
    assert len(found) > 60
    for row in found:
        line = expected[row["text"]][1]
        assert row["label"] == line["adapter_prediction"] and row["reason"] == ""
        weights = np.exp(np.array(line["adapter_log_likelihoods"]) - max(line["adapter_log_likelihoods"]))
        shares = weights / weights.sum()
        assert [row[f"p_{name}"] for name in LABELS] == pytest.approx(shares, abs=2e-5)
        first, second = sorted(shares)[::-1][:2]
        assert row["margin"] == pytest.approx(first - second, abs=2e-5)
    assert len({row["label"] for row in found}) > 1  # else all of this would hold of a constant


def test_every_column_and_row_is_kept_in_order(labelled: list[dict[str, str]]) -> None:
    assert list(labelled[0]) == ["n", "lang", "text", *ADDED]
    assert [{name: row[name] for name in ROWS[0]} for row in labelled] == ROWS
    assert all(row["label"] in LABELS for row in labelled)


@pytest.mark.parametrize("form", ["tsv", "jsonl", "parquet", "csv.gz"])
def test_the_formats_say_the_same(form: str, trained: Trained, labelled: list[dict[str, str]], tmp_path: Path) -> None:
    data, out = tmp_path / f"new.{form}", tmp_path / f"out.{form}"
    if form == "tsv":
        write_csv(data, ROWS, "\t")
    elif form == "jsonl":
        data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    elif form == "csv.gz":
        import gzip

        data.write_bytes(gzip.compress(write_csv(tmp_path / "new.csv", ROWS, ";").read_bytes()))
    else:
        typed = [{**row, "n": int(row["n"])} for row in ROWS]
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(typed), data)
    code, shown = call("predict", f"run={trained.run}", f"data={data}", f"out={out}")
    assert code == 0, shown
    if form == "jsonl":
        found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    elif form == "parquet":
        found = pyarrow.parquet.read_table(out).to_pylist()
        assert [row["n"] for row in found] == list(range(len(ROWS)))  # what it was
    elif form == "csv.gz":
        found = list(csv.DictReader(io.StringIO(gzip.decompress(out.read_bytes()).decode()), delimiter=";"))
    else:
        found = [dict(zip(["n", "lang", "text", *ADDED], line.split("\t"), strict=True))
                 for line in out.read_text(encoding="utf-8").splitlines()[1:]]  # fmt: skip
    assert [row["label"] for row in found] == [row["label"] for row in labelled]
    assert [float(row["p_bus"]) for row in found] == pytest.approx([float(r["p_bus"]) for r in labelled], abs=1e-5)


def test_python_gives_what_the_command_gives(trained: Trained, labelled: list[dict[str, str]]) -> None:
    found = list(predict(trained.run, iter(ROWS)))
    assert [row["label"] for row in found] == [row["label"] for row in labelled]
    assert list(predict(trained.run, [])) == []
    with pytest.raises(Problem, match="A row has 'label' already, which is not overwritten: n, lang, text, label"):
        list(predict(trained.run, [ROWS[0], {**ROWS[1], "label": "mine"}]))
    halves = [
        {"text": "\ud800", "lang": "en"},
        {"text": "x", "lang": "\ud800"},
    ]  # of a surrogate pair, as JSON may have
    reasons = [row["reason"] for row in predict(trained.run, halves)]
    assert reasons == ["lone_surrogate", "language_unknown: \\ud800"]
    frame = pandas.DataFrame(ROWS)
    with pytest.raises(Problem, match=r"the first one, 'n', is a str, .*For a DataFrame: df\.to_dict\(.records.\)"):
        predict(trained.run, frame)  # type: ignore[arg-type]
    assert (
        [row["label"] for row in predict(trained.run, frame.to_dict("records")[:3])]
        == [  # type: ignore[arg-type]
            row["label"] for row in labelled[:3]
        ]
    )


def test_a_text_that_repeats_is_asked_once(trained: Trained, asked: list[int]) -> None:
    rows = [{**row, "n": f"{number}"} for number in range(3) for row in ROWS[:20]]
    found = list(predict(trained.run, rows))
    assert sum(asked) == len({row["text"] for row in rows}) == 20
    of_one = [{name: value for name, value in row.items() if name != "n"} for row in found]
    assert of_one[:20] == of_one[20:40] == of_one[40:] and [row["n"] for row in found[::20]] == ["0", "1", "2"]


def test_chunks_grow_with_the_table_within_bounds() -> None:
    assert [job.chunk_size(n) for n in (1, 32_000, 64_000, 128_000, 10**7)] == [2000, 2000, 4000, 8000, 8000]


def test_bad_rows_get_a_reason_and_the_others_their_label(trained: Trained, tmp_path: Path) -> None:
    rows = [row for pair in zip(ROWS, [bad for bad, _ in BAD], strict=False) for row in pair]
    rows = [{name: row.get(name, "") for name in ROWS[0]} for row in rows]
    write_csv(tmp_path / "new.csv", rows)
    code, shown = call("predict", f"run={trained.run}", "data=new.csv", "out=out.csv")
    assert code == 0, shown
    found = read_csv(tmp_path / "out.csv")
    assert [row["text"] for row in found] == [row["text"] for row in rows]
    for row, (_, reason) in zip(found[1::2], BAD, strict=True):
        assert row["label"] == row["p_bus"] == "" and row["reason"].startswith(reason), row["reason"]
    assert all(row["label"] and not row["reason"] for row in found[::2])
    told = json.loads((tmp_path / "out.csv.json").read_text(encoding="utf-8"))
    assert told["reasons"] == {reason.partition(":")[0]: 1 for _, reason in BAD}
    assert (told["num_rows"], told["num_labelled"]) == (12, 6)
    assert sum(n for counts in told["labels"].values() for n in counts.values()) == 6
    assert "empty_field 1" in shown and not list(tmp_path.glob(".*"))


def test_abstaining_leaves_the_label_empty(trained: Trained) -> None:
    plain = list(predict(trained.run, ROWS))
    likeliest = sorted(max(row[f"p_{name}"] for name in LABELS) for row in plain)
    least = likeliest[len(likeliest) // 2]
    found = list(predict(trained.run, ROWS, abstain_below=least))
    assert {row["label"] == "" or row["label"] is None for row in found} == {True, False}
    for row, before in zip(found, plain, strict=True):
        assert (
            (row["label"] is None)
            == row["reason"].startswith("abstained")
            == (max(row[f"p_{name}"] for name in LABELS) < least)
        )
        assert row["p_bus"] == before["p_bus"] and row["label"] in (None, before["label"])


class Killed(BaseException):
    """Like the signal."""


def test_a_kill_loses_nothing_and_nothing_is_asked_twice(
    trained: Trained, labelled: list[dict[str, str]], asked: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "CHUNK", 25)
    write_csv(tmp_path / "new.csv", ROWS)
    given = ("predict", f"run={trained.run}", "data=new.csv", "out=out.csv")
    append = journal.Journal.append

    def until(number: int) -> Callable[..., None]:
        count = 0

        def appended(self: Any, batch: int, rows: Any) -> None:
            nonlocal count
            count += 1
            append(self, batch, rows)
            if count == number:
                raise Killed

        return appended

    for number in (2, 4):  # batches: within the first chunk, and within another
        monkeypatch.setattr(journal.Journal, "append", until(number))
        with pytest.raises(Killed):
            call(*given)
        assert not (tmp_path / "out.csv").exists()
        code, shown = call(*given[:-1], "out=out.csv", "abstain_below=0.9")
        assert code == 2 and "unfinished job of another run, input or options" in shown
    monkeypatch.setattr(journal.Journal, "append", append)
    code, shown = call(*given)
    assert code == 0 and "Resuming: " in shown
    assert sum(asked) == len(ROWS) and len(asked) > 6
    assert [row["label"] for row in read_csv(tmp_path / "out.csv")] == [row["label"] for row in labelled]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.csv", "out.csv", "out.csv.json"]


def test_what_is_refused_before_anything_is_loaded(trained: Trained, tmp_path: Path) -> None:
    write_csv(tmp_path / "new.csv", ROWS)
    write_csv(tmp_path / "label.csv", [{**row, "label": "x"} for row in ROWS])
    write_csv(tmp_path / "other.csv", [{"message": row["text"], "lang": row["lang"]} for row in ROWS])
    (tmp_path / "empty.csv").write_text("lang,text\n")
    (tmp_path / "wide.csv").write_text("lang,text\nen,a,b\n")
    (tmp_path / "latin.csv").write_bytes("lang,text\nde,gr\xfcn\n".encode("latin-1"))
    (tmp_path / "there.csv").write_text("mine")
    cases: list[tuple[str, list[str]]] = [
        ("out=new.csv is the input itself. Give another name.", ["data=new.csv", "out=new.csv", "overwrite=true"]),
        ("there.csv exists already. Give another name, or overwrite=true.", ["data=new.csv", "out=there.csv"]),
        ("has a column 'label' already, which is not overwritten. Write prefix=", ["data=label.csv", "out=o.csv"]),
        ("has no column 'text', which the run needs", ["data=other.csv", "out=o.csv"]),
        ("holds no rows", ["data=empty.csv", "out=o.csv"]),
        ("wide.csv line 2 has 3 columns, the header names 2", ["data=wide.csv", "out=o.csv"]),
        ("latin.csv line 2 is not UTF-8", ["data=latin.csv", "out=o.csv"]),
        ("data=no.csv: there is no such file", ["data=no.csv", "out=o.csv"]),
        ("there is no folder no", ["data=new.csv", "out=no/o.csv"]),
        ("'.ods' is not read and written here; .csv, ", ["data=new.csv", "out=o.ods"]),
        ("data=- needs its format", ["data=-", "out=o.csv"]),
        ("format=csv has no effect on data=new.csv", ["data=new.csv", "out=o.csv", "format=csv"]),
        ("language=klingon is neither a column of the table nor a language", ["data=new.csv", "out=o.csv",
                                                                              "language=klingon"]),
        ("workers has no effect on executor=local", ["data=new.csv", "out=o.csv", "workers=2"]),
    ]  # fmt: skip
    for text, given in cases:
        code, shown = call("predict", f"run={trained.run}", *given)
        assert code == 2 and text in shown, (text, shown)
        assert not (tmp_path / "o.csv").exists() and not list(tmp_path.glob(".*")), text
    assert (tmp_path / "there.csv").read_text() == "mine"
    # The remedies work.
    code, shown = call("predict", f"run={trained.run}", "data=label.csv", "out=o.csv", "prefix=predicted_")
    assert code == 0 and list(read_csv(tmp_path / "o.csv")[0])[3:5] == ["label", "predicted_label"], shown
    code, shown = call("predict", f"run={trained.run}", "data=other.csv", "out=there.csv", "columns={text:message}",
                       "overwrite=true")  # fmt: skip
    assert code == 0 and read_csv(tmp_path / "there.csv")[0]["message"] == ROWS[0]["text"], shown


def test_stdin(
    trained: Trained, labelled: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    code, shown = call("predict", f"run={trained.run}", "data=-", "format=jsonl", "out=out.csv")
    assert code == 0, shown
    assert [row["label"] for row in read_csv(tmp_path / "out.csv")] == [row["label"] for row in labelled]


def test_the_language_is_said_or_found(trained: Trained) -> None:
    rows = [{"text": row["text"]} for row in ROWS]
    # All languages of this run are asked in one form, so a row's own need not be known; Han and Cyrillic are of none.
    found = list(predict(trained.run, [*rows, {"text": "Автобус пришёл"}, {"text": "12345"}]))
    assert all(row["label"] for row in found[:-2])
    assert [row["reason"] for row in found[-2:]] == ["language_not_found: written in Cyrillic",
                                                     "language_not_found: no letters"]  # fmt: skip
    assert [r["label"] for r in predict(trained.run, rows, language="tr")] == [r["label"] for r in found[:-2]]
    by_column = predict(trained.run, [{**row, "spoken": "Turkish"} for row in rows], language="spoken")
    assert [row["label"] for row in by_column] == [row["label"] for row in found[:-2]]


def test_languages_that_are_asked_in_their_own_words_are_told_apart_by_words() -> None:
    from mslt_it.config.compose import load_recipe
    from mslt_it.prediction.row_languages import RowLanguages

    recipe = load_recipe("xnli_3src", ["targets=[tr,en,ru,bg]"])
    found = RowLanguages(recipe, ("premise", "hypothesis"), None)
    assert "by its script and commonest words, among ar, de, zh, tr, en, ru, bg" in found.how
    assert found.of({}, ("Die Frau ist nicht zu Hause", "und das Kind auch nicht")) == ("de", "")
    assert found.of({}, ("The woman is not at home", "and she is with the child")) == ("en", "")
    assert found.of({}, ("猫很大", "狗很小")) == ("zh", "")
    assert found.of({}, ("ok", "Taxi"))[1].startswith("language_not_found: ")
    named = RowLanguages(recipe, ("premise", "hypothesis", "Lang"), None)
    assert named.how == "Language of each row: by column 'Lang'."
    assert [named.of({"Lang": s}, ("x",))[0] for s in ("tr", "TR", "deu", "German", "zh_CN", "sw")] == [
        "tr", "tr", "de", "de", "zh", "sw"
    ]  # fmt: skip
    assert {named.of({"Lang": s}, ("x",)) for s in ("NA", "nan", "None", "-")} == {("", "language_missing")}


@pytest.mark.slow
def test_two_processes_share_the_rows(trained: Trained, labelled: list[dict[str, str]], tmp_path: Path) -> None:
    write_csv(tmp_path / "new.csv", ROWS)
    script = tmp_path / "start.py"
    script.write_text(
        "import sys\nfrom mslt_it.cli import main\nfrom mslt_it.prediction import job\njob.CHUNK = 13\n"
        "sys.exit(main())\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", str(script)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    given = ["predict", f"run={trained.run}", "data=new.csv", "out=out.csv"]
    done = subprocess.run([*command, *given], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("60 rows.") == 1 and "2 processes" in done.stdout
    assert [row["label"] for row in read_csv(tmp_path / "out.csv")] == [row["label"] for row in labelled]


def test_rows_are_taken_as_results_are(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    from mslt_it.prediction import labeller as module

    monkeypatch.setattr(module, "CHUNK", 5)
    taken = []

    def rows() -> Iterator[dict[str, str]]:
        for row in ROWS:
            taken.append(row)
            yield row

    found = predict(trained.run, rows())
    assert len(taken) == 1
    next(found)
    assert len(taken) == 5
    assert len(list(found)) == len(ROWS) - 1


def test_a_run_needs_neither_its_table_nor_a_known_place(trained: Trained, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(trained.run, tmp_path / "moved")  # tickets.csv is not here
    assert next(predict(tmp_path / "moved", ROWS))["label"]
