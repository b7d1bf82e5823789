from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from toy_world import LABELS, WORLD, load, load_examples, toy_rows, toy_task, write_tsv

from mslt_it.problems import Problem

FIELDS = ("premise", "hypothesis", "label")


def as_dicts(language: str, number: int) -> list[dict[str, object]]:
    return [dict(zip(FIELDS, row, strict=True)) for row in toy_rows(language, number)]


def test_headerless_tsv_keeps_quotes_and_order(tmp_path: Path) -> None:
    write_tsv(tmp_path / "en" / "train.tsv", [('He said "no.', "A\u2028b", "neutral"), ("c", "d", "entailment")])
    first, second = load_examples(toy_task(tmp_path), "en", "train", role="train")
    assert first.fields == {"premise": 'He said "no.', "hypothesis": "A\u2028b"}  # U+2028 ends no row
    assert (first.id, second.id, second.label, first.split) == ("train:0", "train:1", "entailment", "train")
    assert first.origin.endswith("train.tsv:line 1")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json lines", "json array", "parquet", "tsv with header"])
def test_every_format_gives_the_same_rows(tmp_path: Path, kind: str) -> None:
    rows = as_dicts("en", 5)
    rows[0]["premise"] = 'with, comma and "quotes"'
    folder = tmp_path / "en"
    folder.mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if kind == "csv":
        import csv

        with (folder / "train.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "train.parquet")
    elif kind == "tsv with header":
        write_tsv(folder / "train.tsv", [FIELDS, *(tuple(str(row[f]) for f in FIELDS) for row in rows)])
    else:
        (folder / ("train.jsonl" if kind == "jsonl" else "train.json")).write_text(
            json.dumps(rows) if kind == "json array" else lines
        )
    examples = load_examples(toy_task(tmp_path), "en", "train", role="train")
    assert [{**e.fields, "label": e.label} for e in examples] == rows
    assert [e.id for e in examples] == [f"train:{i}" for i in range(5)]


def test_one_file_with_a_language_column_counts_rows_per_language(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    rows = [{**row, "lang": code} for en, de in zip(as_dicts("en", 4), as_dicts("de", 4), strict=True)
            for code, row in (("en", en), ("de", de))]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = toy_task(path, held_out_share=0.5)
    ids = {
        code: [e.id for role in ("train", "score") for e in load(config, code, role, role=role).examples]  # type: ignore[arg-type]
        for code in ("en", "de")
    }
    assert ids["en"] == ids["de"] and sorted(ids["en"]) == [f"all:{i}" for i in range(4)]
    with pytest.raises(Problem, match=r"no row with lang=fr.*Known: de, en"):
        load_examples(config, "fr", "train", role="train")


def test_labels(tmp_path: Path) -> None:
    labels = ["0", "2", "1.0", "1", "-1", "", "-"]
    write_tsv(tmp_path / "en.tsv", [("a", f"b{i}", label) for i, label in enumerate(labels)])
    config = toy_task(tmp_path, held_out_share=1e-9)
    found = [e.label for e in load_examples(config, "en", "train", role="train")]
    assert found == ["entailment", "contradiction", "neutral", "neutral", "", "", ""]
    write_tsv(tmp_path / "en.tsv", [("a", "b", "0"), ("a", "b", "neutral")])  # no column of upstream's integers
    with pytest.raises(Problem, match=r"line 1: label='0' is outside task\.label_names \(integers upstream"):
        load_examples(config, "en", "train", role="train")
    write_tsv(tmp_path / "en.tsv", [("a", "b", "neutral"), ("a", "b", "neutrl")])
    with pytest.raises(Problem, match=r"en\.tsv.*'en'.*line 2.*'neutrl'.*Did you mean 'neutral'"):
        load_examples(config, "en", "train", role="train")


def test_ids_come_from_the_id_column_and_must_be_unique(tmp_path: Path) -> None:
    rows = [{**row, "idx": 10 + i} for i, row in enumerate(as_dicts("en", 3))]
    path = tmp_path / "en" / "train.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [e.id for e in load_examples(toy_task(tmp_path), "en", "train", role="train")] == [
        "train:10",
        "train:11",
        "train:12",
    ]
    path.write_text("".join(json.dumps({**row, "idx": 7}) + "\n" for row in rows))
    with pytest.raises(Problem, match=r"line 2: idx=7 is already at line 1"):
        load_examples(toy_task(tmp_path), "en", "train", role="train")


@pytest.mark.parametrize("name", ["dev.tsv", "validation.tsv", "val.tsv", "dev_2k.tsv"])
def test_split_aliases(tmp_path: Path, name: str) -> None:
    write_tsv(tmp_path / "en" / name, list(toy_rows("en", 3)))
    write_tsv(tmp_path / "en" / "train.tsv", list(toy_rows("en", 5)))
    config = toy_task(tmp_path, score_split="validation")
    assert len(load_examples(config, "en", "validation", role="score")) == 3
    assert len(load_examples(config, "en", "train", role="train")) == 5


def test_a_lone_file_is_divided_by_premise_the_same_way_in_every_language(tmp_path: Path) -> None:
    for code in WORLD:
        premises = [row[0] for row in toy_rows(code, 200)]
        rows = [(premises[i // 3], f"{i}", LABELS[(i + i // 3) % 3]) for i in range(600)]
        write_tsv(tmp_path / code / "dev.tsv", list(rows))
    config = toy_task(tmp_path)
    parts = {
        code: (load(config, code, "train", role="train"), load(config, code, "test", role="score")) for code in WORLD
    }
    train, scored = parts["en"]
    assert len(train.examples) + len(scored.examples) == 600 and 0.1 < len(scored.examples) / 600 < 0.3
    assert not {e.fields["premise"] for e in train.examples} & {e.fields["premise"] for e in scored.examples}
    assert "of their numbers, which are the same in all languages, rows with one premise together" in train.notes[0]
    for other_train, other_scored in parts.values():
        assert [e.id for e in other_train.examples] == [e.id for e in train.examples]
        assert [e.id for e in other_scored.examples] == [e.id for e in scored.examples]


def test_placeholder_labels_are_refused_for_scoring_only(tmp_path: Path) -> None:
    for label in ("0", "neutral", ""):
        write_tsv(tmp_path / "en" / "test.tsv", [("a", f"b{i}", label) for i in range(20)])
        write_tsv(tmp_path / "en" / "train.tsv", [("a", f"b{i}", label) for i in range(20)])
        if label == "0":  # one integer of the three: no column of upstream's
            with pytest.raises(Problem, match=r"label='0' is outside task\.label_names"):
                load_examples(toy_task(tmp_path), "en", "train", role="train")
        else:
            assert len(load_examples(toy_task(tmp_path), "en", "train", role="train")) == 20
        with pytest.raises(
            Problem, match=rf"test\.tsv.*all 20 rows have {f'label=.{label}' if label else 'an empty .label'}"
        ):
            load_examples(toy_task(tmp_path), "en", "test", role="score")
    write_tsv(tmp_path / "en" / "test.tsv", [("a", f"b{i}", "0") for i in range(19)])
    assert len(load_examples(toy_task(tmp_path), "en", "test", role="score")) == 19


def test_errors_name_the_place_and_the_remedy(tmp_path: Path) -> None:
    config = toy_task(tmp_path)
    write_tsv(tmp_path / "de" / "dev.tsv", list(toy_rows("de", 3)))
    with pytest.raises(Problem, match=r"language 'en'.*Known: de"):
        load_examples(config, "en", "train", role="train")
    with pytest.raises(Problem, match=r"does not exist.*holds: de/"):
        load_examples(toy_task(tmp_path / "absent"), "en", "train", role="train")
    own = tmp_path / "en" / "train.tsv"
    write_tsv(own, [("premise", "hypotesis", "label"), ("a", "b", "neutral")])
    with pytest.raises(Problem, match=r"no column 'hypothesis'. Did you mean 'hypotesis'"):
        load_examples(config, "en", "train", role="train")
    write_tsv(own, [("a", "b", "c", "neutral")])
    with pytest.raises(Problem, match=r"line 1 has 4 columns"):
        load_examples(config, "en", "train", role="train")
    own.write_bytes(b"")
    with pytest.raises(Problem, match=r"train\.tsv holds no data rows"):
        load_examples(config, "en", "train", role="train")
    own.write_bytes(b"a\tb\tneutral\n\xff\tb\tneutral\n")
    with pytest.raises(Problem, match=r"line 2 is not UTF-8 \(byte 0xff\)"):
        load_examples(config, "en", "train", role="train")
    (tmp_path / "en" / "train.tsv").unlink()
    (tmp_path / "en" / "train.jsonl").write_text('{"premise": "a"\n')
    with pytest.raises(Problem, match=r"train\.jsonl line 1 is not valid JSON"):
        load_examples(config, "en", "train", role="train")


def test_a_missing_train_split_is_never_taken_from_the_scored_one(tmp_path: Path) -> None:
    write_tsv(tmp_path / "en" / "test.tsv", list(toy_rows("en", 9)))
    with pytest.raises(Problem, match=r"no split 'train'.*task\.train_split=test and task\.score_split=test"):
        load_examples(toy_task(tmp_path), "en", "train", role="train")
    assert len(load_examples(toy_task(tmp_path), "en", "test", role="score")) == 9


def test_a_short_row_has_an_empty_field(tmp_path: Path) -> None:
    write_tsv(tmp_path / "en" / "train.tsv", [("a", "b", "neutral"), ("only a premise",)])
    assert load_examples(toy_task(tmp_path), "en", "train", role="train")[1].fields["hypothesis"] == ""


@pytest.mark.skipif("MSLT_REAL_DATA" not in os.environ, reason="MSLT_REAL_DATA names no folder of benchmark files")
def test_real_xnli_is_parallel_and_divided_without_shared_premises() -> None:
    root = Path(os.environ["MSLT_REAL_DATA"]) / "xnli"
    config = toy_task(root)
    ids = set()
    languages = sorted(p.name for p in root.iterdir() if p.is_dir())
    for code in languages:
        train = load_examples(config, code, "train", role="train")
        scored = load_examples(config, code, "test", role="score")
        assert len(train) + len(scored) == 2490
        ids.add(tuple(e.id for e in scored))
        units = [{int(e.id.split(":")[1]) // 3 for e in part} for part in (train, scored)]
        assert not units[0] & units[1]
    assert len(languages) > 1 and len(ids) == 1


@pytest.mark.skipif("MSLT_REAL_DATA" not in os.environ, reason="MSLT_REAL_DATA names no folder of benchmark files")
def test_real_pawsx_loses_no_row_to_quotes() -> None:
    root = Path(os.environ["MSLT_REAL_DATA"]) / "pawsx"
    fields = ("sentence1", "sentence2")
    config = toy_task(root, input_fields=fields, label_names=("different", "same"), score_split="dev")
    for code in ("de", "en", "es", "fr", "zh"):
        assert len(load_examples(config, code, "dev", role="score")) == 2000
