"""targets=rest, data.num_examples_total=max and parallel rows by order, from recipes as users write them."""

from __future__ import annotations

import dataclasses
import gc
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_world import WORLD, toy_rows, write_tsv

from mslt_it import cli
from mslt_it.config.compose import load_recipe, resolved_yaml
from mslt_it.config.recipe import LARGEST, Recipe
from mslt_it.data.build import build_training_set, scored_examples
from mslt_it.data.resolve import resolved, rest_of, with_order, with_targets
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.request import parse_request
from mslt_it.problems import Problem
from mslt_it.world.languages import CODES


def custom(data: Path, *overrides: str) -> Recipe:
    return load_recipe(
        "custom", [f"task.data={data}", "task.input=text", "sources=[en,ru]", "targets=rest", *overrides]
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """One file, four languages of 100, 80, 60 and 40 rows."""
    path = tmp_path / "tickets.jsonl"
    rows = [
        {"lang": code, "text": f"{premise} {i}", "label": label}
        for code, number in zip(WORLD, (100, 80, 60, 40), strict=True)
        for i, (premise, _, label) in enumerate(toy_rows(code, number))
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rest_is_what_the_data_have_beside_the_sources(table: Path, toy_data: Path) -> None:
    recipe = with_targets(custom(table), RowStore())
    assert recipe.targets == ("de", "hi")
    assert recipe.targets_note == f"targets=rest: de, hi (2 of 4 languages of {table})"
    folder = load_recipe("xnli_3src", [f"task.data={toy_data}", "sources=[hi]", "targets=rest"])
    assert with_targets(folder, RowStore()).targets == ("de", "en", "ru")
    world = with_targets(load_recipe("xnli_3src", ["targets=rest"]), RowStore())
    assert world.targets == tuple(code for code in sorted(CODES) if code not in ("ar", "de", "zh"))


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["task.label=lable"], "tickets.jsonl has no column 'lable'"),  # no language would have labels
        (["sources=[fr]"], "tickets.jsonl has no row with lang=fr"),
        (["targets=[fr]"], "tickets.jsonl has no row with lang=fr"),
    ],
)
def test_columns_and_languages_that_are_not_there_are_told_first(table: Path, more: list[str], text: str) -> None:
    with pytest.raises(Problem, match=re.escape(text)):
        resolved(custom(table, *more), lambda: pytest.fail("no rows are counted"), RowStore())
    for of_world in ("sources=[nl]", "targets=[nl]"):
        with pytest.raises(Problem, match=r"task\.data=world has no language 'nl'\. Did you mean 'en'"):
            resolved(load_recipe("xnli_3src", [of_world]), lambda: pytest.fail("no rows are counted"), RowStore())


def test_columns_named_for_splits_and_ids_that_are_not_there_are_noted(table: Path, tokenizer: Any) -> None:
    recipe = custom(table, "task.split_field=part", "task.id_fields=[text,page]", "data.num_examples_total=20")
    recipe = resolved(recipe, lambda: tokenizer, RowStore())
    names = ("entailment", "neutral", "contradiction")
    notes = build_training_set(dataclasses.replace(recipe, task=dataclasses.replace(recipe.task, label_names=names)),
                               tokenizer)[1].notes  # fmt: skip
    assert f"{table} has no column 'part', so task.split_field is not used" in notes
    assert f"{table} has no column 'page', so task.id_fields is not used" in notes


def test_a_run_is_named_after_the_languages_not_after_the_word(table: Path, tmp_path: Path) -> None:
    by_word = with_targets(custom(table), RowStore())
    by_list = custom(table, "targets=[de,hi]")
    assert by_word.run_fingerprint() == by_list.run_fingerprint() and by_list.targets_note == ""
    # A finished run's recipe says what rest was; the note goes when the languages do.
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(resolved_yaml(by_word), encoding="utf-8")
    assert load_recipe("config", config_dir=tmp_path / "run") == by_word
    assert load_recipe("config", ["targets=[hi]"], config_dir=tmp_path / "run").targets_note == ""
    content = {"defaults": ["custom", "_self_"], "sources": ["en"], "targets": ["rest"], "task": {"data": str(table)}}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(content))
    mine = load_recipe("my", ["task.input=text"], config_dir=tmp_path)
    assert with_targets(mine, RowStore()).targets == ("de", "hi", "ru")


