from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_world import with_prompts

from mslt_it.config.recipe import PromptConfig, TaskConfig
from mslt_it.data.mixing import hash_key
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.problems import Problem
from mslt_it.records import Example

TASK = TaskConfig(name="toy")
Make = Callable[..., Example]


def test_native_prompt(example: Make, prompts_dir: Path) -> None:
    result = prompted(example("एक", "दो", language="hi"), with_prompts(TASK, prompts_dir), PromptConfig())
    assert [(m.role, m.content) for m in result.messages] == [("user", "एक\nदो\nसही?")]
    assert (result.answer, result.choices, result.label) == ("शायद", ("हाँ", "शायद", "नहीं"), "neutral")


def test_english_prompt_and_fallback(example: Make, prompts_dir: Path) -> None:
    english = PromptConfig(language="english")
    assert prompted(example("एक", "दो", language="hi"), with_prompts(TASK, prompts_dir), english).answer == "Maybe"
    assert not prompt_file(with_prompts(TASK, prompts_dir), "hi", english).note
    fallback = prompt_file(with_prompts(TASK, prompts_dir), "sw", PromptConfig())
    assert fallback.path.name == "en.yaml" and "no prompt file of its own" in fallback.note
    assert not prompt_file(with_prompts(TASK, prompts_dir), "de-AT", PromptConfig()).note


def test_braces_in_user_text_stay_text(example: Make, prompts_dir: Path) -> None:
    row = example("{hypothesis} {0} {premise.__class__}", "{premise} }{")
    assert (
        prompted(row, with_prompts(TASK, prompts_dir), PromptConfig()).messages[0].content
        == "{hypothesis} {0} {premise.__class__}\n{premise} }{\nTrue?"
    )


def test_templates_by_index_and_mixed(example: Make, prompts_dir: Path) -> None:
    second = prompted(example("a", "b"), with_prompts(TASK, prompts_dir), PromptConfig(template="1"))
    assert second.messages[0].content == "True? a / b"
    mixed = PromptConfig(template="mixed")
    task, rows = with_prompts(TASK, prompts_dir), [example("a", "b", id=f"x:{i}") for i in range(20)]
    asked = ("a\nb\nTrue?", "True? a / b")
    drawn = [asked[hash_key("template", row.id) % 2] for row in rows]  # the same in every version
    assert [prompted(row, task, mixed).messages[0].content for row in rows] == drawn and len(set(drawn)) == 2
    with pytest.raises(Problem, match=r"template=2: .* has 2 templates\. Write a number from 0 to 1"):
        prompted(example(), with_prompts(TASK, prompts_dir), PromptConfig(template="2"))


GOOD = 'labels: {entailment: "Yes", neutral: "Maybe", contradiction: "No"}\ntemplates: ["{premise} {hypothesis}"]\n'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("templates:", "template:", r"Unknown key 'template' in .*en\.yaml\. Did you mean 'templates'"),
        ('"Yes"', "Yes", r"labels\.entailment: True is a YAML boolean.*quotes"),
        ('neutral: "Maybe", ', "", r"label 'neutral' of task.label_names has no word"),
        ("neutral:", "netural:", r"'netural' is not in task.label_names. Did you mean 'neutral'"),
        ('"Maybe"', '"Not sure"', r"'No' \(contradiction\) is a prefix of 'Not sure'"),
        ('"Maybe"', '"No"', r"'No' .* is a prefix of 'No'"),
        ("{premise} ", "{premis} ", r"unknown placeholder \{premis\}. Did you mean 'premise'"),
        ("{premise} ", "", r"never shows \{premise\}"),
        ('["{premise} {hypothesis}"]', "[]", r"templates=\[\] is empty"),
        ("labels: {", "labels: [{", r"not valid YAML"),
        ("templates: ", "system: Be brief.\ntemplates: ", r"Unknown key 'system'"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, example: Make, old: str, new: str, message: str) -> None:
    (tmp_path / "toy").mkdir()
    path = tmp_path / "toy" / "en.yaml"
    path.write_text(GOOD)
    assert prompted(example("a", "b"), with_prompts(TASK, tmp_path), PromptConfig()).messages[0].content == "a b"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(Problem, match=message) as caught:
        prompted(example("a", "b"), with_prompts(TASK, tmp_path), PromptConfig())
    assert "en.yaml" in str(caught.value)


def test_yaml_tags_run_nothing(tmp_path: Path, example: Make) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "en.yaml").write_text(f"labels: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n")
    with pytest.raises(Problem, match="not valid YAML"):
        prompted(example(), with_prompts(TASK, tmp_path), PromptConfig())
    assert not (tmp_path / "made").exists()


def test_a_missing_file_says_what_is_there(tmp_path: Path, example: Make) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "de.yaml").write_text(GOOD)
    with pytest.raises(Problem, match=r"for language .fr., and none in English. Found: de"):
        prompted(example(language="fr"), with_prompts(TASK, tmp_path), PromptConfig())


def test_free_answers(tmp_path: Path, example: Make) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "en.yaml").write_text('templates: ["{premise} {hypothesis}"]\n')
    task = with_prompts(dataclasses.replace(TASK, label_names=()), tmp_path)
    result = prompted(example("a", "b", label="2,125"), task, PromptConfig())
    assert (result.answer, result.choices) == ("2,125", ())


def test_every_shipped_prompt_file_is_valid() -> None:
    from mslt_it.config.files import share_dir

    files = sorted((share_dir("eval") / "prompts" / "xnli").glob("*.yaml"))
    assert files
    for path in files:
        assert prompt_file(TaskConfig(), path.stem, PromptConfig()).path == path
