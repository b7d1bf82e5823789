"""Labels of a user's own table: one form in every file type, words that mean our labels, integers of benchmarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from label_tables import WORDS, own, pasted, read, table, write
from toy_world import load

from mslt_it.config.compose import load_recipe
from mslt_it.data.labels import label_form, label_set_notes, spelling_key
from mslt_it.problems import Problem

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
        (datetime(2024, 1, 2), "2024-01-02"),
        (datetime(2024, 1, 2, 3), "2024-01-02 03:00:00"),
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
    labels = load(recipe.task, "en", "train", role="train").examples.labels
    (note,) = [n for n in label_set_notes(recipe.task, labels) if "kept apart" in n]
    assert note.startswith("'Card' and 'card' and 'card.' are kept apart as labels.")
    merged = own(tmp_path, *pasted(note))
    assert len(merged.task.label_names) == 2
    assert not any("kept apart" in n for n in label_set_notes(merged.task, labels))


def test_words_that_are_only_alike_get_no_note() -> None:
    pairs = [("c++", "c#"), ("+1", "-1"), ("1", "10"), ("card", "cart"), (":)", ":(")]
    assert all(spelling_key(a) != spelling_key(b) for a, b in pairs)
    for alike in (["1000", "1e3", "1,000", "1\u202f000", "1000.0"], ["❤", "❤\ufe0f"], ["2.5", "2,5"]):
        assert len(set(map(spelling_key, alike))) == 1
    assert spelling_key("1.000") != spelling_key("1000") and spelling_key("1 2") != spelling_key("12")
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