def test_languages_that_cannot_be_scored_are_left_out_and_said(toy_data: Path) -> None:
    write_tsv(toy_data / "fi" / "train.tsv", list(toy_rows("en", 30)))  # no rows to score
    write_tsv(toy_data / "el" / "test.tsv", [(a, b, "neutral") for a, b, _ in toy_rows("de", 30)])  # placeholders
    write_tsv(toy_data / "notes" / "test.tsv", list(toy_rows("en", 30, start=2000)))
    (toy_data / "ja").mkdir()
    (toy_data / "ja" / "test.tsv").write_bytes("犬\t猫\tneutral\n".encode()[:-11] + b"\xe3\n")
    write_tsv(toy_data / "en-GB" / "test.tsv", list(toy_rows("en", 30, start=2000)))
    recipe = with_targets(
        load_recipe("xnli_3src", [f"task.data={toy_data}", "sources=[en,ru]", "targets=rest"]), RowStore()
    )
    assert recipe.targets == ("de", "hi")
    for text in (
        "fi (there is no split 'test', only train)",
        "el (its labels are placeholders (all 30 rows have label='neutral'))",
        "en-GB (the language of source en)",
        "ja (test.tsv line 1 is not UTF-8)",
    ):
        assert text in recipe.targets_note
    # A mistake in a row is no reason to leave a language out without more ado.
    write_tsv(toy_data / "hi" / "test.tsv", [("a", "b", "neutrl")])
    with pytest.raises(Problem, match=r"hi.*line 1: label='neutrl'"):
        with_targets(load_recipe("xnli_3src", [f"task.data={toy_data}", "sources=[en,ru]", "targets=rest"]), RowStore())


