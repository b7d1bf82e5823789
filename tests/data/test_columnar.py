"""Arrow files and folders as `datasets` saves them, and the names that it keeps of a label's integers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
from label_tables import BASE, own
from toy_world import load

from mslt_it.config.compose import load_recipe
from mslt_it.data import text_files
from mslt_it.data.columnar import class_names, columnar_rows
from mslt_it.data.files import read_table
from mslt_it.problems import Problem

NAMES = ["refund", "delay", "other"]
ROWS = [
    {"lang": code, "text": f"{code} text {i}", "intent": i % 3, "tags": [i % 3, -1]}
    for code in ("en", "de", "fr")
    for i in range(30)
]
CLASS = {"names": NAMES, "_type": "ClassLabel"}
NOTE = {
    "info": {"features": {"intent": CLASS, "tags": {"feature": CLASS, "_type": "List"}, "text": {"dtype": "string"}}}
}


def noted(note: object = NOTE) -> pyarrow.Table:
    return pyarrow.Table.from_pylist(ROWS).replace_schema_metadata({"huggingface": json.dumps(note)})


def stream(table: pyarrow.Table, path: Path) -> None:
    with pyarrow.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=40)


WRITERS: dict[str, Callable[[pyarrow.Table, Path], None]] = {
    "t.arrow": stream,
    "file.arrow": pyarrow.feather.write_feather,
    "t.feather": pyarrow.feather.write_feather,
    "t.parquet": pyarrow.parquet.write_table,
}


@pytest.mark.parametrize("name", WRITERS)
def test_rows_and_what_their_integers_are_called(name: str, tmp_path: Path) -> None:
    WRITERS[name](noted(), tmp_path / name)
    assert list(columnar_rows(tmp_path / name)) == ROWS
    named = [dict(row.values) for row in read_table(tmp_path / name, ["text"], by_names=True)]
    assert named == [row | {"intent": NAMES[row["intent"]], "tags": [NAMES[row["tags"][0]], -1]} for row in ROWS]
    assert read_table(tmp_path / name, ["text"])[-1].place == "row 90"


def test_a_column_may_hold_numbers_of_texts(tmp_path: Path) -> None:
    table = pyarrow.table({"text": pyarrow.array(["a", "b", "a"]).dictionary_encode()})
    stream(table, tmp_path / "t.arrow")
    assert [row["text"] for row in columnar_rows(tmp_path / "t.arrow")] == ["a", "b", "a"]


@pytest.mark.parametrize(
    "note", [None, 3, [], {"info": {"features": {"intent": {"_type": "ClassLabel"}}}}, {"info": 1}]
)
def test_a_note_that_says_nothing(note: object) -> None:
    assert class_names(noted(note).schema) == {}


def test_old_notes_write_lists_as_lists() -> None:
    assert class_names(noted({"info": {"features": {"tags": [CLASS]}}}).schema) == {"tags": NAMES}


@pytest.mark.parametrize("has_splits", [False, True])
def test_a_saved_data_set_is_a_table_with_named_labels(has_splits: bool, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_list(ROWS).cast_column("intent", datasets.ClassLabel(names=NAMES))
    if has_splits:
        halves = rows.train_test_split(0.5, seed=0)
        halves.save_to_disk(tmp_path / "saved", num_shards={"train": 2, "test": 1})
    else:
        rows.save_to_disk(tmp_path / "saved", num_shards=2)
    recipe = own(tmp_path / "saved")
    assert recipe.task.label_names == ("delay", "other", "refund")
    loaded = load(recipe.task, "de", "train", role="train"), load(recipe.task, "de", "test", role="score")
    examples = [e for found in loaded for e in found.examples]
    assert sorted((e.fields["text"], e.label) for e in examples) == sorted(
        (row["text"], NAMES[row["intent"]]) for row in ROWS if row["lang"] == "de"
    )


@pytest.mark.parametrize(
    "said",
    ["task.label_names=['0','1','2']", "task.labels={0: late, 1: late, 2: good}"],
)
def test_integers_of_which_a_recipe_speaks_stay_integers(said: str, tmp_path: Path) -> None:
    pyarrow.parquet.write_table(noted(), tmp_path / "t.parquet")
    recipe = load_recipe("custom", [*BASE, f"task.data={tmp_path / 't.parquet'}", said])
    found = {e.label for e in load(own(tmp_path / "t.parquet", said).task, "de", "train", role="train").examples}
    assert recipe.task.name == "custom" and found <= {"0", "1", "2", "late", "good"} and len(found) > 1


def test_names_of_one_file_alone_are_not_used(tmp_path: Path) -> None:
    """Integers of the others would be labels of their own."""
    pyarrow.parquet.write_table(
        noted().filter(pyarrow.array([r["lang"] == "en" for r in ROWS])), tmp_path / "en.parquet"
    )
    for code in ("de", "fr"):
        rows = [f"{row['text']},{row['intent']}\n" for row in ROWS if row["lang"] == code]
        (tmp_path / f"{code}.csv").write_text("text,intent\n" + "".join(rows))
    task = own(tmp_path).task
    assert task.label_names == ("0", "1", "2")
    assert {e.label for e in load(task, "en", "train", role="train").examples} == {"0", "1", "2"}


def test_a_benchmark_knows_its_integers_itself(tmp_path: Path) -> None:
    rows = [{"language": "de", "premise": f"p {i}", "hypothesis": "h", "label": i % 3} for i in range(30)]
    table = pyarrow.Table.from_pylist(rows)
    note = {"info": {"features": {"label": {"names": ["x", "y", "z"], "_type": "ClassLabel"}}}}
    pyarrow.parquet.write_table(
        table.replace_schema_metadata({"huggingface": json.dumps(note)}), tmp_path / "test.parquet"
    )
    task = load_recipe("xnli_3src", [f"task.data={tmp_path}"]).task
    found = load(task, "de", "test", role="score").examples
    assert [e.label for e in found[:3]] == ["entailment", "neutral", "contradiction"]


def test_damaged_and_huge_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream(noted(), tmp_path / "t.arrow")
    whole = (tmp_path / "t.arrow").read_bytes()
    for content in (b"", b"ARROW1", whole[: len(whole) // 2], b"a,b\n1,2\n"):
        (tmp_path / "cut.arrow").write_bytes(content)
        with pytest.raises(Problem, match=r"cut\.arrow (cannot be read as Arrow|holds no data rows)"):
            read_table(tmp_path / "cut.arrow", ["text"])
    with pytest.raises(Problem, match=r"t\.arrow holds 90 rows or more; at most 80 of a file are read"):
        list(columnar_rows(tmp_path / "t.arrow", 80))
    monkeypatch.setattr(text_files, "BOMB", 2**16)
    repeated = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 4000, "int32"), ["a" * 2**13])
    stream(pyarrow.table({"text": repeated}), tmp_path / "bomb.arrow")
    with pytest.raises(Problem, match=r"bomb\.arrow unpacks from 0\.0 MiB"):
        read_table(tmp_path / "bomb.arrow", ["text"])
