"""Rows of every shape of task, from files as they are published: labels, answers, tags, repairs, placeholders."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from pathlib import Path

import pytest
from toy_world import load, write_tsv

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import TaskConfig
from mslt_it.data.labels import found_labels, label_form, number_key
from mslt_it.evaluation.answers.numbers import parse_number
from mslt_it.evaluation.measures import MEASURES
from mslt_it.problems import Problem
from mslt_it.records import PromptedExample


def task(name: str, data: Path, **changes: object) -> TaskConfig:
    recipe = load_recipe("xnli_3src", [f"task={name}", f"task.data={data}"])
    return dataclasses.replace(recipe.task, **changes)  # type: ignore[arg-type]


def jsonl(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


# ---------------------------------------------------------------- tagging


def tagged(path: Path, *sentences: str) -> None:
    """Sentences as "Ada/B-PER ran/O"."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(s.replace(" ", "\n").replace("/", "\t") for s in sentences) + "\n", encoding="utf-8")


def test_tags_become_an_answer_that_lists_the_names(tmp_path: Path) -> None:
    tagged(tmp_path / "de" / "test.tsv", "Ada/B-PER Alt/I-PER aus/O Ulm/I-LOC", "Kein/O Name/O")
    first, second = load(task("wikiann", tmp_path), "de", "test", role="score").examples
    assert first.fields == {"text": "Ada Alt aus Ulm"} and first.label == "PER: Ada Alt | LOC: Ulm"
    assert second.label == "-"
    gold = json.loads(first.references[0])
    rest = {"spaced": True, "kinds": ["PER", "ORG", "LOC"]}
    assert gold == {"tokens": ["Ada", "Alt", "aus", "Ulm"], "tags": ["B-PER", "I-PER", "O", "I-LOC"], **rest}


def test_character_tokens_are_joined_without_spaces_and_hash_is_a_space(tmp_path: Path) -> None:
    tagged(tmp_path / "ja" / "test.tsv", "東/B-LOC 京/I-LOC #/O に/O 住/O む/O")
    (row,) = load(task("wikiann", tmp_path), "ja", "test", role="score").examples
    assert row.fields["text"] == "東京 に住む" and row.label == "LOC: 東京"
    assert json.loads(row.references[0])["spaced"] is False


def test_a_language_prefix_on_every_token_is_removed_and_a_colon_in_text_is_not(tmp_path: Path) -> None:
    tagged(tmp_path / "de" / "test.tsv", "de:Ada/B-PER de::/O", "de:Ada/B-PER ran/O")
    first, second = load(task("wikiann", tmp_path), "de", "test", role="score").examples
    assert first.fields["text"] == "Ada :" and second.fields["text"] == "de:Ada ran"


def test_items_of_a_task_that_is_not_parallel_differ_by_language(tmp_path: Path) -> None:
    for code in ("de", "fr"):
        tagged(tmp_path / code / "test.tsv", "Ulm/B-LOC ruft/O")
    ids = {load(task("wikiann", tmp_path), code, "test", role="score").examples[0].id for code in ("de", "fr")}
    assert ids == {"test:de:0", "test:fr:0"}


def test_tags_beyond_the_label_names_are_refused(tmp_path: Path) -> None:
    tagged(tmp_path / "de" / "test.tsv", "Ada/B-PERS ran/O")
    with pytest.raises(
        Problem, match=r"line 1: the tag 'B-PERS' is not one of task.label_names\. Did you mean 'B-PER'"
    ):
        load(task("wikiann", tmp_path), "de", "test", role="score")


def test_untagged_and_all_o_files_are_not_scored(tmp_path: Path) -> None:
    tagged(tmp_path / "th" / "test.tsv", "ก ข")
    with pytest.raises(Problem, match=r"test\.tsv.*its one row has an empty 'ner_tags'"):
        load(task("wikiann", tmp_path), "th", "test", role="score")
    jsonl(tmp_path / "fr" / "test.jsonl", [{"tokens": ["Ada"], "ner_tags": tags} for tags in (["O"], None, ["O"])])
    with pytest.raises(Problem, match="1 of 3 sentences have no tags, a placeholder"):
        load(task("wikiann", tmp_path, file_layout="table"), "fr", "test", role="score")
    tagged(tmp_path / "de" / "test.tsv", *["Ada/O ran/O"] * 25)
    with pytest.raises(Problem, match="all 25 sentences are tagged O"):
        load(task("wikiann", tmp_path), "de", "test", role="score")
    assert len(load(task("wikiann", tmp_path), "de", "test", role="train").examples) == 25  # may be trained on


# ---------------------------------------------------------------- questions


