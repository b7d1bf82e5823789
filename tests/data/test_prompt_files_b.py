"""The prompt files of XCOPA, XWinograd, XStoryCloze and MGSM, in every language that they are asked in."""

from __future__ import annotations

import itertools
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from written_in import WORLD, assert_letters

from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.records import Example

PROMPTS = Path(__file__).parents[2] / "eval" / "prompts"
LANGUAGES = {
    "xcopa": (*WORLD, "et", "it", "ta"),
    "xwinograd": (*WORLD, "pt"),
    "xstorycloze": (*WORLD, "te"),
    "mgsm": (*WORLD, "bn", "te"),
}
FIELDS = {
    "xcopa": ("premise", "choice1", "choice2", "question"),
    "xwinograd": ("sentence", "option1", "option2"),
    "xstorycloze": (*(f"input_sentence_{n}" for n in range(1, 5)), "sentence_quiz1", "sentence_quiz2"),
    "mgsm": ("question",),
}
LABELS = {"first": "1", "second": "2"}
CHOICE_TASKS = ("xcopa", "xwinograd", "xstorycloze")
OPTIONS = {
    "xcopa": ("choice1", "choice2"),
    "xwinograd": ("option1", "option2"),
    "xstorycloze": ("sentence_quiz1", "sentence_quiz2"),
}
QUESTION_MARKS = {"ar": "؟", "ur": "؟", "el": ";", "ja": "？", "zh": "？", "fr": " ?", "th": ""}  # elsewhere "?"
FULL_STOPS = {"hi": "।", "bn": "।", "ur": "۔", "ja": "。", "zh": "。", "th": ""}  # elsewhere "."
FILES = [(task, code) for task, codes in LANGUAGES.items() for code in codes]
CHOICE_FILES = [(task, code) for task, code in FILES if task in CHOICE_TASKS]