def test_a_source_named_with_its_region_is_not_left_out(tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"

    def read(codes: str, sources: str) -> Recipe:
        rows = [f"{code},cat {number},{'xy'[number % 2]}\n" for code in codes.split() for number in range(20)]
        path.write_text("lang,text,intent\n" + "".join(rows), encoding="utf-8")
        given = [f"task.data={path}", "task.input=text", "task.label=intent", f"sources={sources}"]
        return with_targets(load_recipe("custom", given), RowStore())

    found = read("en pt_br zh-Hant", "[en,pt-BR,zh-Hant]")
    assert found.targets == () and found.targets_note == "targets=rest: none (0 of 3 languages of " + f"{path})"
    assert read("en pt-BR tr", "[en,pt-BR]").targets_note.endswith(f"tr (1 of 3 languages of {path})")
    # Rows of another region are left out, with a word, also where nothing else is there.
    found = read("pt-BR pt-PT", "[pt-BR]")
    assert found.targets == () and found.targets_note.endswith("left out: pt-PT (the language of source pt-BR)")


def test_no_language_left_is_an_error_with_a_remedy_that_works(tmp_path: Path) -> None:
    for code in WORLD:
        write_tsv(tmp_path / code / "dev.tsv", list(toy_rows(code, 60)))
    write_tsv(tmp_path / "en" / "train.tsv", list(toy_rows("en", 60, start=1000)))
    given = [f"task.data={tmp_path}", "sources=[en]", "targets=rest", "task.score_split=test", "task.train_split=dev"]
    with pytest.raises(
        Problem, match=r"no language to score besides the sources \(en\): left out are de, hi, ru"
    ) as caught:
        with_targets(load_recipe("xnli_3src", given), RowStore())
    remedy = re.findall(r"task\.(?:train|score)_split=dev", str(caught.value))
    assert len(remedy) == 2 and len(with_targets(load_recipe("xnli_3src", [*given, *remedy]), RowStore()).targets) == 3
    with pytest.raises(Problem, match=r"it has de, en, hi, ru\. Name fewer sources"):
        rest_of(load_recipe("xnli_3src", [*given, *remedy]).task, ("de", "en", "hi", "ru"), RowStore())


@pytest.mark.parametrize("value", ["rest", "[rest,en]", "[en,rest]", "[REST]"])
def test_rest_stands_alone(value: str) -> None:
    if value == "rest":
        assert load_recipe("xnli_3src", [f"targets={value}"]).targets == ("rest",)
        return
    with pytest.raises(Problem, match=r"Unknown language code '(rest|REST)'"):
        load_recipe("xnli_3src", [f"targets={value}"])


def test_max_is_the_largest_number_that_every_source_can_give(table: Path, toy_data: Path, tokenizer: Any) -> None:
    recipe = load_recipe(
        "xnli_3src", [f"task.data={toy_data}", "sources=[en,ru]", "targets=rest", "data.num_examples_total=max"]
    )
    assert recipe.data.num_examples_total == LARGEST
    for items, number in (("disjoint", 120), ("parallel", 240)):
        asked = load_recipe(
            "xnli_3src",
            [f"task.data={toy_data}", "sources=[en,ru]", "targets=rest", "data.num_examples_total=max",
             f"data.items={items}"],
        )  # fmt: skip
        found = resolved(asked, lambda: tokenizer, RowStore())
        assert found.data.num_examples_total == number
        assert len(build_training_set(found, tokenizer)[0]) == number
    # Rows of one language only are counted by language: 80 % of ru's 60 rows or so, and as many of en.
    own = resolved(
        custom(table, "data.num_examples_total=max", "task.is_parallel=false"), lambda: tokenizer, RowStore()
    )
    assert own.data.num_examples_total % 2 == 0 and 80 < own.data.num_examples_total <= 120
    assert resolved(load_recipe("xnli_3src"), lambda: pytest.fail("not needed"), RowStore()) == load_recipe("xnli_3src")
    for wrong, message in (
        ("most", "is not a whole number. It may also be max"),
        ("0", "above 0, or max"),
        ("true", "is not a whole number"),
    ):
        with pytest.raises(Problem, match=message):
            load_recipe("xnli_3src", [f"data.num_examples_total={wrong}"])


def test_the_commands_say_what_rest_and_max_are(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [f"task.data={table}", "task.input=text", "sources=[en,ru]", "targets=rest"]
    assert cli.main(["data", "recipe=custom", *arguments, "data.num_examples_total=max"]) == 0
    assert gc.isenabled()  # it was off for as long as the rows were built
    printed = capsys.readouterr().out
    assert f"Note: targets=rest: de, hi (2 of 4 languages of {table})" in printed
    number = int(printed.split(" training rows")[0])
    counts = [int(m) for m in re.findall(r"^(?:en|ru) +(\d+)", printed, re.MULTILINE)]
    assert sum(counts) == number and len(set(counts)) == 1
    assert "not scored, set aside because training may use them (task.held_out_share=0.2):" in printed
    assert cli.main(["data", "recipe=custom", *arguments, f"data.num_examples_total={number + 2}"]) == 2
    assert f"{table} has {number // 2}. Write data.num_examples_total=max for as many" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["wikiann", "pawsx", "tydiqa"])
def test_recipes_of_benchmarks_that_repeat_rows_leave_them_out(task: str) -> None:
    assert load_recipe(f"{task}_3src").data.leaks == "drop"


def test_wikiann_repeats_sentences_between_its_splits_and_builds(tmp_path: Path, tokenizer: Any) -> None:
    def sentence(code: str, i: int) -> str:
        return f"{code}{i}\tB-PER\nlebt\tO\nin\tO\nOrt{i}\tB-LOC\n"

    for code in ("de", "fi"):
        (tmp_path / code).mkdir()
        for split, numbers in (("train", range(100)), ("test", range(90, 150))):
            text = "\n".join(sentence(code, i) for i in numbers)
            (tmp_path / code / f"{split}.tsv").write_text(text, encoding="utf-8")
    given = [f"task.data={tmp_path}", "sources=[de]", "targets=rest", "data.num_examples_total=90"]
    recipe = with_targets(load_recipe("wikiann_3src", given), RowStore())
    rows, report = build_training_set(recipe, tokenizer)
    assert len(rows) == 90 and "de: 10 rows left out of training because a scored row is the same" in report.notes
    given[-1:] = ["data.num_examples_total=100", "data.leaks=refuse"]
    refused = with_targets(load_recipe("wikiann_3src", given), RowStore())
    with pytest.raises(Problem, match=r"scored rows are also trained on.*data\.leaks=drop"):
        build_training_set(refused, tokenizer)


# ---------------------------------------------------------------- rows that are parallel by order


def in_order(folder: Path, **columns: list[str]) -> Recipe:
    """A task whose rows are said to be parallel by order; per language its labels."""
    for code, labels in columns.items():
        for split in ("train", "test"):
            rows = [(f"{code} {split} premise {i}", f"{code} {split} claim {i}", x) for i, x in enumerate(labels)]
            write_tsv(folder / code / f"{split}.tsv", rows)
    codes = list(columns)
    sources, targets = f"sources=[{','.join(codes[:2])}]", f"targets=[{','.join(codes[2:])}]"
    recipe = load_recipe("xnli_3src", [f"task.data={folder}", sources, targets, "data.num_examples_total=10"])
    return resolved(recipe, lambda: pytest.fail("no rows are counted"), RowStore())


LABELS = ["entailment", "neutral", "contradiction"] * 20


def test_rows_without_ids_are_translations_where_order_and_labels_agree(tmp_path: Path) -> None:
    almost = ["neutral", *LABELS[1:]]  # a translator mended one of sixty
    recipe = in_order(tmp_path, en=LABELS, de=LABELS, tr=almost)
    assert recipe.task.is_parallel and recipe.order_note == ""
    ids = [[e.id for e in scored_examples(recipe, code)] for code in ("en", "tr")]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("turkish", "why"),
    [
        (LABELS[:-1], r"\(test\): 'en' has 60 rows and 'tr' 59, without ids"),
        (LABELS[1:] + LABELS[:1], r"\(test\): 60 of 60 rows have another label in 'tr' than in 'en', without ids"),
    ],
)
def test_rows_without_ids_are_each_languages_own_where_something_differs(
    turkish: list[str], why: str, tmp_path: Path
) -> None:
    recipe = in_order(tmp_path, en=LABELS, de=LABELS, tr=turkish)
    assert not recipe.task.is_parallel
    assert re.search(why + ": rows count as each language's own", recipe.order_note)
    assert {e.id.split(":")[1] for e in scored_examples(recipe, "tr")} == {"tr"}
    request = parse_request(["model=world", "task=xnli", f"task.data={tmp_path}", "languages=[en,tr]"])
    assert not request.recipes[0].task.is_parallel and any(re.search(why, note) for note in request.told())
    alone = parse_request(["model=world", "task=xnli", f"task.data={tmp_path}", "languages=[en,de]"])
    assert alone.recipes[0].task.is_parallel and alone.told() == []


def test_an_id_column_says_which_rows_are_translations_whatever_their_order(tmp_path: Path) -> None:
    for code, order in (("en", range(40)), ("de", range(39, -1, -1)), ("tr", range(5, 30))):
        (tmp_path / code).mkdir()
        rows = [f"{i}\t{code} {i}\tclaim {i}\t{LABELS[i]}" for i in order]
        (tmp_path / code / "test.tsv").write_text("\n".join(["id\tpremise\thypothesis\tlabel", *rows]) + "\n")
    recipe = load_recipe(
        "xnli_3src", [f"task.data={tmp_path}", "sources=[en,de]", "targets=[tr]", "task.train_split=test"]
    )
    assert with_order(recipe, recipe.sources, ("en", "de", "tr"), RowStore()) == recipe
    found = {code: {e.id for e in scored_examples(recipe, code)} for code in ("en", "de", "tr")}
    assert found["en"] == found["de"] and found["tr"] < found["en"]