def questions(path: Path, *rows: tuple[str, list[str]]) -> None:
    context = "Ada lived in Ulm for nine years."
    items = [
        {"id": name, "question": "Where?", "answers": [{"text": a, "answer_start": context.find(a)} for a in answers]}
        for name, answers in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": context, "qas": items}]}]}))


def test_all_reference_answers_are_kept_once(tmp_path: Path) -> None:
    questions(tmp_path / "en" / "dev.json", ("english-1", ["Ulm", "Ulm", "in Ulm"]))
    (row,) = load(task("tydiqa", tmp_path, score_split="dev"), "en", "dev", role="score").examples
    assert row.label == "Ulm" and row.references == ("Ulm", "in Ulm") and row.id == "dev:english-1"


def test_empty_answers_are_not_scored(tmp_path: Path) -> None:
    questions(tmp_path / "fi" / "dev.json", ("finnish-1", [""]), ("finnish-2", [""]))
    with pytest.raises(Problem, match=r"all 2 rows have an empty 'answers', so there is nothing"):
        load(task("tydiqa", tmp_path, score_split="dev"), "fi", "dev", role="score")


def test_a_table_of_all_languages_is_told_apart_by_ids(tmp_path: Path) -> None:
    # The Hub's layout: one table, answers as {"text": [...]}; read here from a local file of the same rows.
    rows: list[dict[str, object]] = [
        {"id": f"{name}-{i}", "context": "c", "question": f"q{i}", "answers": {"text": ["c"], "answer_start": [0]}}
        for name in ("finnish", "korean")
        for i in range(2)
    ]
    config = task("tydiqa", tmp_path)
    from mslt_it.data.columns import by_prefix
    from mslt_it.data.files import Row

    found = by_prefix(config, [Row("row", row) for row in rows], "fi", "hub")
    assert [row.values["id"] for row in found] == ["finnish-0", "finnish-1"]
    with pytest.raises(Problem, match=r"does not say how the ids of 'sv' begin"):
        by_prefix(config, [Row("row", row) for row in rows], "sv", "hub")
    with pytest.raises(Problem, match=r"no row whose id begins with 'swahili-'"):
        by_prefix(config, [Row("row", row) for row in rows], "sw", "hub")


# ---------------------------------------------------------------- choices


def copa(question: str, number: int, label: int = 0) -> dict[str, object]:
    return {
        "premise": f"p{number}",
        "choice1": "a",
        "choice2": "b",
        "question": question,
        "label": label,
        "idx": number,
    }


def test_xcopas_question_is_taken_from_a_language_that_has_it_right(tmp_path: Path) -> None:
    jsonl(tmp_path / "et" / "val.jsonl", [copa("cause", 0), copa("effect", 1, 1), copa("cause", 2)])
    jsonl(tmp_path / "th" / "val.jsonl", [copa("effect", i, i % 2) for i in (1, 2, 0)])
    loaded = load(task("xcopa", tmp_path), "th", "validation", role="train")
    assert [e.fields["question"] for e in loaded.examples] == ["effect", "cause", "cause"]
    assert loaded.notes == ("th: 'question' wrong upstream in 2 of 3 rows, taken from 'et'",)
    assert load(task("xcopa", tmp_path), "et", "validation", role="train").notes == ()


def test_xcopas_question_without_a_right_language_at_hand_is_said(tmp_path: Path) -> None:
    jsonl(tmp_path / "th" / "val.jsonl", [copa("effect", i) for i in range(3)])
    (note,) = load(task("xcopa", tmp_path), "th", "validation", role="train").notes
    assert "could not be checked: none of et, ta, vi" in note


def test_xcopas_question_is_not_taken_from_rows_that_no_id_tells(tmp_path: Path) -> None:
    for code, asked in (("et", "cause"), ("th", "effect")):
        plain = [{k: v for k, v in copa(asked, i).items() if k != "idx"} for i in range(3)]
        jsonl(tmp_path / code / "val.jsonl", plain)
    loaded = load(task("xcopa", tmp_path), "th", "validation", role="train")
    assert [e.fields["question"] for e in loaded.examples] == ["effect"] * 3
    assert "could not be checked" in loaded.notes[0]


def test_labels_that_are_all_zero_are_not_scored(tmp_path: Path) -> None:
    jsonl(tmp_path / "en" / "test.dummylabels.jsonl", [copa("cause", i) for i in range(30)])
    with pytest.raises(Problem, match=r"dummylabels.*all 30 rows have label='0', a placeholder for labels"):
        load(task("xcopa", tmp_path), "en", "test", role="score")


def test_integers_upstream_may_start_at_one(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"sentence": f"{i} _", "option1": "a", "option2": "b", "answer": str(i)} for i in (1, 2)
    ]
    jsonl(tmp_path / "en.jsonl", rows)
    config = task("xwinograd", tmp_path, file_layout="table", held_out_share=0.999)
    assert [e.label for e in load(config, "en", "test", role="score").examples] == ["first", "second"]
    rows.append({"sentence": "_", "option1": "a", "option2": "b", "answer": "0"})
    jsonl(tmp_path / "en.jsonl", rows)
    with pytest.raises(Problem, match=r"answer='0' is outside task\.label_names \(integers upstream start at 1;"):
        load(config, "en", "test", role="score")


