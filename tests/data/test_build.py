from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from toy_world import toy_rows, write_tsv

from mslt_it.commands.data import write
from mslt_it.config.compose import load_recipe
from mslt_it.config.recipe import Recipe
from mslt_it.data import build
from mslt_it.data.budget import MIN_CHUNK
from mslt_it.data.build import (
    askable,
    build_scored_set,
    build_training_set,
    format_report,
    largest_budget,
    scored_examples,
)
from mslt_it.data.encoding import Encoder
from mslt_it.data.mixing import hash_key
from mslt_it.data.prompts import prompted_all
from mslt_it.data.rows import RowStore
from mslt_it.problems import Problem
from mslt_it.records import Example
from mslt_it.world import generator
from mslt_it.world.generator import state

MakeRecipe = Callable[..., Recipe]


def spoil(path: Path, changes: dict[int, tuple[str, str, str]]) -> None:
    """Replaces rows of a file by their index."""
    rows = [tuple(line.split("\t")) for line in path.read_text(encoding="utf-8").splitlines()]
    write_tsv(path, [changes.get(i, row) for i, row in enumerate(rows)])


def test_the_budget_is_exact_and_the_build_repeats(toy_recipe: MakeRecipe, tokenizer: Any) -> None:
    recipe = toy_recipe(num_examples_total=61)
    rows, report = build_training_set(recipe, tokenizer)
    assert Counter(row.language for row in rows) == {"en": 31, "ru": 30}
    assert len({row.id for row in rows}) == 61  # disjoint
    assert report.num_examples_total == 61 and report.num_leaks_checked == 4 * 40
    assert report.fingerprint == recipe.data_fingerprint()
    assert (rows, report) == build_training_set(recipe, tokenizer)
    # The assignment of items may have a seed of its own: then only the order is the training seed's.
    drawn = dataclasses.replace(recipe.data, assignment_seed=recipe.seed)
    again, _ = build_training_set(dataclasses.replace(recipe, seed=1, data=drawn), tokenizer)
    assert {(row.language, row.id) for row in again} == {(row.language, row.id) for row in rows}
    other, _ = build_training_set(dataclasses.replace(recipe, seed=1), tokenizer)
    assert [row.id for row in other] != [row.id for row in rows]


def test_a_label_that_no_training_row_has_is_told(toy_recipe: MakeRecipe, tokenizer: Any, toy_data: Path) -> None:
    assert "no training row" not in str(build_training_set(toy_recipe(), tokenizer)[1].notes)
    for code in ("en", "ru"):
        path = toy_data / code / "train.tsv"
        path.write_text(path.read_text(encoding="utf-8").replace("contradiction", "neutral"), encoding="utf-8")
    report = build_training_set(toy_recipe(), tokenizer)[1]
    assert any(note.startswith("no training row has the label contradiction: ") for note in report.notes)


def test_parallel_items(toy_recipe: MakeRecipe, tokenizer: Any, toy_data: Path) -> None:
    """A row is no loss of a language that only lacks its translation: 1 of 119 is lost of each, not 2."""
    spoil(toy_data / "ru" / "train.tsv", {3: ("", "x", "neutral")})
    spoil(toy_data / "en" / "train.tsv", {4: ("\x00", "x", "neutral")})
    rows, report = build_training_set(
        toy_recipe(items="parallel", num_examples_total=236, max_dropped_share=0.01), tokenizer
    )
    ids = {code: {row.id for row in rows if row.language == code} for code in ("en", "ru")}
    assert ids["en"] == ids["ru"] and len(ids["en"]) == 118 and not {"train:3", "train:4"} & ids["en"]
    dropped = {language.language: dict(language.dropped) for language in report.languages}
    torn = {"translation_dropped": 1}
    assert dropped == {"en": {"control_character": 1, **torn}, "ru": {"empty_field": 1, **torn}}


