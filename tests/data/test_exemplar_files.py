"""The worked examples of eval/exemplars: complete, parallel to the English ones, in their language, and readable."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
import yaml
from written_in import assert_letters, assert_punctuation

from mslt_it.config.compose import load_recipe
from mslt_it.config.files import share_dir
from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.evaluation.answers.labels import read_label
from mslt_it.evaluation.answers.numbers import parse_number
from mslt_it.records import Example

COUNTS = {"xnli": 3, "pawsx": 2, "xcopa": 2, "xwinograd": 2, "xstorycloze": 2, "mgsm": 4}  # examples per file
LANGUAGES = {"xnli": 20, "pawsx": 7, "xcopa": 23, "xwinograd": 21, "xstorycloze": 21, "mgsm": 22}  # files per task
FOLDER = share_dir("eval") / "exemplars"
FILES = sorted((path.parent.name, path.stem) for path in FOLDER.glob("*/*.yaml"))
CHOSEN = [(task, code) for task, code in FILES if task != "mgsm"]  # the answer is one of the task's labels
FULL_STOP = {"zh": "。", "ja": "。", "hi": "।", "bn": "।", "ur": "۔", "th": ""}  # of a chain; elsewhere "."
SENTENCE_ENDS = re.compile(r"[.?!](?= |$)|[。।۔؟？]|；")
STEP = re.compile(r"(\d+(?: (?:times|plus|minus|divided by) \d+)+)[^.\d]*, that is (\d+)")
OPERATORS = {"times": "*", "plus": "+", "minus": "-", "divided by": "/"}


@functools.cache
def content(task: str, code: str) -> list[dict[str, Any]]:
    loaded = yaml.safe_load((FOLDER / task / f"{code}.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, list)
    return loaded


@functools.cache
def task_config(task: str) -> TaskConfig:
    return load_recipe(f"{task}_3src").task


@functools.cache
def cue(code: str) -> str:
    """What opens the answer line behind a chain."""
    path = share_dir("eval") / "variants" / "cot_native" / f"{code}.yaml"
    found = yaml.safe_load(path.read_text(encoding="utf-8"))["cue"]
    assert isinstance(found, str)
    return found


def words(task: str, code: str) -> dict[str, str]:
    return dict(prompt_file(task_config(task), code, PromptConfig()).labels)


def texts(task: str, item: dict[str, Any]) -> list[str]:
    """What is written in the language: the fields (the one of XCOPA that is a keyword aside) and the chain."""
    return [text for name, text in item["fields"].items() if (task, name) != ("xcopa", "question")] + [item["chain"]]


def numbers(text: str) -> Counter[str]:
    return Counter(re.findall(r"\d+", text))


def last_sentence(text: str) -> str:
    return [part for part in re.split(r"(?<=[.?!]) |(?<=[。।۔؟？])", text) if part.strip()][-1]


@pytest.mark.parametrize("task", COUNTS)
def test_each_language_with_a_prompt_has_examples(task: str) -> None:
    prompts = {path.stem for path in (share_dir("eval") / "prompts" / task).iterdir()}
    assert {code for name, code in FILES if name == task} == prompts
    assert len(prompts) == LANGUAGES[task]


def test_there_is_nothing_else_in_the_folder() -> None:
    assert len(FILES) == sum(LANGUAGES.values()) == 114
    assert {path.name for path in FOLDER.iterdir()} == set(COUNTS)
    assert len([path for path in FOLDER.rglob("*") if path.is_file()]) == len(FILES)


@pytest.mark.parametrize(("task", "code"), FILES)
def test_keys_fields_and_labels(task: str, code: str) -> None:
    config = task_config(task)
    for item in content(task, code):
        assert list(item) == ["id", "fields", "label", "chain"]
        assert set(item["fields"]) == set(config.input_fields)
        assert all(isinstance(text, str) and text for text in [item["id"], item["label"], *item["fields"].values()])
        if config.choice_names:
            assert item["label"] in config.choice_names
        else:
            assert re.fullmatch(r"[1-9]\d{0,2}", item["label"], re.ASCII)


@pytest.mark.parametrize(("task", "code"), FILES)
def test_examples_are_those_of_the_english_file(task: str, code: str) -> None:
    english, own = content(task, "en"), content(task, code)
    assert [(item["id"], item["label"]) for item in own] == [(item["id"], item["label"]) for item in english]
    assert len({item["id"] for item in own}) == len(own) == COUNTS[task]
    if task == "xcopa":
        assert [item["fields"]["question"] for item in own] == ["cause", "effect"]


@pytest.mark.parametrize("task", COUNTS)
def test_labels_are_balanced(task: str) -> None:
    labels = [item["label"] for item in content(task, "en")]
    if task == "mgsm":
        assert len(set(labels)) == len(labels)
        return
    assert sorted(labels) == sorted(task_config(task).choice_names)  # as many of each, and no first k all alike
    assert task != "xnli" or labels[1] == "neutral"
    assert task != "xcopa" or labels == ["second", "first"]


@pytest.mark.parametrize(("task", "code"), FILES)
def test_texts_are_in_the_script_of_the_language(task: str, code: str) -> None:
    for item in content(task, code):
        for text in texts(task, item):
            assert_letters(text, code)


@pytest.mark.parametrize(("task", "code"), FILES)
def test_texts_are_composed_and_have_plain_spaces_and_digits(task: str, code: str) -> None:
    raw = (FOLDER / task / f"{code}.yaml").read_text(encoding="utf-8")
    assert raw == unicodedata.normalize("NFC", raw)
    assert re.fullmatch(rf"# Worked examples of {task} in [A-Z][a-z]+, our own\. Data only\.", raw.splitlines()[0])
    for item in content(task, code):
        for text in texts(task, item):
            assert text == text.strip() and "  " not in text and "\n" not in text
            assert not re.search("[\u00a0\u202f\u200b-\u200f\ufeff{}]", text.replace("\u200c", "")), ascii(text)
            assert all(char in "0123456789" for char in text if char.isdigit()), text
            assert all(len(number) < 4 or number == "1911" for number in numbers(text)), text


@pytest.mark.parametrize(("task", "code"), FILES)
def test_punctuation_is_that_of_the_language(task: str, code: str) -> None:
    for item in content(task, code):
        for text in texts(task, item):
            assert_punctuation(text, code)


@pytest.mark.parametrize(("task", "code"), FILES)
def test_chains_are_two_to_four_short_sentences(task: str, code: str) -> None:
    for item in content(task, code):
        chain = item["chain"]
        assert chain.endswith(FULL_STOP.get(code, ".")), chain
        assert 30 <= len(chain) <= 300, chain
        if code != "th":  # Thai has no sign for the end of a sentence
            assert 2 <= len(SENTENCE_ENDS.findall(chain)) <= 4, chain


@pytest.mark.parametrize(("task", "code"), FILES)
def test_no_text_is_left_in_another_language(task: str, code: str) -> None:
    for index, item in enumerate(content(task, code)):
        for name, text in item["fields"].items():
            same = [other for job, other in FILES if job == task and content(job, other)[index]["fields"][name] == text]
            assert same == [code] or (task, name) == ("xcopa", "question") or name.startswith("option"), (name, same)
        assert sum(content(job, other)[index]["chain"] == item["chain"] for job, other in FILES if job == task) == 1


@pytest.mark.parametrize(("task", "code"), FILES)
def test_chains_do_not_open_the_answer_line(task: str, code: str) -> None:
    opening = cue(code).strip().rstrip(":：").strip().casefold()
    assert opening
    for item in content(task, code):
        assert not item["chain"].casefold().endswith(opening)
        assert not re.search(rf"{re.escape(opening)}\s*[:：]", item["chain"].casefold()), item["chain"]


@pytest.mark.parametrize(("task", "code"), CHOSEN)
def test_the_answer_is_in_the_last_line_and_the_chain_says_no_other(task: str, code: str) -> None:
    labels = words(task, code)
    for item in content(task, code):
        chain = item["chain"]
        found = read_label(chain, code, labels)  # "Beide Sätze können nicht zugleich gelten" says it already
        assert found is None or (found.label == item["label"] and found.place == "sentence"), chain
        for label, word in labels.items():  # whatever is answered behind the chain is read, the chain notwithstanding
            answer = read_label(f"{chain}\n{cue(code)}{word}", code, labels)
            assert answer is not None and answer.label == label, (label, chain)
            assert not last_sentence(chain).rstrip(" .。।۔؟？").endswith((f" {word}", f"“{word}”"))
            assert not word.isdigit() or word not in numbers(chain), chain
            assert not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", chain) or not word[0].isupper(), (word, chain)


@pytest.mark.parametrize(("task", "code"), FILES)
def test_examples_are_prompted_like_rows(task: str, code: str) -> None:
    config = task_config(task)
    for item in content(task, code):
        row = prompted(Example(item["id"], code, task, "train", item["fields"], item["label"]), config, PromptConfig())
        assert row.answer == (words(task, code)[item["label"]] if config.choice_names else item["label"])
        for text in texts(task, item)[:-1]:
            assert text in row.messages[-1].content


@pytest.mark.parametrize(("task", "code"), FILES)
def test_numbers_are_those_of_the_english_file(task: str, code: str) -> None:
    if task not in ("mgsm", "pawsx"):  # elsewhere the numbers are small and written as words
        assert not any(numbers(text) for item in content(task, code) for text in texts(task, item))
        return
    for own, english in zip(content(task, code), content(task, "en"), strict=True):
        assert numbers(own["chain"]) == numbers(english["chain"]), own["chain"]
        for name, text in english["fields"].items():
            assert numbers(own["fields"][name]) == numbers(text), own["fields"][name]


@pytest.mark.parametrize("code", [code for task, code in FILES if task == "mgsm"])
def test_mgsm_chains_end_with_the_answer(code: str) -> None:
    for item in content("mgsm", code):
        assert re.findall(r"\d+", item["chain"])[-1] == item["label"], item["chain"]
        assert parse_number(f"{item['chain']}\n{cue(code)}{item['label']}", code) == Decimal(item["label"])
        assert parse_number(f"{item['chain']}\n{cue(code)}999", code) == 999  # the line counts, not the chain


def test_mgsm_chains_reckon_right() -> None:
    steps = 0
    for item in content("mgsm", "en"):
        known = numbers(item["fields"]["question"])
        results = []
        for reckoning, result in STEP.findall(item["chain"]):
            first, *rest = re.split(r" (times|plus|minus|divided by) ", reckoning)
            value = float(first)
            for operator, operand in zip(rest[::2], rest[1::2], strict=True):
                value = {"*": value * float(operand), "+": value + float(operand), "-": value - float(operand),
                         "/": value / float(operand)}[OPERATORS[operator]]  # fmt: skip
            assert value == float(result), reckoning
            results.append(result)
            steps += 1
        assert results[-1] == item["label"]
        # Nothing is made up: a number is given, was found in a step before, or is the 2 of "twice".
        assert set(numbers(item["chain"])) <= set(known) | set(results) | {"2"}
        assert item["chain"].count("that is") == len(results)
    assert steps == 10


@pytest.mark.parametrize("code", [code for task, code in FILES if task == "xwinograd"])
def test_xwinograd_has_one_blank_and_two_options(code: str) -> None:
    for item in content("xwinograd", code):
        fields = item["fields"]
        assert fields["sentence"].count("_") == 1 and not fields["sentence"].startswith("_")
        assert fields["option1"] != fields["option2"]
        assert "_" not in fields["option1"] + fields["option2"] + item["chain"]
