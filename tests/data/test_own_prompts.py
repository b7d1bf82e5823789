"""Prompts of task=custom, phrases in place of values, and lines that are left out where an optional field is empty."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_world import with_prompts

from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.config.schema import FrozenDict
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.problems import Problem
from mslt_it.records import Example

PROMPT = PromptConfig()


def own(**changes: object) -> TaskConfig:
    values: dict[str, object] = {"name": "custom", "input_fields": ("text",), "label_names": ("pay", "ask")}
    if isinstance(changes.get("instruction"), dict):
        changes["instruction"] = FrozenDict(changes["instruction"])  # type: ignore[arg-type]
    return TaskConfig(**{**values, **changes})  # type: ignore[arg-type]


def row(language: str = "tr", label: str = "pay", **fields: str) -> Example:
    return Example("1", language, "custom", "train", fields or {"text": "Merhaba {text} {x}"}, label)


def text(task: TaskConfig, example: Example) -> str:
    return prompted(example, task, PROMPT).messages[-1].content


def test_without_an_instruction_an_english_one_and_the_labels_are_shown() -> None:
    assert text(own(), row()) == "Which of these fits the text?\nMerhaba {text} {x}\npay / ask"
    found = prompted(row(), own(), PROMPT)
    assert (found.answer, found.choices, found.label) == ("pay", ("pay", "ask"), "pay")
    assert "task.instruction is not given" in prompt_file(own(), "tr", PROMPT).note


def test_an_instruction_in_each_language_and_english_elsewhere_with_a_note() -> None:
    task = own(instruction={"en": "Intent?", "tr": "Niyet?"})
    assert text(task, row()).startswith("Niyet?\nMerhaba")
    assert text(task, row("sw")).startswith("Intent?\n")
    assert prompt_file(task, "tr", PROMPT).note == ""
    assert "no task.instruction of its own" in prompt_file(task, "sw", PROMPT).note
    assert text(own(instruction={"default": "All: {{x}}"}), row("sw")).startswith("All: {x}\n")  # doubled: text


def test_an_instruction_may_say_where_the_text_goes() -> None:
    task = own(instruction={"en": "Which intent has «{text}»?"})
    assert text(task, row("en")) == "Which intent has «Merhaba {text} {x}»?\npay / ask"


def test_several_fields_are_named_and_free_text_lists_no_labels() -> None:
    task = own(input_fields=("title", "body"), shape="free_text", label_names=(), instruction={"en": "Sum up."})
    found = prompted(row("en", "short", title="T", body="B"), task, PROMPT)
    assert (
        found.messages[-1].content == "Sum up.\ntitle: T\nbody: B" and found.choices == () and found.answer == "short"
    )


def test_an_instruction_for_no_language_at_hand_is_refused() -> None:
    with pytest.raises(Problem, match=r"no text for language 'sw'.*task\.instruction\.sw=.*It has: tr"):
        prompt_file(own(instruction={"tr": "Niyet?"}), "sw", PROMPT)


def files(folder: Path, content: str) -> Path:
    (folder / "toy").mkdir()
    (folder / "toy" / "en.yaml").write_text(content, encoding="utf-8")
    return folder


def test_a_value_is_shown_as_its_phrase_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    content = 'templates: ["{a}: {q}"]\nwording: {q: {cause: "Why?", effect: "What then?"}}\n'
    task = TaskConfig(name="toy", shape="free_text", input_fields=("a", "q"), label_names=())
    folder = files(tmp_path, content)
    example = Example("1", "en", "toy", "train", {"a": "x", "q": "cause"}, "y")
    assert prompted(example, with_prompts(task, folder), PROMPT).messages[-1].content == "x: Why?"
    bad = Example("1", "en", "toy", "train", {"a": "x", "q": "cuase"}, "y", origin="f.tsv:line 3")
    with pytest.raises(Problem, match=r"f\.tsv:line 3: q='cuase' has no wording in .*en\.yaml\. Did you mean 'cause'"):
        prompted(bad, with_prompts(task, folder), PROMPT)


@pytest.mark.parametrize(
    ("wording", "message"),
    [
        ("[a]", "wording: .* is not a mapping"),
        ("{z: {a: b}}", "wording is given for the unknown field 'z'"),
        ("{q: {cause: ''}}", "wording of 'q' must map each value to a phrase"),
    ],
)
def test_wording_that_is_off(tmp_path: Path, wording: str, message: str) -> None:
    task = TaskConfig(name="toy", shape="free_text", input_fields=("q",), label_names=())
    folder = files(tmp_path, f'templates: ["{{q}}"]\nwording: {wording}\n')
    with pytest.raises(Problem, match=message):
        prompt_file(with_prompts(task, folder), "en", PROMPT)


def test_a_line_with_an_empty_optional_field_is_left_out(tmp_path: Path) -> None:
    folder = files(tmp_path, 'templates: ["Do: {a}\\nInput: {b}\\nAnswer."]\n')
    task = TaskConfig(name="toy", shape="free_text", input_fields=("a", "b"), optional_fields=("b",), label_names=())
    full = Example("1", "en", "toy", "train", {"a": "x", "b": "z"}, "y")
    empty = Example("2", "en", "toy", "train", {"a": "x", "b": " "}, "y")
    assert prompted(full, with_prompts(task, folder), PROMPT).messages[-1].content == "Do: x\nInput: z\nAnswer."
    assert prompted(empty, with_prompts(task, folder), PROMPT).messages[-1].content == "Do: x\nAnswer."