def test_parallel_items_of_which_each_is_dropped_somewhere(
    toy_recipe: MakeRecipe, tokenizer: Any, toy_data: Path
) -> None:
    for first, code in enumerate(("en", "ru")):
        spoil(toy_data / code / "train.tsv", {i: ("", "x", "neutral") for i in range(first, 120, 2)})
    recipe = toy_recipe(items="parallel", num_examples_total=2, max_dropped_share=1.0)
    with pytest.raises(Problem, match=r"en 60 \(left out: 60 empty_field .*only the 0 items that can be used in all"):
        build_training_set(recipe, tokenizer)


def test_dropped_rows_are_counted_and_replaced(toy_recipe: MakeRecipe, tokenizer: Any, toy_data: Path) -> None:
    bad = {i: ("", "x", "neutral") for i in range(0, 120, 10)}  # one row in ten
    spoil(toy_data / "en" / "train.tsv", bad)
    rows, report = build_training_set(toy_recipe(max_dropped_share=0.5), tokenizer)
    assert Counter(row.language for row in rows) == {"en": 30, "ru": 30}
    english = report.languages[0]
    assert english.language == "en" and english.dropped["empty_field"] > 0
    assert not {row.id for row in rows if row.language == "en"} & {f"train:{i}" for i in bad}
    with pytest.raises(Problem, match=r"Language 'en' lost .*max_dropped_share=0\.01.*empty_field \(first: .*line"):
        build_training_set(toy_recipe(max_dropped_share=0.01), tokenizer)


def test_too_long_rows_are_dropped_not_cut(toy_recipe: MakeRecipe, tokenizer: Any) -> None:
    with pytest.raises(Problem, match=r"lost .* too_long .*max_length_tokens"):
        build_training_set(toy_recipe(max_length_tokens=60), tokenizer)


def test_a_budget_of_every_usable_row_is_met_and_one_more_is_refused(
    toy_recipe: MakeRecipe, tokenizer: Any, toy_data: Path
) -> None:
    """Rows that are dropped in one language are given to the other, which has them."""
    spoil(toy_data / "en" / "train.tsv", {i: ("", "x", "neutral") for i in range(0, 120, 2)})
    spoil(toy_data / "ru" / "train.tsv", {i: ("", "x", "neutral") for i in (0, 1)})
    loose = {"max_dropped_share": 0.6}
    # Item 0 is usable in neither language; 119 are left, of which en has 60.
    rows, report = build_training_set(toy_recipe(num_examples_total=118, **loose), tokenizer)
    assert Counter(row.language for row in rows) == {"en": 59, "ru": 59} and len({row.id for row in rows}) == 118
    assert {language.language: dict(language.dropped) for language in report.languages} == {
        "en": {"empty_field": 60},
        "ru": {"empty_field": 2},
    }
    with pytest.raises(Problem, match=r"en 60 \(left out: 60 empty_field .*ru 118 .*there are 119\.") as caught:
        build_training_set(toy_recipe(num_examples_total=120, **loose), tokenizer)
    assert "data.num_examples_total=119, the largest that fits" in str(caught.value)
    rows, _ = build_training_set(toy_recipe(num_examples_total=119, **loose), tokenizer)
    assert len(rows) == 119
    assert largest_budget(toy_recipe(**loose), tokenizer, RowStore()) == 118
    assert largest_budget(toy_recipe(items="parallel", **loose), tokenizer, RowStore()) == 2 * 59


def test_the_audit_shows_what_is_supervised(toy_recipe: MakeRecipe, tokenizer: Any) -> None:
    _, report = build_training_set(toy_recipe(), tokenizer)
    for language, words in (("en", ("Yes", "Maybe", "No")), ("ru", ("Да", "Может", "Нет"))):
        [found] = [item for item in report.languages if item.language == language]
        prompt, _, rest = found.audit.partition(">>>")
        assert prompt.endswith("<|assistant|>\n") and rest in [f"{word}<|end|><<<" for word in words]
        assert found.num_supervised_tokens > found.num_kept and found.num_prompt_tokens > found.num_supervised_tokens
    text = format_report(report)
    assert "60 training rows from 2 languages" in text and "160 scored rows compared" in text and "[ru]" in text