def test_rows_of_one_group_are_divided_together(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = []
    for i in range(60):
        pair = [f"cup {i}", f"box {i}"]
        rows.append({"sentence": f"{i} _ a", "option1": pair[0], "option2": pair[1], "answer": 1})
        rows.append({"sentence": f"{i} _ b", "option1": pair[1], "option2": pair[0].upper(), "answer": 2})
    jsonl(tmp_path / "en.jsonl", rows)
    config = task("xwinograd", tmp_path, file_layout="table")
    sides = [load(config, "en", "test", role=role).examples for role in ("train", "score")]
    groups = [{frozenset(e.fields[f].casefold() for f in ("option1", "option2")) for e in side} for side in sides]
    assert len(groups[0]) + len(groups[1]) == 60 and not groups[0] & groups[1] and all(groups)


def test_japanese_goes_by_its_upstream_name(tmp_path: Path) -> None:
    jsonl(tmp_path / "jp.jsonl", [{"sentence": "_", "option1": "a", "option2": "b", "answer": 1}] * 1)
    config = task("xwinograd", tmp_path, file_layout="table", held_out_share=0.999)
    assert load(config, "ja", "test", role="score").examples[0].language == "ja"


def test_pawsx_is_read_without_quoting_and_ns_is_kept_for_cleaning(tmp_path: Path) -> None:
    head = ("id", "sentence1", "sentence2", "label")
    write_tsv(
        tmp_path / "es" / "dev_2k.tsv", [head, ("4", '"A b', "c", "1"), ("7", "NS", 'd"', "0"), ("9", "e", '"f', "0")]
    )
    examples = load(task("pawsx", tmp_path, score_split="dev"), "es", "dev", role="score").examples
    assert [(e.id, e.label) for e in examples] == [
        ("dev:4", "paraphrase"),
        ("dev:7", "different"),
        ("dev:9", "different"),
    ]
    assert examples[0].fields["sentence1"] == '"A b'


def test_mgsm_without_header(tmp_path: Path) -> None:
    write_tsv(tmp_path / "de" / "test.tsv", [("Wie viele?", "2,125"), ("Und jetzt?", "18")])
    config = task("mgsm", tmp_path, held_out_share=0.999)
    assert [e.label for e in load(config, "de", "test", role="score").examples] == ["2125", "18"]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2,125", "2125"),  # in English notation, as MGSM's are in all languages
        ("12 000", "12000"),
        ("1\u202f234\u202f567", "1234567"),
        ("$1,234.50", "1234.5"),
        ("12.50", "12.5"),
        ("0,125", "0.125"),
        ("3/4", "0.75"),
        ("٣", "3"),
        ("-7", "-7"),
    ],
)
def test_a_right_answer_is_right_when_it_is_said(written: str, value: str, tmp_path: Path) -> None:
    for code in ("de", "en", "fr", "ar", "zh", "sw"):
        write_tsv(tmp_path / code / "test.tsv", [("Wie viele?", written)])
        config = task("mgsm", tmp_path, held_out_share=0.999)
        [row] = load(config, code, "test", role="score").examples
        assert row.fault == "" and parse_number(row.label, code) == Decimal(value)
        item = PromptedExample(
            "1", code, (), row.label, (), label=row.label, references=row.references, is_written=True
        )
        counts, _ = MEASURES["number_accuracy"][0].counts([item] * 2, (row.label, "1"))
        assert counts[:, 0].tolist() == [1, 0]


# ---------------------------------------------------------------- labels of one's own


def test_the_label_set_is_found_sorted() -> None:
    config = TaskConfig(name="custom", label_names=())
    assert found_labels(config, ["pay", "ask", "", "pay", "ask"]) == ("ask", "pay")
    assert found_labels(config, ["pay"] * 9 + ["ask"] * 6 + ["None", "none", "none"]) == ("None", "ask", "none", "pay")
    assert found_labels(config, ["pay"] * 9 + ["ask"] * 6 + ["None", "none"]) == ("ask", "pay")  # half of 6 is 3
    assert found_labels(config, list("ba")) == ("a", "b") and found_labels(config, list("cbabca")) == ("a", "b", "c")
    assert label_form("late \r\n delivery\u2028now") == "late delivery now"  # a cell wrapped by hand
    assert number_key("1234567.0") == number_key("1234567") != number_key("1234568")
    one = r"holds 1 different label \(pay\) in the 3 rows of the sources that are not set aside for scoring; .*needs at"
    with pytest.raises(Problem, match=one):
        found_labels(config, ["pay"] * 3)
    for texts in ([f"a long answer {i}" for i in range(9)], list("aabbc")):
        with pytest.raises(Problem, match=rf"{len({*texts})} different values in {len(texts)} rows .*shape=free_text"):
            found_labels(config, texts)
