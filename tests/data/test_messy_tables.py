"""What a user's own table holds beside clean rows: repeated rows, ids that are no translations, signs for a missing
language; what is made of them, and what is said."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mslt_it.config.compose import load_recipe
from mslt_it.data.build import asked_set, build_scored_set, build_training_set, with_found_labels
from mslt_it.data.labels import is_number
from mslt_it.data.resolve import with_targets
from mslt_it.data.rows import RowStore
from mslt_it.problems import Problem

HEAD = ("lang", "text", "label", "customer", "id")
WORDS = {"en": "The bus", "de": "Der Bus", "tr": "Otobüs"}
LABELS = ("late", "lost", "fine")
Row = tuple[object, ...]


def rows(code: str, number: int = 40, step: int = 1) -> list[Row]:
    """With ids that start at 0 in every language; ``step`` moves its labels."""
    return [
        (code, f"{WORDS.get(code, code)} number {n} came", LABELS[n * step % 3], f"c{n % 20}", n) for n in range(number)
    ]


@pytest.fixture
def built(tmp_path: Path, tokenizer: Any) -> Callable[..., tuple[Any, tuple[str, ...]]]:
    """The recipe of a table with these rows, and the notes of its build."""

    def make(table: Sequence[Row], *overrides: str, columns: int = 4) -> tuple[Any, tuple[str, ...]]:
        with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(row[:columns] for row in [HEAD, *table])
        given = [f"task.data={tmp_path / 't.csv'}", "task.input=text", "task.label=label", "sources=[en,de]"]
        given += ["task.instruction=What?", "data.num_examples_total=12", "scoring.num_examples_per_language=0"]
        store = RowStore()
        recipe = with_found_labels(
            with_targets(load_recipe("custom", [*given, "targets=rest", *overrides]), RowStore()), store
        )
        return recipe, build_training_set(recipe, tokenizer, rows=store)[1].notes

    return make


CLEAN = [*rows("en"), *rows("de"), *rows("tr")]


def test_repeated_rows_are_told_and_drawn_together(built: Callable[..., Any]) -> None:
    recipe, notes = built(CLEAN)
    assert not any("in an earlier row" in note or "same id" in note for note in notes)
    assert {item.group for item in build_scored_set(recipe, "tr")} == {""}
    twice = [*rows("tr", 10), ("tr", WORDS["tr"] + " number 3 came", "fine", "", 0)]
    recipe, notes = built([*CLEAN, *twice])
    (note,) = [note for note in notes if note.startswith("to score, a text stands in an earlier row: ")]
    assert note.endswith(": 11 of 51 rows in tr; with several labels: 1 of 40 texts in tr")
    groups = [item.group for item in build_scored_set(recipe, "tr")]
    assert groups.count("") == 30 and len(set(groups)) == 11
    assert groups.count(WORDS["tr"] + " number 3 came") == 3
    many = [row for row in CLEAN for _ in range(2)]
    recipe, notes = built(many, "data.num_examples_total=60")
    (note,) = [note for note in notes if note.startswith("to train on, a text stands in an earlier row: ")]
    assert "of 30 rows in en" in note and "labels" not in note
    (note,) = [note for note in notes if note.startswith("to score, a text stands in an earlier row: ")]
    assert note.count(" rows in ") == 3 and note.endswith("40 of 80 rows in tr")


def test_groups_that_are_given_stay(built: Callable[..., Any]) -> None:
    recipe, _ = built([*CLEAN, *rows("tr")], "task.group_fields=[customer]")
    assert {item.group for item in build_scored_set(recipe, "tr")} <= {f"c{n}" for n in range(20)}


def test_rows_that_are_only_asked_need_no_groups(built: Callable[..., Any]) -> None:
    bare = [(code, text, "", *more) for code, text, _, *more in rows("tr")]
    recipe, notes = built([*CLEAN[:80], *bare], "task.group_fields=[customer]")
    assert recipe.unlabelled == ("tr",) and "no labels in tr: asked, not scored" in notes
    assert len(asked_set(recipe, "tr", RowStore())) == 40


def test_ids_that_are_no_translations_are_told(built: Callable[..., Any]) -> None:
    _, notes = built(CLEAN, columns=5)
    assert not any("same id" in note for note in notes)
    own = [*rows("en"), *rows("de", step=2), *rows("tr", step=2)]
    _, notes = built(own, columns=5)
    (note,) = [note for note in notes if "same id" in note]
    assert note.endswith("If they are not, rename the column to something other than id or idx")
    # A few other labels are what annotators of translations differ in.
    few = [(code, text, "late" if n % 20 == 5 else label, c, n) for code, text, label, c, n in CLEAN]
    assert not any("same id" in note for note in built(few, columns=5)[1])


def test_right_answers_without_a_number_are_left_out_and_told(built: Callable[..., Any]) -> None:
    odd = {7: "N/A", 8: "12-15"}
    numbers = [(c, text, odd.get(n, str(n)) if c == "tr" else str(n), "", n) for c, text, _, _, n in CLEAN]
    recipe, notes = built(numbers, "task.shape=free_text", "task.metric=number_accuracy")
    assert len(build_scored_set(recipe, "tr")) == 38
    for text in odd.values():
        assert f"left out (t), since label holds no single number ('{text}'): 1 of 40 rows in tr" in notes


@pytest.mark.parametrize(
    "text", ["12-15", "12 – 15 km", "5:30", "2024-01-02", "1.2.2024", "3,4,5", "1_000", "12 34", "18 (9 * 2)", "N/A"]
)
def test_a_right_answer_of_several_numbers_is_none(text: str) -> None:
    assert not is_number(text)


@pytest.mark.parametrize(
    "text",
    ["1.234", "1.234,5", "1,234,567.5", "12,34,567", "1 234,50 kr", "1'234", "١٬٢٣٤", "٣٫٥", "২০", "十八", "−5", "(5)",
     "$18", "50 %", "3/4", "1 3/4", "½", "1.5e-3", "18.", "16 - 3 = 13 eggs\n#### 13"],
)  # fmt: skip
def test_a_right_answer_of_one_number_is_one_in_any_notation(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize("sign", ["NA", "nan", " NaN"])
def test_a_sign_for_no_language_is_no_target(built: Callable[..., Any], sign: str) -> None:
    recipe, notes = built([*CLEAN, *rows(sign)])
    assert recipe.targets == ("tr",)
    assert any(f"40 of 160 rows are in no language of this run and left out (lang: {sign} 40)" in n for n in notes)
    named, _ = built([*CLEAN, *rows("nan")], "targets=[nan]")
    assert len(build_scored_set(named, "nan")) == 40


def test_a_file_s_name_that_is_also_a_code_is_no_language(tmp_path: Path) -> None:
    for name in ("new", "all", "deu"):
        (tmp_path / f"{name}.csv").write_text("text,label\nx,a\n" * 1 + "y,b\nz,a\n", encoding="utf-8")
    recipe = load_recipe("custom", [f"task.data={tmp_path / 'deu.csv'}", "task.input=text", "sources=[de]"])
    assert RowStore().languages(recipe.task) == ("de",)
    for name in ("new", "all"):
        task = load_recipe("custom", [f"task.data={tmp_path / name}.csv", "task.input=text", "sources=[de]"]).task
        with pytest.raises(Problem, match="No language is named in"):
            RowStore().languages(task)


def test_labels_that_only_set_aside_rows_have_are_told_of_all_languages_at_once(built: Callable[..., Any]) -> None:
    recipe, _ = built(CLEAN)
    store = RowStore()
    aside = [store.load(recipe.task, c, "test", role="score").examples[0].fields["text"] for c in ("en", "de")]
    spelled = [(c, text, "LATE" if text in aside else label, *more) for c, text, label, *more in CLEAN]
    with pytest.raises(Problem, match="'LATE' is not a label of the rows that training may use") as caught:
        built(spelled)
    assert "rows set aside for scoring have 'LATE' in 2 rows" in str(caught.value)
    line = str(caught.value).rpartition("add: ")[2]
    assert line == "task.labels.LATE=late"
    recipe, _ = built(spelled, line)
    assert recipe.task.label_names == ("fine", "late", "lost")


def test_a_source_may_be_labelled_in_part(built: Callable[..., Any]) -> None:
    half = [(c, text, label if c != "en" or n % 2 else "", g, n) for c, text, label, g, n in CLEAN]
    assert "left out (t), since their label is empty: 20 of 40 rows in en" in built(half)[1]
    some = [(c, text, "" if n < len(c + text) % 7 else label, g, n) for c, text, label, g, n in half]
    (note,) = [note for note in built(some)[1] if "their label is empty" in note]
    num_empty = Counter(code for code, _, label, *_ in some if not label)
    assert all(f"{num_empty[code]} of 40 rows in {code}" in note for code in ("de", "en", "tr"))


def test_long_rows_that_are_of_one_label_are_told(built: Callable[..., Any]) -> None:
    long = " and came".join([""] * 60)
    given = ("data.max_dropped_share=0.9", "data.max_length_tokens=300", "data.num_examples_total=30")
    lost = [(c, text + long * (label == "lost" and n % 2 == 0), label, *more, n) for c, text, label, *more, n in CLEAN]
    notes = built(lost, *given)[1]
    (note,) = [note for note in notes if " rows are too long for data.max_length_tokens=300, but " in note]
    num_lost, num_seen, of_label, rows_of_label = map(int, re.findall("[0-9]+", note.replace("=300", "")))
    assert num_lost == of_label >= 5 and num_seen == num_lost + 30 and of_label < rows_of_label
    assert note.endswith(" rows of lost: set it higher to learn from them")
    alike = [(c, text + long * (n % 3 == n % 9 // 3), *more, n) for c, text, *more, n in CLEAN]  # a third of each
    assert not any("too long" in note for note in built(alike, *given)[1])
    assert not any("too long" in note for note in built(lost, *given, "data.max_length_tokens=4000")[1])


def test_what_a_language_lost_is_told_without_rows_that_have_no_label(built: Callable[..., Any]) -> None:
    bad = [
        (c, "" if c == "en" and n % 4 == 0 else text, label if n % 5 else "", "", n) for c, text, label, _, n in CLEAN
    ]
    with pytest.raises(
        Problem, match=r"'en' lost \d+ of .*: \d+ empty_field \(first: [^)]*\)\. Repair the data, or"
    ) as told:
        built(bad)
    assert "label_missing" not in str(told.value) and "max_length_tokens" not in str(told.value)


def test_texts_that_are_missing_in_a_target_are_told_before_training(built: Callable[..., Any]) -> None:
    blank = [(c, "" if c == "tr" and n % 4 == 0 else text, *more, n) for c, text, *more, n in CLEAN]
    with pytest.raises(Problem, match=r"Language 'tr' lost 10 of 40 rows .*: 10 empty_field"):
        built(blank)
