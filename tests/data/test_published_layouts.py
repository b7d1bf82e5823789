"""Benchmarks in the layouts of their authors, with rows of our own: which files and columns are read, which item a row
is, and that a run builds from them."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from toy_world import available_languages, load, load_examples, make_tokenizer

from mslt_it.config.compose import load_recipe
from mslt_it.config.files import share_dir
from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.data.build import build_training_set
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.languages import likely_script, script_of_text
from mslt_it.problems import NotScorable

Rows = Sequence[Mapping[str, Any]]
PLACEHOLDER = re.compile(r"\{(\w+)\}")
INFERENCE = ("entailment", "neutral", "contradiction")


def write(path: Path, rows: Rows) -> None:
    """As the file's ending says: a table with a header, JSON Lines, or SQuAD's JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as out:
        if path.suffix in (".tsv", ".csv"):
            tab = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "escapechar": None} if path.suffix == ".tsv" else {}
            table = csv.DictWriter(out, list(rows[0]), lineterminator="\n", **tab)  # type: ignore[arg-type]
            table.writeheader()
            table.writerows(rows)
        else:
            out.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def task_of(name: str, data: Path, *more: str) -> TaskConfig:
    return load_recipe("custom", [f"task={name}", f"task.data={data}", "sources=[en]", "targets=[de]", *more]).task


def pairs(number: int, word: str, **names: str) -> list[dict[str, Any]]:
    """Rows of inference; ``names``: what the data call our columns."""
    return [
        {names.get("premise", "premise"): f"{word} {i // 3} goes home.", names.get("hypothesis", "hypothesis"):
         f"{word} {i} is out.", names.get("label", "label"): INFERENCE[i % 3]}
        for i in range(number)
    ]  # fmt: skip


def squad(path: Path, word: str, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    paragraphs = [
        {"context": f"{word} {i} is here.", "qas": [
            {"id": f"q{i}-{k}", "question": f"Who {k}?", "answers": [{"text": f"{word} {i}", "answer_start": 0}]}
            for k in range(2)]}
        for i in range(number)
    ]  # fmt: skip
    path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}), encoding="utf-8")


def test_sib200_folders_are_named_as_flores_names_languages(tmp_path: Path) -> None:
    for folder, word in (("eng_Latn", "Sentence"), ("arb_Arab", "جملة"), ("zho_Hans", "句子"), ("zho_Hant", "句子")):
        for split, number in (("train", 30), ("dev", 5), ("test", 9)):
            rows = [
                {"index_id": i * 7, "category": ("travel", "science/technology")[i % 2], "text": f"{word} {i}."}
                for i in range(number)
            ]
            write(tmp_path / "annotated" / folder / f"{split}.tsv", rows)
    task = task_of("sib200", tmp_path / "annotated")
    assert available_languages(task) == ("ar", "en", "zh", "zh-Hant")
    for code in ("ar", "en", "zh", "zh-Hant"):
        found = load_examples(task, code, "test", role="score")
        assert [e.id for e in found][:2] == ["test:0", "test:7"] and len(found) == 9  # index_id: translations
        assert found[1].label == "science/technology"
    item = prompted(load_examples(task, "ar", "train", role="train")[1], task, PromptConfig())
    assert item.answer == "علوم" and len(item.choices) == 7