def test_leaks_are_refused_in_any_scored_language(toy_recipe: MakeRecipe, tokenizer: Any, toy_data: Path) -> None:
    write_tsv(toy_data / "de" / "test.tsv", list(toy_rows("en", 120)))  # the training sentences, as German test rows
    with pytest.raises(Problem, match=r"by item id, [1-9]\d* by text"):
        build_training_set(toy_recipe(), tokenizer)


def test_one_file_for_both_roles_is_divided_without_a_leak(toy_recipe: MakeRecipe, tokenizer: Any) -> None:
    recipe = toy_recipe(task={"score_split": "train"}, num_examples_total=40)
    rows, report = build_training_set(recipe, tokenizer)
    trained = {row.id for row in rows}
    for code in ("en", "ru", "de", "hi"):
        assert not trained & {row.id for row in build_scored_set(recipe, code)}
    assert any("serves training and scoring" in note for note in report.notes)


def test_repeated_texts_in_a_divided_file_are_left_out_of_training(
    toy_recipe: MakeRecipe, tokenizer: Any, toy_data: Path
) -> None:
    row = toy_rows("en", 1)[0]
    spoil(toy_data / "en" / "train.tsv", {i: row for i in range(0, 120, 4)})
    recipe = toy_recipe(task={"score_split": "train"}, num_examples_total=20)
    _, report = build_training_set(recipe, tokenizer)
    assert any("left out of training because a scored row is the same" in note for note in report.notes)


def test_scored_items_are_the_same_in_every_language_and_seed(toy_recipe: MakeRecipe, toy_data: Path) -> None:
    recipe = toy_recipe()
    ids = {code: [row.id for row in build_scored_set(recipe, code)] for code in ("en", "ru", "de", "hi")}
    assert len(ids["en"]) == 20 and all(found == ids["en"] for found in ids.values())
    assert ids["en"] == sorted((f"test:{i}" for i in range(40)), key=lambda item: hash_key("scored", item))[:20]
    seeded = build_scored_set(dataclasses.replace(recipe, seed=9), "en")
    assert [row.id for row in seeded] == ids["en"]
    everything = dataclasses.replace(recipe.scoring, num_examples_per_language=0)
    assert len(build_scored_set(dataclasses.replace(recipe, scoring=everything), "hi")) == 40
    rows = RowStore()
    whole, less = (scored_examples(recipe, "en", without=out, rows=rows) for out in ((), ids["en"][:1]))
    assert [row.id for row in whole] == ids["en"] and [row.id for row in less][:19] == ids["en"][1:]
    # What is merely odd is scored as published; what has no text or label cannot be.
    index = int(ids["en"][0].split(":")[1])
    spoil(toy_data / "hi" / "test.tsv", {index: ("Nicht in dieser Sprache hier", "gar nicht", "neutral")})
    assert [row.id for row in build_scored_set(recipe, "hi")] == ids["en"]
    spoil(toy_data / "hi" / "test.tsv", {index: ("", "x", "neutral")})
    assert [row.id for row in build_scored_set(recipe, "hi")] == ids["en"][1:]


def test_a_language_that_is_labelled_in_part_is_scored_where_it_is_unless_it_is_trained_on(
    toy_recipe: MakeRecipe, toy_data: Path
) -> None:
    for code in ("en", "de"):
        spoil(toy_data / code / "test.tsv", {i: (*toy_rows(code, 1, 1000 + i)[0][:2], "") for i in range(20)})
    order = sorted((f"test:{i}" for i in range(20, 40)), key=lambda item: hash_key("scored", item))
    assert [row.id for row in build_scored_set(toy_recipe(), "de")] == order
    with pytest.raises(Problem, match=r"Language 'en' lost \d+ of 20 rows"):
        build_scored_set(toy_recipe(), "en")


