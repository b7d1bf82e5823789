"""Sentences expanded from templates of the package home-assistant-intents: what a reader of a row may expect."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter

import pytest
import yaml

from mslt_it.config.compose import load_recipe
from mslt_it.config.files import share_dir
from mslt_it.config.recipe import PromptConfig
from mslt_it.data import intents
from mslt_it.data.cleaning import is_wrong_script
from mslt_it.data.leakage import LeakIndex, normalise
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.data.rows import RowStore
from mslt_it.problems import Problem
from mslt_it.records import Example, fingerprint

pytest.importorskip("hassil")
pytest.importorskip("home_assistant_intents")

LANGUAGES = intents.languages()
NOT_LATIN = {"ar", "bg", "el", "ru", "sr", "th", "uk", "zh"}


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, list[Example]]]:
    return {code: {split: intents.examples(code, split) for split in ("train", "test")} for code in LANGUAGES}


def texts(found: list[Example]) -> list[str]:
    return [row.fields["text"] for row in found]


def test_the_languages_are_those_of_both_recipes() -> None:
    three, one = load_recipe("intents_3src"), load_recipe("intents_1src")
    assert len(LANGUAGES) == 29
    assert sorted((*three.sources, *three.targets)) == list(LANGUAGES) == list(RowStore().languages(three.task))
    assert set(one.targets) == set(three.targets) - {"en"} and one.sources == ("en",)
    assert three.data == one.data and three.task == one.task and three.task.choice_names == tuple(intents.LABELS)
    assert RowStore().languages_told(three.task, LANGUAGES) == ()


def test_every_language_has_rows_of_every_label(rows: dict[str, dict[str, list[Example]]]) -> None:
    for code, splits in rows.items():
        assert len(splits["train"]) >= 300 and len(splits["test"]) >= 90, code
        for split, found in splits.items():
            counts = Counter(row.label for row in found)
            assert set(counts) == set(intents.LABELS), (code, split)
            assert max(counts.values()) <= intents.NUM_ROWS[split]
            assert sum(n == intents.NUM_ROWS[split] for n in counts.values()) >= 3, (code, split)


def test_no_reader_of_a_row_winces(rows: dict[str, dict[str, list[Example]]]) -> None:
    for code, splits in rows.items():
        for text in texts([*splits["train"], *splits["test"]]):
            assert not re.search(r"[{}<>\[\]()|_;]|  |^\s|\s$|[,:-]$|\d/\d", text), (code, text)
            assert not is_wrong_script(text, code), (code, text)
            assert code not in NOT_LATIN or not re.search("[A-Za-z]", text), (code, text)
            doubled = re.findall(r"\b(\w{2,}) \1\b", text)
            assert not doubled, (code, text)


def test_no_template_and_no_sentence_is_on_both_sides(rows: dict[str, dict[str, list[Example]]]) -> None:
    for code, splits in rows.items():
        sides = [{row.grouped_by["template"] for row in found} for found in splits.values()]
        assert not sides[0] & sides[1], code
        assert not {normalise(t) for t in texts(splits["train"])} & {normalise(t) for t in texts(splits["test"])}
        scored = LeakIndex(splits["test"])
        assert all(scored.find(row) is None for row in splits["train"]), code


def test_a_label_with_few_templates_is_divided_by_patterns() -> None:
    found = intents.source("nl")
    used = {template.text for template in found.templates["shopping_list"]}
    assert len(used) < intents.MIN_TEMPLATES  # so patterns, of which there are more, are the groups
    groups = {r.grouped_by["template"] for r in intents.examples("nl", "train") if r.label == "shopping_list"}
    assert len(groups) > len(used)


def test_ids_are_of_one_language_and_say_nothing_of_translations(rows: dict[str, dict[str, list[Example]]]) -> None:
    ids = Counter(row.id for splits in rows.values() for found in splits.values() for row in found)
    assert max(ids.values()) == 1
    assert not load_recipe("intents_3src").task.is_parallel


def test_a_sentence_has_one_label(rows: dict[str, dict[str, list[Example]]]) -> None:
    for code, splits in rows.items():
        found = [*splits["train"], *splits["test"]]
        assert len({normalise(text) for text in texts(found)}) == len(found), code


def test_rows_do_not_depend_on_the_process(rows: dict[str, dict[str, list[Example]]]) -> None:
    code = "from mslt_it.data.intents import examples as e\nfrom mslt_it.records import fingerprint as f\n"
    code += "print(f([(r.id, r.fields['text']) for r in e('ga', 'train')]))"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert said.stdout.strip() == fingerprint([(r.id, r.fields["text"]) for r in rows["ga"]["train"]])


def test_rows_are_those_of_every_run_before(rows: dict[str, dict[str, list[Example]]]) -> None:
    found = [r for splits in rows.values() for one in splits.values() for r in one]
    every = [(r.id, r.fields["text"], *r.grouped_by.values()) for r in found]
    assert (len(every), fingerprint(every)) == (14675, "2fd44837320f1281")


def test_a_build_says_what_the_rows_are_made_of_and_groups_by_template() -> None:
    recipe = load_recipe("intents_3src")
    found = RowStore().load(recipe.task, "ar", recipe.task.train_split, role="train")
    (note,) = found.notes
    assert re.search(
        r"ar \(train\): \d+ sentences of home-assistant-intents 20\d\d\.\S+ and hassil \d.*rows [0-9a-f]{16}", note
    )
    same = [row for row in found.examples if row.grouped_by == found.examples[0].grouped_by]
    groups = {prompted(row, recipe.task, recipe.prompt).group for row in same}
    assert len(same) > 1 and len(groups) == 1 and "" not in groups


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match=r"task\.data=intents has no language 'ja'.*ar, bg"):
        intents.source("ja")
    monkeypatch.setitem(sys.modules, "home_assistant_intents", None)
    with pytest.raises(Problem, match=r"home-assistant-intents and hassil.*pip install -e '\.\[real\]'"):
        intents._upstream("en")


@pytest.mark.parametrize("code", LANGUAGES)
def test_prompts_offer_each_label_word_once(code: str) -> None:
    task = load_recipe("intents_3src").task
    file = prompt_file(task, code, PromptConfig())
    words = [file.labels[name] for name in task.choice_names]
    assert file.path.stem == code and not file.note and len({word.casefold() for word in words}) == 12
    for template in file.templates:
        for word in sorted(words, key=len, reverse=True):  # "tid" also stands in "start tid"
            assert template.count(word) == 1, (template, word)
            template = template.replace(word, "")


def test_english_prompts_and_labels_can_be_asked_for_everywhere() -> None:
    recipe = load_recipe("intents_3src")
    assert recipe.prompt.language == "english" == load_recipe("intents_1src").prompt.language
    assert prompt_file(recipe.task, "th", recipe.prompt).labels["weather"] == "forecast"


def test_no_english_label_word_is_in_an_english_sentence(rows: dict[str, dict[str, list[Example]]]) -> None:
    recipe = load_recipe("intents_1src")
    words = prompt_file(recipe.task, "en", recipe.prompt).labels.values()
    found = " ".join(texts([*rows["en"]["train"], *rows["en"]["test"]]))
    assert not [word for word in words if word in found]


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_line_of_a_word_file_has_an_effect(code: str) -> None:
    """So that a new version of the package, in which a template reads otherwise, is noticed."""
    own = yaml.safe_load((share_dir("eval") / "intents" / f"{code}.yaml").read_text(encoding="utf-8"))
    upstream = intents._upstream(own.get("upstream", code))
    found = [
        text
        for names in intents.LABELS.values()
        for name in names
        for block in upstream["intents"][name]["data"]
        for text in block["sentences"]
    ]
    assert all(any(re.search(pattern, text) for text in found) for pattern in own["skip"])
    found += upstream["expansion_rules"].values()
    for old, new in own["replace"]:
        assert any(old in text for text in found), old
        found = [text.replace(old, new) for text in found]
    assert all(values for name, values in own["lists"].items() if not name.startswith("name."))
