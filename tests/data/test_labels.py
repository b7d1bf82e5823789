"""Labels of a user's own table: one form in every file type, signs for missing ones, words that mean our labels."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from toy_world import load

from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import PromptConfig, Recipe
from mslt_it.data.build import build_training_set, format_report, notes_on_scored, scored_examples, with_found_labels
from mslt_it.data.labels import guessed, label_form, label_set_notes, spelling_key
from mslt_it.data.prompts import prompted
from mslt_it.problems import Problem

WORDS = {"en": "the parcel {} is late", "de": "das Paket {} kommt zu spät", "fr": "le colis {} est en retard"}
BASE = ["task.input=text", "task.label=intent", "sources=[en,de]", "targets=[fr]", "data.num_examples_total=20"]


def table(language: str, labels: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"text": WORDS[language].format(i), "intent": label} for i, label in enumerate(labels)]


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    elif path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="," if path.suffix == ".csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def own(folder: Path, *more: str) -> Recipe:
    return with_found_labels(load_recipe("custom", [*BASE, f"task.data={folder}", *more]))


def read(recipe: Recipe, language: str) -> dict[int, str]:
    """Row number -> label, over training and scored rows."""
    rows = [e for role in ("train", "score") for e in load(recipe.task, language, role, role=role).examples]  # type: ignore[arg-type]
    return {int(e.id.rpartition(":")[2]): e.label for e in rows}


def pasted(message: str) -> list[str]:
    """The arguments that an error or a note ends in, as a shell reads them."""
    return shlex.split(re.split(r"add: |(?:label|out|one|same): (?=['\"]?task\.)", message)[-1])


# ---------------------------------------------------------------- one form in every file


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("second_file", ["csv", "jsonl", "parquet"])
def test_numbers_as_labels_are_the_same_in_every_file_and_never_shifted(
    tmp_path: Path, first: int, second_file: str
) -> None:
    numbers = [first + i % 3 for i in range(60)]
    write(tmp_path / "en.csv", table("en", numbers))
    gaps: list[Any] = [float(n) for n in numbers]  # one row without a label makes the column one of floats
    gaps[7] = None
    write(tmp_path / f"de.{second_file}", table("de", gaps))
    write(tmp_path / "fr.parquet", table("fr", [str(n) for n in numbers]))
    recipe = own(tmp_path)
    assert recipe.task.label_names == tuple(str(first + i) for i in range(3))
    wanted = {i: str(n) for i, n in enumerate(numbers)}
    assert read(recipe, "en") == wanted and read(recipe, "fr") == wanted
    assert read(recipe, "de") == {**wanted, 7: ""}


def test_named_numbers_stay_what_they_are_and_the_order_of_names_shifts_nothing(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.jsonl", table(code, [float(i % 3 + 1) for i in range(60)]))
    recipe = own(tmp_path, "task.label_names=[3,1,2]")
    assert recipe.task.label_names == ("3", "1", "2")
    assert read(recipe, "fr") == {i: str(i % 3 + 1) for i in range(60)}


def test_numbers_of_a_users_own_table_are_no_positions(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [i % 3 for i in range(60)]))
    recipe = own(tmp_path, "task.label_names=[neg,neu,pos]")
    with pytest.raises(Problem, match=r"en\.csv .*line 2: intent='0' is outside task\.label_names\.") as caught:
        read(recipe, "en")
    line = pasted(str(caught.value))
    assert line == ["task.labels.0=neg", "task.labels.1=neu", "task.labels.2=pos"]
    assert read(own(tmp_path, "task.label_names=[neg,neu,pos]", *line), "en")[2] == "pos"


def test_booleans_are_one_label_in_every_spelling(tmp_path: Path) -> None:
    truth = [i % 2 == 0 for i in range(60)]
    write(tmp_path / "en.csv", table("en", truth))  # True
    write(tmp_path / "de.jsonl", table("de", truth))  # true
    write(tmp_path / "fr.tsv", table("fr", [str(t).upper() for t in truth]))
    recipe = own(tmp_path)
    assert recipe.task.label_names == ("false", "true")
    assert read(recipe, "en") == read(recipe, "de") == read(recipe, "fr")
    named = own(tmp_path, "task.label_names=[True,False]")  # the user's spelling is what is written
    assert read(named, "de")[0] == "True"


def test_booleans_beside_zero_and_one_are_refused_with_the_line_that_makes_them_one(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.jsonl", table(code, [i % 2 == 0 if code == "fr" else i % 2 for i in range(60)]))
    with pytest.raises(Problem, match="intent='true' is outside") as caught:
        read(own(tmp_path), "fr")
    assert sorted(pasted(str(caught.value))) == ["task.labels.false=0", "task.labels.true=1"]


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1.0", "1"),
        (Decimal("1.00"), "1"),
        (-1.0, "-1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        ("1.10", "1.10"),
        ("01", "01"),
        ("v1.0", "v1.0"),
        (True, "true"),
        (None, ""),
        ("  card ", "card"),
        ("\ufeffcard", "card"),
        ("ca\u200brd\u200e", "card"),
        ("\u00a0card\u3000", "card"),
        ("I\u0307ade", "\u0130ade"),
        ("نمی\u200cخواهم", "نمی\u200cخواهم"),  # a joiner that Persian writes
        (10**20, str(10**20)),
    ],
)
def test_forms(value: object, form: str) -> None:
    assert label_form(value) == form


def test_labels_that_look_alike_are_said_and_not_merged(tmp_path: Path) -> None:
    spelled = ["card", "Card", "card.", "transfer"]
    for code in WORDS:
        write(tmp_path / f"{code}.jsonl", table(code, [spelled[i % 4] for i in range(80)]))
    recipe = own(tmp_path)
    assert recipe.task.label_names == ("Card", "card", "card.", "transfer")
    rows = load(recipe.task, "en", "train", role="train").examples
    (note,) = [n for n in label_set_notes(recipe.task, rows) if "kept apart" in n]
    assert note.startswith("'Card' and 'card' and 'card.' are kept apart as labels.")
    merged = own(tmp_path, *pasted(note))
    assert len(merged.task.label_names) == 2 and not any("kept apart" in n for n in label_set_notes(merged.task, rows))


def test_words_that_are_only_alike_get_no_note() -> None:
    pairs = [("c++", "c#"), ("+1", "-1"), ("1", "10"), ("card", "cart"), (":)", ":(")]
    assert all(spelling_key(a) != spelling_key(b) for a, b in pairs)
    assert spelling_key("Lost_card") == spelling_key("lost-card ") and spelling_key("ｃａｒｄ") == spelling_key("card")


# ---------------------------------------------------------------- a benchmark's integers


def xnli(folder: Path, language: str, labels: Sequence[Any], *more: str) -> list[str]:
    rows = [{"premise": f"a {i}", "hypothesis": f"b {i}", "label": label} for i, label in enumerate(labels)]
    write(folder / language / "test.jsonl", rows)
    recipe = load_recipe("xnli_3src", [f"task.data={folder}", *more])
    return [e.label for e in load(recipe.task, language, "test", role="score").examples]


def test_a_benchmarks_integers_are_read_as_floats_too(tmp_path: Path) -> None:
    assert xnli(tmp_path, "en", [0.0, 1.0, None, 2.0, -1]) == ["entailment", "neutral", "", "contradiction", ""]


@pytest.mark.parametrize("numbers", [[1, 2, 3], [0, 1], [0, 1, 2, 3], [0, "neutral", 2]])
def test_other_numbers_in_a_benchmarks_column_are_refused(tmp_path: Path, numbers: list[Any]) -> None:
    labels = [numbers[i % len(numbers)] for i in range(36)]
    with pytest.raises(Problem, match=r"is outside task\.label_names \(integers upstream start at 0") as caught:
        xnli(tmp_path, "en", labels)
    found = xnli(tmp_path, "en", labels, *pasted(str(caught.value)))
    assert set(found) <= {"entailment", "neutral", "contradiction"} and len(Counter(found)) >= 2


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("enc", ["entailment", "neutral", "contradiction"]),
        (["SUPPORTS", "NOT ENOUGH INFO", "REFUTES"], ["entailment", "neutral", "contradiction"]),
        (["entails", "n/a", "contradictory"], ["entailment", "", "contradiction"]),
        (["neutral", "Entailment", "x=y"], ["neutral", "entailment", "contradiction"]),
        (["yes [1]", "it's", "no"], ["entailment", "neutral", "contradiction"]),
    ],
)
def test_the_line_that_the_error_shows_makes_other_words_labels(
    tmp_path: Path, words: Sequence[str], meant: list[str]
) -> None:
    with pytest.raises(Problem, match=r"add: ") as caught:
        xnli(tmp_path, "en", list(words))
    line = pasted(str(caught.value))
    found = xnli(tmp_path, "en", list(words), *line)
    if set(words) & {"yes [1]", "x=y"}:  # nothing resembles them: some label is filled in, for the user to check
        assert set(found) <= set(meant) and all(found)
    else:
        assert found == meant


def test_numbers_as_keys_of_task_labels_in_a_recipe_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "defaults: [recipe_schema, {scale: mini}, {task: xnli}, _self_]\nsources: [en]\ntargets: [de]\n"
        "task: {labels: {0: contradiction, 1: neutral, 2: entailment}}\n"
    )
    recipe = load_recipe("mine", config_dir=tmp_path)
    assert recipe.task.labels == {"0": "contradiction", "1": "neutral", "2": "entailment"}


# ---------------------------------------------------------------- missing or a label


def test_none_is_a_label_where_it_is_as_frequent_as_one(tmp_path: Path) -> None:
    labels = [["card", "none", "transfer"][i % 3] for i in range(60)]
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, labels))
    recipe = own(tmp_path)
    assert recipe.task.label_names == ("card", "none", "transfer")
    assert read(recipe, "fr") == dict(enumerate(labels))
    (note,) = [n for n in notes_on_scored(recipe, ["fr"]) if "'none' may mean that there is none" in n]
    assert own(tmp_path, *pasted(note)).task.label_names == ("card", "transfer")


@pytest.mark.parametrize("marker", ["none", "None", "null", "NULL", "-1", "nan", "n/a", "N/A", "-", "#N/A", "<NA>"])
def test_a_seldom_sign_is_missing_is_counted_and_is_kept_by_the_key_that_the_note_shows(
    tmp_path: Path, marker: str, tokenizer: Any
) -> None:
    labels = [["card", "transfer"][i % 2] for i in range(60)]
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [marker if i % 15 in (4, 5) else x for i, x in enumerate(labels)]))
    recipe = own(tmp_path, "scoring.num_examples_per_language=0", "data.max_dropped_share=0.3")
    assert recipe.task.label_names == ("card", "transfer")
    report = format_report(build_training_set(recipe, tokenizer)[1])
    for code in WORDS:
        (note,) = [n for n in report.split("\n") if n.startswith(f"Note: {code}: ") and "are left out" in n]
        assert f"intent={marker!r} was taken for a missing label" in note
    line = pasted(note)
    kept = own(tmp_path, *line)
    assert set(kept.task.label_names) == {"card", "transfer", marker}
    assert [read(kept, code)[4] for code in WORDS] == [marker] * 3


def test_rows_lost_to_a_sign_over_the_limit_name_it_and_the_key(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, ["n/a" if i % 8 == 0 else "ab"[i % 2] for i in range(160)]))
    recipe = own(tmp_path)
    with pytest.raises(Problem, match=r"label_missing.*'n/a' \(\d+ rows\) was taken for a missing label\.") as caught:
        scored_examples(recipe, "fr")
    (line,) = re.findall(r"Where it is a label: (\S+|'[^']*')\. Repair", str(caught.value))
    kept = own(tmp_path, *shlex.split(line))
    assert "n/a" in {e.label for e in scored_examples(kept, "fr")}


def test_named_signs_are_labels_and_another_spelling_of_one_is_refused(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [["card", "null"][i % 2] for i in range(60)]))
    assert set(read(own(tmp_path, "task.label_names=[card,null]"), "en").values()) == {"card", "null"}
    write(tmp_path / "fr.csv", table("fr", [["card", "NULL"][i % 2] for i in range(60)]))
    with pytest.raises(Problem, match="'NULL' is outside") as caught:
        read(own(tmp_path, "task.label_names=[card,null]"), "fr")
    line = pasted(str(caught.value))
    assert read(own(tmp_path, "task.label_names=[card,null]", *line), "fr")[1] == "null"


def test_minus_one_is_a_label_of_sentiment(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.jsonl", table(code, [(-1, 0, 1, 1, 0)[i % 5] for i in range(60)]))
    recipe = own(tmp_path)
    assert recipe.task.label_names == ("-1", "0", "1") and read(recipe, "en")[0] == "-1"


@pytest.mark.parametrize("value", [["card"], {"name": "card"}, float("nan"), float("inf"), [], {}])
def test_what_is_no_text_is_no_label_and_no_field(tmp_path: Path, value: Any, tokenizer: Any) -> None:
    labels = [["card", "transfer"][i % 2] for i in range(60)]
    for code in WORDS:
        rows = table(code, labels)
        rows[3]["intent"] = value  # rows 3 and 6 are to be trained on where they are good
        rows[6]["text"] = value
        write(tmp_path / f"{code}.jsonl", rows)
    recipe = own(
        tmp_path,
        "data.num_examples_total=40",
        "data.max_dropped_share=0.5",
        "data.items=parallel",
        "task.is_parallel=true",
    )
    assert recipe.task.label_names == ("card", "transfer")
    loaded = [e for role in ("train", "score") for e in load(recipe.task, "en", role, role=role).examples]  # type: ignore[arg-type]
    faults = sorted(e.fault for e in loaded if e.fault)
    assert [fault.rpartition(" is ")[0] for fault in faults] == ["not_text: intent", "not_text: text"]
    _, report = build_training_set(recipe, tokenizer)
    for code, fault in itertools.product(recipe.sources, faults):
        why = fault.removeprefix("not_text: ")
        assert f"{code}: 1 of 60 rows are left out, since {why}" in report.notes
    assert all(row.fault == "" for row in scored_examples(recipe, "fr"))


def test_answers_that_are_no_text_are_dropped_and_lists_of_answers_are_not(tmp_path: Path) -> None:
    answers = ["Ulm", ["Ulm", "in Ulm"], {"text": ["Ulm"]}, {"name": "Ulm"}, float("nan"), [["Ulm"]], 18.0]
    rows = [{"context": "Ada in Ulm", "question": f"q{i}", "answers": a} for i, a in enumerate(answers)]
    write(tmp_path / "en" / "validation.jsonl", rows)
    recipe = load_recipe("tydiqa_3src", [f"task.data={tmp_path}", "task.file_layout=table"])
    examples = load(recipe.task, "en", "validation", role="score").examples
    found = [(e.references, e.fault) for e in examples]
    assert found[:3] == [(("Ulm",), ""), (("Ulm", "in Ulm"), ""), (("Ulm",), "")] and found[6] == (("18",), "")
    assert [fault for _, fault in found[3:6]] == [f"not_text: answers is {w}" for w in ("a mapping", "NaN", "a list")]


def test_numbers_as_answers_have_one_form_whatever_the_column_was(tmp_path: Path) -> None:
    write(tmp_path / "en" / "test.csv", [{"question": "q", "answer_number": 18}])
    write(tmp_path / "de" / "test.csv", [{"question": "q", "answer_number": 18.0}])
    write(tmp_path / "fr" / "test.parquet", [{"question": "q", "answer_number": 18.0}])
    recipe = load_recipe("mgsm_3src", [f"task.data={tmp_path}", "task.held_out_share=1"])
    assert {load(recipe.task, c, "test", role="score").examples[0].label for c in WORDS} == {"18"}


def test_an_empty_optional_field_may_be_nan(tmp_path: Path) -> None:
    write(tmp_path / "en" / "train.jsonl", [{"instruction": "i", "input": float("nan"), "output": "o"}])
    recipe = load_recipe("bactrian_3src", [f"task.data={tmp_path}", "task.held_out_share=1"])
    (row,) = load(recipe.task, "en", "train", role="score").examples
    assert row.fields["input"] == "" and row.fault == ""


def test_ids_are_the_same_item_whether_written_as_integers_or_floats(tmp_path: Path) -> None:
    for code, ids in (("en", [1, 2]), ("de", [1.0, 2.0])):
        rows = [{"id": i, "premise": "a", "hypothesis": f"{i}", "label": "neutral"} for i in ids]
        write(tmp_path / code / "test.csv", rows)
    recipe = load_recipe("xnli_3src", [f"task.data={tmp_path}"])
    en, de = ([e.id for e in load(recipe.task, c, "test", role="score").examples] for c in ("en", "de"))
    assert en == de == ["test:1", "test:2"]


# ---------------------------------------------------------------- how many labels


def test_a_hundred_and_fifty_intents_are_labels(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [f"intent_{i % 150}" for i in range(900)]))
    recipe = own(tmp_path)
    assert len(recipe.task.label_names) == 150
    (row, *_) = scored_examples(recipe, "fr")
    assert len(prompted(row, recipe.task, PromptConfig()).choices) == 150


def test_few_rows_per_label_are_refused_with_the_line_that_makes_them_labels(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [f"intent, {i % 150}" for i in range(160)]))
    with pytest.raises(Problem, match=r"holds 150 different values in .*task\.shape=free_text") as caught:
        own(tmp_path, "sources=[en]", "task.held_out_share=1")
    recipe = own(tmp_path, *pasted(str(caught.value)))
    assert len(recipe.task.label_names) == 150 and read(recipe, "fr")[7] == "intent, 7"


def test_a_label_that_only_a_target_has_is_added_by_the_line(tmp_path: Path) -> None:
    for code in WORDS:
        names = ["card", "Refund", "a, b"] if code == "fr" else ["card", "refund"]
        write(tmp_path / f"{code}.csv", table(code, [names[i % len(names)] for i in range(60)]))
    with pytest.raises(Problem, match=r"Language 'fr' has 'Refund' in \d+ rows, 'a, b' in \d+ rows") as caught:
        read(own(tmp_path), "fr")
    recipe = own(tmp_path, *pasted(str(caught.value)))
    assert recipe.task.label_names == ("card", "refund", "a, b") and read(recipe, "fr")[1] == "refund"


def test_the_wrong_column_is_called_one(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [f"text number {i}" for i in range(60)]))
    with pytest.raises(Problem, match=r"holds \d+ other values: is it the labels' column\? task\.label=COLUMN"):
        read(own(tmp_path, "task.label_names=[a,b]"), "en")


def test_the_mark_of_an_untranslated_sentence_may_be_a_label(tmp_path: Path) -> None:
    for code in WORDS:
        write(tmp_path / f"{code}.csv", table(code, [["NS", "S"][i % 2] for i in range(60)]))
    assert {e.label for e in scored_examples(own(tmp_path), "fr")} == {"NS", "S"}


def test_one_label_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "en.csv", table("en", ["true", "false"]))
    recipe = own(tmp_path, "task.label_names=[True,true,false]")
    with pytest.raises(Problem, match="has two names for one label"):
        read(recipe, "en")


def test_an_evaluation_of_a_run_keeps_the_labels_that_it_was_trained_on(tmp_path: Path) -> None:
    from mslt_it.config.compose import resolved_yaml
    from mslt_it.evaluation.request import parse_request

    for code in WORDS:
        write(tmp_path / "old" / f"{code}.csv", table(code, [["card", "none", "refund"][i % 3] for i in range(60)]))
        write(tmp_path / "new" / f"{code}.csv", table(code, [["card", "refund"][i % 2] for i in range(60)]))
    run = tmp_path / "run"
    run.mkdir()
    trained = own(tmp_path / "old")
    unnamed = dataclasses.replace(trained, task=dataclasses.replace(trained.task, label_names=()))
    (run / "config.yaml").write_text(resolved_yaml(unnamed), encoding="utf-8")
    (run / "results.json").write_text(json.dumps({"provenance": {"labels": list(trained.task.label_names)}}))
    request = parse_request([f"run={run}", "languages=[fr]", f"task.data={tmp_path / 'new'}"])
    assert request.recipes[0].task.label_names == ("card", "none", "refund")


def test_a_number_is_guessed_to_be_the_same_number_only() -> None:
    """A sign and a point are part of a number: -1 is not 1, whichever character the minus is, and 1.5 is not 15."""
    assert guessed(["−1", "+1"], ["-1", "0", "1"], strict=True) == {"−1": "-1", "+1": "1"}
    assert guessed(["15", "1.5"], ["1.5", "2.5"], strict=True) == {"1.5": "1.5"}
    assert guessed(["-2"], ["1", "2"], strict=True) == {}
    assert spelling_key("−1") == spelling_key("-1") != spelling_key("1")