def test_rows_without_labels_are_asked_as_scored_ones_are(toy_recipe: MakeRecipe) -> None:
    task = toy_recipe().task
    row = Example("1", "de", "toy", "test", {"premise": "u\u0308ber\u200b", "hypothesis": "x"}, "")
    assert askable(task, row) == dataclasses.replace(row, fields={"premise": "über", "hypothesis": "x"})
    assert askable(task, dataclasses.replace(row, fields={"premise": " ", "hypothesis": "x"})) == "whitespace_only"


def test_answers_without_tokens_are_refused(toy_recipe: MakeRecipe, tokenizer: Any) -> None:
    class Wordless(Encoder):
        def user_ids(self, texts: Sequence[str]) -> list[list[int]]:
            return [ids if len(text) > 10 else [] for text, ids in zip(texts, super().user_ids(texts), strict=True)]

    with pytest.raises(Problem, match=r"'..', row train:\d+: the answer has no tokens in this tokenizer"):
        build_training_set(toy_recipe(), tokenizer, encoder=Wordless(tokenizer, 512))


def test_rows_are_written(toy_recipe: MakeRecipe, tokenizer: Any, tmp_path: Path) -> None:
    rows, report = build_training_set(toy_recipe(), tokenizer)
    written = write(rows, report, tmp_path / "out")
    assert [path.name for path in written] == ["train.jsonl", "report.json"]
    lines = [json.loads(line) for line in written[0].read_text(encoding="utf-8").splitlines()]
    assert [(r["id"], tuple(r["labels"])) for r in lines] == [(row.id, row.labels) for row in rows]
    assert json.loads(written[1].read_text(encoding="utf-8"))["num_examples_total"] == 60
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_leaks_between_published_splits_are_refused_or_dropped_when_asked(
    toy_recipe: Callable[..., Recipe], toy_data: Path, tokenizer: Any
) -> None:
    shared = list(toy_rows("ru", 12, start=1000))  # also in the Russian test split
    write_tsv(toy_data / "ru" / "train.tsv", [*toy_rows("ru", 120), *shared])
    refused = toy_recipe(num_examples_total=100)
    with pytest.raises(Problem, match=r"scored rows are also trained on .*data\.leaks=drop"):
        build_training_set(refused, tokenizer)
    rows, report = build_training_set(toy_recipe(num_examples_total=100, leaks="drop"), tokenizer)
    assert "ru: 12 rows left out of training because a scored row is the same" in report.notes
    assert not {f"train:{i}" for i in range(120, 132)} & {row.id for row in rows if row.language == "ru"}


def test_a_run_prepares_and_renders_each_row_once(
    toy_recipe: MakeRecipe, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, rows = toy_recipe(), RowStore()
    languages = recipe.languages
    build_training_set(recipe, tokenizer, rows=rows)
    asked: list[str] = []

    def counted(examples: Any, *rest: Any) -> Any:
        found = list(examples)
        asked.extend(f"{e.language} {e.id}" for e in found)
        return prompted_all(found, *rest)

    monkeypatch.setattr(build, "prompted_all", counted)
    for _ in range(2):
        sets = [build_scored_set(recipe, code, rows=rows) for code in languages]
    assert len(asked) == len(set(asked)) == sum(map(len, sets)) > 0


def test_the_embedded_world_writes_the_sentences_that_are_read(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    monkeypatch.setattr(generator, "state", lambda words, clause: written.append(clause) or state(words, clause))
    generator.task_examples.cache_clear()  # what other tests read
    recipe = load_recipe("xnli_3src", ["data.num_examples_total=150", "scoring.num_examples_per_language=10"])
    rows = RowStore()
    build_training_set(recipe, tokenizer, rows=rows)
    # Of the sources the rows looked at for training, and all scored ones, which these are compared with.
    read = 3 * MIN_CHUNK + 3 * 1200
    assert len(written) == 2 * read
    for code in recipe.targets:
        build_scored_set(recipe, code, rows=rows)
    assert len(written) == 2 * (read + 10 * len(recipe.targets))
