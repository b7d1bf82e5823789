"""Prompt files of pawsx, wikiann, tydiqa, bactrian and mentions: keys, placeholders, scripts, punctuation."""

from __future__ import annotations

import re
import unicodedata
from itertools import combinations

import pytest
import yaml
from written_in import SCRIPTS, WORLD, assert_letters, assert_punctuation

from mslt_it.config.files import share_dir
from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.data.placeholders import fill
from mslt_it.data.prompts import prompt_file

FIELDS = {
    "pawsx": ("sentence1", "sentence2"),
    "wikiann": ("text",),
    "tydiqa": ("context", "question"),
    "bactrian": ("instruction", "input"),
    "mentions": ("text", "category"),
}
LANGUAGES = {
    "pawsx": ["de", "en", "es", "fr", "ja", "ko", "zh"],
    "wikiann": sorted([*WORLD, "bn", "et", "it", "pt", "ta", "te"]),
    "tydiqa": sorted([*WORLD, "bn", "te"]),
    "bactrian": sorted([*WORLD, "bn", "et", "it", "pt", "ta", "te"]),
    "mentions": list(WORLD),
}
LABELS = {"pawsx": ("different", "paraphrase"), "mentions": ("absent", "mentioned")}
FILES = [(task, code) for task, codes in LANGUAGES.items() for code in codes]
PLACEHOLDER = re.compile(r"\{(\w+)\}")
EXAMPLE = re.compile(r"PER: (\S+) \| LOC: (\S+)")
TAG = re.compile(r"\b(PER|ORG|LOC)\b")


def content(task: str, code: str) -> dict[str, object]:
    text = (share_dir("eval") / "prompts" / task / f"{code}.yaml").read_text(encoding="utf-8")
    loaded = yaml.safe_load(text)
    assert isinstance(loaded, dict)
    return loaded


def templates(task: str, code: str) -> list[str]:
    found = content(task, code)["templates"]
    assert isinstance(found, list) and found
    return found


def own_words(template: str) -> str:
    """The text of a template that is in its language: no placeholders, no tags."""
    return TAG.sub("", PLACEHOLDER.sub("", template))


@pytest.mark.parametrize("task", FIELDS)
def test_the_languages_of_the_task_are_covered(task: str) -> None:
    folder = share_dir("eval") / "prompts" / task
    assert sorted(path.name for path in folder.iterdir()) == [f"{code}.yaml" for code in LANGUAGES[task]]


@pytest.mark.parametrize(("task", "code"), FILES)
def test_keys_and_placeholders(task: str, code: str) -> None:
    assert set(content(task, code)) == {"templates"} | ({"labels"} if task in LABELS else set())
    assert len(templates(task, code)) >= (3 if code == "en" else 1)
    for template in templates(task, code):
        assert sorted(PLACEHOLDER.findall(template)) == sorted(FIELDS[task])  # each exactly once
        assert "{" not in PLACEHOLDER.sub("", template) and "}" not in PLACEHOLDER.sub("", template)
        assert template == template.strip() == unicodedata.normalize("NFC", template)
        assert "\u00a0" not in template and "\u202f" not in template and "  " not in template


@pytest.mark.parametrize(("task", "code"), FILES)
def test_the_package_reads_the_file(task: str, code: str) -> None:
    config = TaskConfig(name=task, input_fields=FIELDS[task], label_names=LABELS.get(task, ()))
    file = prompt_file(config, code, PromptConfig())
    assert (file.path.stem, file.note) == (code, "")
    assert set(file.labels) == set(LABELS.get(task, ()))


@pytest.mark.parametrize(("task", "code"), FILES)
def test_the_text_is_in_the_script_of_its_language(task: str, code: str) -> None:
    labels = content(task, code).get("labels", {})
    assert isinstance(labels, dict)
    for text in [*map(own_words, templates(task, code)), *labels.values()]:
        assert_letters(text, code)


@pytest.mark.parametrize(("task", "code"), FILES)
def test_the_first_line_says_what_the_file_is(task: str, code: str) -> None:
    first = (share_dir("eval") / "prompts" / task / f"{code}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ") and "Data only" in first
    assert len(first) <= 120


@pytest.mark.parametrize(("task", "code"), FILES)
def test_punctuation_is_that_of_the_language(task: str, code: str) -> None:
    for template in templates(task, code):
        # The answer format is the same everywhere.
        assert_punctuation(own_words(re.sub(r"(PER|LOC): ", "", template)), code)


def test_english_templates_are_worded_differently() -> None:
    for task in FIELDS:
        for one, other in combinations(templates(task, "en"), 2):
            first, second = (set(re.findall(r"[a-z]+", own_words(text).lower())) for text in (one, other))
            assert len(first & second) / len(first | second) < 0.5, (one, other)


def test_no_two_languages_share_a_prompt() -> None:
    for task, codes in LANGUAGES.items():
        texts = [template for code in codes for template in templates(task, code)]
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("code", LANGUAGES["pawsx"])
def test_pawsx_offers_exactly_the_label_words(code: str) -> None:
    labels = content("pawsx", code)["labels"]
    assert isinstance(labels, dict) and list(labels) == ["different", "paraphrase"]
    for template in templates("pawsx", code):
        offer = own_words(template).splitlines()[-1]
        longest_first = sorted(labels.values(), key=len, reverse=True)  # 是 also stands in 不是
        for word in longest_first:
            assert word in offer
            offer = offer.replace(word, "")
        assert template.index("{sentence1}") < template.index("{sentence2}")


@pytest.mark.parametrize("code", LANGUAGES["wikiann"])
def test_wikiann_shows_tags_format_and_hyphen(code: str) -> None:
    for template in templates("wikiann", code):
        assert len(EXAMPLE.findall(template)) == 1
        explained = EXAMPLE.sub("", template)
        assert sorted(TAG.findall(explained)) == ["LOC", "ORG", "PER"], explained
        assert re.search(r"(?<!\w)-(?!\w)", template)
        assert template.count("-") - len(re.findall(r"\w-\w", template)) == 1  # the answer for no name, once


def test_wikiann_examples_are_written_in_the_script_of_the_language() -> None:
    names = {code: EXAMPLE.findall(templates("wikiann", code)[0])[0] for code in WORLD}
    for code, pair in names.items():
        assert ("".join(pair).isascii() or code == "es") == (code not in SCRIPTS), pair
    assert names["bg"] == names["ru"] == ("Мария", "Осло")


@pytest.mark.parametrize("code", LANGUAGES["tydiqa"])
def test_tydiqa_shows_the_text_before_the_question(code: str) -> None:
    for template in templates("tydiqa", code):
        assert template.index("{context}") < template.index("{question}")
        assert own_words(template).splitlines()[-1].strip()  # what to answer stands last


@pytest.mark.parametrize("code", LANGUAGES["bactrian"])
def test_bactrian_reads_on_when_the_line_of_the_input_is_left_out(code: str) -> None:
    for template in templates("bactrian", code):
        lines = template.split("\n")
        with_input = [number for number, line in enumerate(lines) if "{input}" in line]
        assert len(with_input) == 1 and re.fullmatch(r"[^\n{}]+ ?\{input\}", lines[with_input[0]])
        rest = [line for number, line in enumerate(lines) if number != with_input[0]]
        assert "{instruction}" in rest[0] and with_input[0] == 1
        assert all(line.strip() for line in rest) and "{" not in rest[-1]  # the closing request stands without it
        shown = fill("\n".join(rest), {"instruction": "A", "input": "never shown"})
        assert "A" in shown and "never shown" not in shown