def content(task: str, code: str) -> dict[str, Any]:
    loaded = yaml.safe_load((PROMPTS / task / f"{code}.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def texts(task: str, code: str) -> list[str]:
    """Every text of a file that a reader sees, placeholders removed."""
    file = content(task, code)
    phrases = [phrase for of_field in file.get("wording", {}).values() for phrase in of_field.values()]
    return [re.sub(r"\{\w+\}", "", text) for text in (*file["templates"], *phrases)]


def instruction(template: str) -> str:
    """The template without the lines that show input."""
    return "\n".join(line for line in template.split("\n") if not re.search(r"\{(?!question)\w+\}", line))


def task_config(task: str) -> TaskConfig:
    if task == "mgsm":
        return TaskConfig(name=task, shape="free_text", input_fields=FIELDS[task], label_names=())
    return TaskConfig(name=task, input_fields=FIELDS[task], label_names=tuple(LABELS))


def row(task: str, code: str, **fields: str) -> Example:
    values = {name: f"<{name}>" for name in FIELDS[task]} | fields
    label = "18" if task == "mgsm" else "second"
    return Example(id="test:1", language=code, task=task, split="test", label=label, fields=values)


@pytest.mark.parametrize("task", LANGUAGES)
def test_every_language_of_the_task_has_a_file_and_no_other(task: str) -> None:
    assert sorted(path.name for path in (PROMPTS / task).iterdir()) == sorted(f"{c}.yaml" for c in LANGUAGES[task])


@pytest.mark.parametrize(("task", "code"), FILES)
def test_keys_labels_and_first_line(task: str, code: str) -> None:
    file = content(task, code)
    own = {"xcopa": ["labels", "wording", "templates", "cloze"], "mgsm": ["templates"]}
    own["xstorycloze"] = ["labels", "templates", "cloze"]
    assert list(file) == own.get(task, ["labels", "templates"])
    assert file.get("labels", LABELS) == LABELS
    assert len(file["templates"]) >= (3 if code == "en" else 1)
    raw = (PROMPTS / task / f"{code}.yaml").read_text(encoding="utf-8")
    assert re.match(r"# .+ in [A-Z]\w+\. Data only: \{.+\n", raw)
    assert raw == unicodedata.normalize("NFC", raw)
    assert not re.search(r"[\u00a0\u200b-\u200f\u202a-\u202f\u2066-\u2069\ufeff\t\r]", raw), "an unseen character"


@pytest.mark.parametrize(("task", "code"), FILES)
def test_placeholders_are_the_fields_in_their_order(task: str, code: str) -> None:
    for template in content(task, code)["templates"]:
        shown = re.findall(r"\{(\w+)\}", template)
        assert sorted(shown) == sorted(FIELDS[task]), template  # each once
        ordered = [name for name in shown if name != "question"]
        assert ordered == [name for name in FIELDS[task] if name != "question"], template
        assert not re.search(r"[{}]", re.sub(r"\{\w+\}", "", template)), template


@pytest.mark.parametrize(("task", "code"), CHOICE_FILES)
def test_options_are_numbered_and_the_instruction_names_both_answers(task: str, code: str) -> None:
    for template in content(task, code)["templates"]:
        for word, option in zip(LABELS.values(), OPTIONS[task], strict=True):
            (line,) = (line for line in template.split("\n") if f"{{{option}}}" in line)
            before, after = line.split(f"{{{option}}}")
            assert re.findall(r"\d", before) == [word] and not after, template
        asked = template.split("\n")[-1]
        assert re.findall(r"\d", asked) == ["1", "2"], asked
        assert re.findall(r"\d", instruction(template)) == ["1", "2"], template


@pytest.mark.parametrize("code", LANGUAGES["xwinograd"])
def test_the_blank_is_explained(code: str) -> None:
    for template in content("xwinograd", code)["templates"]:
        assert instruction(template).count("_") == 1, template


@pytest.mark.parametrize("code", LANGUAGES["mgsm"])
def test_word_problems_show_no_number_of_their_own(code: str) -> None:
    assert all(not re.search(r"\d", text) for text in texts("mgsm", code))


@pytest.mark.parametrize("code", LANGUAGES["xcopa"])
def test_causes_and_effects_are_asked_differently(code: str) -> None:
    wording = content("xcopa", code)["wording"]
    assert list(wording) == ["question"] and list(wording["question"]) == ["cause", "effect"]
    cause, effect = wording["question"].values()
    assert cause != effect
    for phrase in (cause, effect):
        assert phrase.endswith(QUESTION_MARKS.get(code, "?")) and "\n" not in phrase
        assert phrase.startswith("¿") == (code == "es")


@pytest.mark.parametrize(("task", "code"), FILES)
def test_text_is_in_the_script_of_its_language(task: str, code: str) -> None:
    for text in texts(task, code):
        assert_letters(text, code)


@pytest.mark.parametrize(("task", "code"), FILES)
def test_punctuation_is_that_of_the_language(task: str, code: str) -> None:
    mark, stop = QUESTION_MARKS.get(code, "?"), FULL_STOPS.get(code, ".")
    foreign = set("?;؟？।۔。,،.") - set(mark) - set(stop) - {"،" if code in ("ar", "ur") else ","}
    if code in ("ja", "zh"):
        foreign |= set(":;,()!")
    for text in texts(task, code):
        text = re.sub(r"(?m)^[12]\. ", "", text)  # numbers of a list are written so in every language
        assert not foreign & set(text), text
        if code == "es":
            assert text.count("¿") == text.count("?"), text
        if code == "fr":
            assert not re.search(r"[^ \n][?!:;]", text), text
    if code != "en":
        assert all(template.endswith(stop) for template in content(task, code)["templates"])


@pytest.mark.parametrize("code", [code for code in WORLD if code != "en"])
def test_one_language_asks_for_the_answer_in_the_same_words_in_every_task(code: str) -> None:
    last = [content(task, code)["templates"][0].split("\n")[-1] for task in CHOICE_TASKS]
    backwards = zip(*(reversed(line) for line in last), strict=False)
    shared_end = [same[0] for same in itertools.takewhile(lambda column: len(set(column)) == 1, backwards)]
    assert [character for character in shared_end if character.isdecimal()] == ["2", "1"], last
    assert len(set(last)) == len(CHOICE_TASKS), "two tasks ask the same question"


@pytest.mark.parametrize("task", LANGUAGES)
def test_no_text_was_left_in_another_language(task: str) -> None:
    for one, other in itertools.combinations(LANGUAGES[task], 2):
        lines = [{line for text in texts(task, code) for line in text.split("\n")} for code in (one, other)]
        # Bulgarian and Russian share words; whole lines with a verb in them they do not.
        assert not {line for line in lines[0] & lines[1] if len(line.split()) > 2}, f"{one} and {other}"


@pytest.mark.parametrize("task", LANGUAGES)
def test_english_templates_are_worded_differently(task: str) -> None:
    words = [set(re.findall(r"[a-z]+", instruction(t).lower())) for t in content(task, "en")["templates"]]
    for one, other in itertools.combinations(words, 2):
        assert len(one & other) < 0.6 * len(one | other), one & other


@pytest.mark.parametrize(("task", "code"), FILES)
def test_the_prompt_shows_the_row_and_nothing_unfilled(task: str, code: str) -> None:
    config = task_config(task)
    file = prompt_file(config, code, PromptConfig())
    assert file.path == PROMPTS / task / f"{code}.yaml" and not file.note
    for number in range(len(file.templates)):
        fields = {"question": "effect"} if task == "xcopa" else {}
        result = prompted(row(task, code, **fields), config, PromptConfig(template=str(number)))
        (message,) = result.messages
        assert not re.search(r"[{}]", message.content)
        for name in FIELDS[task]:
            shown = content(task, code)["wording"]["question"]["effect"] if name in fields else f"<{name}>"
            assert message.content.count(shown) == 1, message.content
        if task == "mgsm":
            assert (result.answer, result.choices) == ("18", ())
        else:
            assert (result.answer, result.choices) == ("2", ("1", "2"))


@pytest.mark.parametrize("task", LANGUAGES)
def test_the_task_file_has_these_fields_and_labels(task: str) -> None:
    path = PROMPTS.parents[1] / "recipes" / "task" / f"{task}.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert sorted(config["input_fields"]) == sorted(FIELDS[task])
    assert config.get("label_names", []) == list(task_config(task).label_names)
    assert config.get("shape", "classification") == task_config(task).shape