def massive_rows(word: str) -> list[dict[str, Any]]:
    return [
        {"id": str(i), "partition": ("train", "train", "train", "dev", "test")[i % 5], "scenario": "alarm",
         "intent": ("alarm_set", "play_music")[i // 5 % 2], "utt": f"{word} {i}", "annot_utt": f"{word} [n : {i}]"}
        for i in range(60)
    ]  # fmt: skip


def test_massive_has_a_file_per_language_whose_rows_say_their_split(tmp_path: Path) -> None:
    for locale, word in (("de-DE", "Stelle"), ("en-US", "set"), ("zh-CN", "设置"), ("zh-TW", "設定")):
        write(tmp_path / f"{locale}.jsonl", [{**row, "locale": locale} for row in massive_rows(word)])
    task = task_of("massive", tmp_path)
    assert available_languages(task) == ("de", "en", "zh", "zh-Hant")
    train = load_examples(task, "zh", "train", role="train")
    test = load(task, "zh", "test", role="score")
    assert len(train) == 36 and len(test.examples) == 12 and not test.num_set_aside
    assert [e.id for e in test.examples][:2] == ["test:4", "test:9"] and test.examples[1].label == "play_music"
    assert [e.id for e in load_examples(task, "de", "test", role="score")] == [e.id for e in test.examples]
    with pytest.raises(
        NotScorable, match=r"no row with partition=test2 \(task\.split_field\)\. .*Known: dev, test, tr"
    ):
        load(task, "de", "test2", role="score")


def test_nusax_folders_have_english_names_and_ids_pair_translations(tmp_path: Path) -> None:
    for folder, word in (
        ("acehnese", "Bereh"),
        ("toba_batak", "Denggan"),
        ("indonesian", "Bagus"),
        ("english", "Good"),
    ):
        for split in ("train", "valid", "test"):
            rows = [
                {"id": 100 + i, "text": f"{word}, {i}", "label": ("negative", "neutral", "positive")[i % 3]}
                for i in range(12)
            ]
            write(tmp_path / folder / f"{split}.csv", rows)
    task = task_of("nusax", tmp_path)
    assert available_languages(task) == ("ace", "bbc", "en", "id")
    found = load_examples(task, "bbc", "test", role="score")
    assert (found[0].id, found[2].label) == ("test:100", "positive")
    assert prompt_file(task, "id", PromptConfig()).labels["neutral"] == "netral"
    assert "prompted in English" in prompt_file(task, "ace", PromptConfig()).note


def test_afrisenti_files_carry_their_language_or_not(tmp_path: Path) -> None:
    rows = [{"ID": f"x{i}", "tweet": f"@user habari {i}", "label": ("negative", "positive")[i % 2]} for i in range(8)]
    names = {"amh/amh_train.tsv": "am", "amh/amh_test.tsv": "am", "oro/oro_train.tsv": "om", "por/train.tsv": "pt"}
    for name in (*names, "por/pt_dev.tsv", "swa/train.tsv", "swa/test.tsv", "ary/arq_dev.tsv", "ary/train.tsv"):
        write(tmp_path / name, rows)
    task = task_of("afrisenti", tmp_path)
    assert available_languages(task) == ("am", "ary", "om", "pt", "sw")
    for code in ("am", "om", "pt", "sw", "ary"):
        found = load_examples(task, code, "train", role="train")
        assert found[0].fields == {"text": "@user habari 0"} and found[1].label == "positive"
    assert prompt_file(task, "sw", PromptConfig()).labels["positive"] == "chanya"  # those of nusax


def test_americasnli_has_one_file_to_train_on_and_one_per_language_to_score(tmp_path: Path) -> None:
    codes = ("aym", "gn", "quy")
    write(tmp_path / "dev.tsv", [{"language": c, **row} for c in codes for row in pairs(9, c)])
    for code in codes:
        write(tmp_path / "test" / f"{code}.tsv", [{"language": code, **row} for row in pairs(6, f"t{code}")])
    task = task_of("americasnli", tmp_path)
    train, test = load_examples(task, "ay", "validation", role="train"), load_examples(task, "ay", "test", role="score")
    assert [e.fields["premise"] for e in train[:3]] == ["aym 0 goes home."] * 3 and len(train) == 9 and len(test) == 6
    assert (test[4].label, test[4].fields["hypothesis"]) == ("neutral", "taym 4 is out.")


def test_afrixnli_and_indicxnli_are_parallel_by_order(tmp_path: Path) -> None:
    for code, name in (("am", "amh"), ("rw", "kin")):
        for split in ("dev", "test"):
            write(tmp_path / "a" / name / f"{split}.tsv", pairs(6, name + split))
        assert len(load_examples(task_of("afrixnli", tmp_path / "a"), code, "validation", role="train")) == 6
    for code in ("hi", "or", "as"):
        for split in ("train", "dev", "test"):
            write(tmp_path / "forward" / split / f"xnli_{code}.json", pairs(6, code + split))
    task = task_of("indicxnli", tmp_path / "forward")
    assert available_languages(task) == ("as", "hi", "or")
    assert [e.id for e in load_examples(task, "or", "test", role="score")][:2] == ["test:0", "test:1"]
    assert prompt_file(task, "hi", PromptConfig()).path.parent.name == "xnli"


def test_relatives_of_xnli_in_one_language(tmp_path: Path) -> None:
    named = {"premise": "sentence1", "hypothesis": "sentence2"}
    for split in ("train", "valid"):
        rows = [{"sentence_pair_id": f"7{i}", "yjcaptions_id": "1-2-3", **row}
                for i, row in enumerate(pairs(6, split, **named))]  # fmt: skip
        write(tmp_path / "jnli-v1.3" / f"{split}-v1.3.json", rows)
    found = load_examples(task_of("jnli", tmp_path / "jnli-v1.3"), "ja", "validation", role="score")
    assert (found[1].id, found[1].label) == ("dev:71", "neutral")
    for name in ("multinli.train", "snli_1.0_train", "xnli.dev", "xnli.test"):
        write(tmp_path / "KorNLI" / f"{name}.ko.tsv", pairs(6, name, **named, label="gold_label"))
    task = task_of("kornli", tmp_path / "KorNLI")
    assert (
        load_examples(task, "ko", task.train_split, role="train")[0].fields["premise"] == "multinli.train 0 goes home."
    )
    assert load_examples(task, "ko", task.score_split, role="score")[0].fields["premise"] == "xnli.test 0 goes home."
    for split in ("train", "val", "test_lay", "test_expert"):
        rows = [{"pair_id": i + 10, "premise_id": i // 3, **row, "label": row["label"][0]}
                for i, row in enumerate(pairs(6, split))]  # fmt: skip
        write(tmp_path / "indonli" / f"{split}.jsonl", rows)
    task = task_of("indonli", tmp_path / "indonli")
    found = load_examples(task, "id", task.score_split, role="score")
    assert (found[2].id, found[2].label) == ("test_expert:12", "contradiction")
    assert found[2].fields["premise"] == "test_expert 0 goes home."


def test_xquad_is_divided_by_passage_alike_in_every_language(tmp_path: Path) -> None:
    for code, word in (("ar", "علي"), ("en", "Ali"), ("th", "อาลี")):
        squad(tmp_path / f"xquad.{code}.json", word, 40)
    task = task_of("xquad", tmp_path)
    assert available_languages(task) == ("ar", "en", "th")
    ids = {}
    for code in ("ar", "en", "th"):
        train = {e.id.split("-")[0] for e in load_examples(task, code, "validation", role="train")}
        ids[code] = {e.id.split("-")[0] for e in load_examples(task, code, "validation", role="score")}
        assert train and not train & ids[code]
    assert ids["ar"] == ids["en"] == ids["th"]


def test_mlqa_reads_passages_in_the_language_of_the_question(tmp_path: Path) -> None:
    for split in ("dev", "test"):
        for context, question in (("ar", "ar"), ("ar", "en"), ("en", "ar"), ("en", "en")):
            path = tmp_path / split / f"{split}-context-{context}-question-{question}.json"
            squad(path, f"{context} {question} {split}", 6)
    task = task_of("mlqa", tmp_path)
    assert available_languages(task) == ("ar", "en")
    assert load_examples(task, "ar", "validation", role="train")[0].label == "ar ar dev 0"
    scored = load_examples(task, "en", "test", role="score")
    assert (scored[1].id, scored[1].references) == ("test:q0-1", ("en en test 0",))


def test_include_has_folders_with_english_names_and_numbers_for_letters(tmp_path: Path) -> None:
    for folder, word in (("North Macedonian", "Прашање"), ("Persian", "پرسش"), ("Tagalog", "Tanong")):
        rows = [
            {"language": folder, "country": "x", "domain": "d", "subject": "s", "regional_feature": "agnostic",
             "level": "Academic", "question": f"{word} {i}?", **{f"option_{x}": f"{word} {x}{i}" for x in "abcd"},
             "answer": i % 4}
            for i in range(24)
        ]  # fmt: skip
        write(tmp_path / folder / "test.jsonl", rows)
        write(tmp_path / folder / "validation.jsonl", rows[:5])
    task = task_of("include", tmp_path)
    assert available_languages(task) == ("fa", "fil", "mk")
    found = load_examples(task, "mk", "test", role="score")
    assert (len(found), found[3].label) == (24, "D")
    assert prompt_file(task, "ar", PromptConfig()).path.parent.name == "global_mmlu"


NEW = {"belebele": 20, "global_mmlu": 20, "massive": 1, "nusax": 4, "sib200": 20}
FILES = [path for name in NEW for path in sorted((share_dir("eval") / "prompts" / name).glob("*.yaml"))]


def test_number_of_prompt_files() -> None:
    assert [sum(path.parent.name == name for path in FILES) for name in NEW] == list(NEW.values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_prompt_file_is_in_its_languages_script_and_shows_every_field_once(path: Path) -> None:
    task = task_of(path.parent.name, Path("x"))
    file = prompt_file(task, path.stem, PromptConfig())
    raw = path.read_text(encoding="utf-8")
    assert file.note == "" and raw == unicodedata.normalize("NFC", raw) and "Data only" in raw.split("\n")[0]
    assert len(file.templates) >= (3 if path.stem == "en" else 1)
    letters = path.parent.name in ("belebele", "global_mmlu")  # whose labels are digits and Latin letters
    for template in file.templates:
        assert sorted(PLACEHOLDER.findall(template)) == sorted(task.input_fields)
        assert template == template.strip() and "  " not in template
        own = re.sub(r"\b[A-D]\b" if letters else "(?!)", "", PLACEHOLDER.sub("", template))
        assert script_of_text([own]) == likely_script(path.stem)
    if not letters:
        assert all(script_of_text([word]) in (likely_script(path.stem), "Hani") for word in file.labels.values())


def test_a_run_builds_from_them(tmp_path: Path) -> None:
    for locale, word in (("ar-SA", "اضبط"), ("de-DE", "Stelle"), ("zh-CN", "设置"), ("tr-TR", "ayarla")):
        write(tmp_path / f"{locale}.jsonl", massive_rows(word))
    recipe = load_recipe("massive_3src", [f"task.data={tmp_path}", "targets=[tr]", "data.num_examples_total=24"])
    rows, report = build_training_set(recipe, make_tokenizer())
    assert report.num_examples_total == len({row.id for row in rows}) == 24  # every item in one language
