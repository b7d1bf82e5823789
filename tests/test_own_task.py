"""A task of the user's own in one folder: task/NAME.yaml and prompts/NAME/LANGUAGE.yaml, given with --config-dir."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from mslt_it import cli
from mslt_it.command import recipe_arguments
from mslt_it.config.compose import load_recipe, resolved_yaml
from mslt_it.data.prompts import prompt_file, prompted
from mslt_it.evaluation.request import parse_request
from mslt_it.problems import Problem
from mslt_it.records import Example

TASK = """\
# mslt train task=tickets --config-dir my 'sources=[en,de]' targets=rest
# What a customer's message is about.
name: tickets
data: {data}
input_fields: [text]
label_field: intent
label_names: [delivery, refund]
license: ours
"""
PROMPT = "labels: {{delivery: {}, refund: {}}}\ntemplates:\n  - |-\n    {}: {{text}}\n    Topic?\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [f"{code}\tmessage {i}\t{('delivery', 'refund')[i % 2]}" for code in ("en", "de", "tr") for i in range(40)]
    (tmp_path / "rows.tsv").write_text("\n".join(["lang\ttext\tintent", *rows]) + "\n", encoding="utf-8")
    own = tmp_path / "my"
    (own / "task").mkdir(parents=True)
    (own / "task" / "tickets.yaml").write_text(TASK.format(data=tmp_path / "rows.tsv"), encoding="utf-8")
    (own / "prompts" / "tickets").mkdir(parents=True)
    for code, words in {"en": ("delivery", "refund", "Message"), "de": ("Lieferung", "Geld", "Nachricht")}.items():
        (own / "prompts" / "tickets" / f"{code}.yaml").write_text(PROMPT.format(*words), encoding="utf-8")
    return own


def composed(folder: Path):  # type: ignore[no-untyped-def]
    name, overrides, config_dir = recipe_arguments(
        ["task=tickets", "sources=[en,de]", "targets=[tr]", "--config-dir", str(folder)]
    )
    return load_recipe(name, overrides, config_dir)


def test_its_prompts_are_used_and_english_where_a_language_has_none(folder: Path) -> None:
    recipe = composed(folder)
    assert (recipe.name, recipe.task.name, recipe.sources) == ("tickets", "tickets", ("en", "de"))
    row = Example("1", "de", "tickets", "train", {"text": "wo ist es {x}"}, "refund")
    item = prompted(row, recipe.task, recipe.prompt)
    assert item.messages[-1].content == "Nachricht: wo ist es {x}\nTopic?"
    assert (item.answer, item.choices) == ("Geld", ("Lieferung", "Geld"))
    assert "prompted in English" in prompt_file(recipe.task, "tr", recipe.prompt).note


def test_a_run_keeps_them_and_its_fingerprint_is_of_their_text(folder: Path, tmp_path: Path) -> None:
    recipe = composed(folder)
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text(resolved_yaml(recipe), encoding="utf-8")
    changed = folder / "prompts" / "tickets" / "de.yaml"
    changed.write_text(changed.read_text(encoding="utf-8").replace("Geld", "Erstattung"), encoding="utf-8")
    assert composed(folder).run_fingerprint() != recipe.run_fingerprint()
    shutil.rmtree(folder)
    again = load_recipe("config", config_dir=run)
    assert again == recipe and again.run_fingerprint() == recipe.run_fingerprint()


def test_words_about_the_data_are_not_part_of_the_fingerprint(folder: Path) -> None:
    recipe = composed(folder)
    other = dataclasses.replace(recipe, task=dataclasses.replace(recipe.task, license="MIT", citation="us"))
    assert other.run_fingerprint() == recipe.run_fingerprint()


def test_it_is_evaluated_without_a_run(folder: Path) -> None:
    request = parse_request(["model=world", "task=tickets", f"--config-dir={folder}"])
    assert request.languages == {"tickets": ("de", "en", "tr")}
    assert set(request.recipes[0].task.prompts) == {"de", "en"}


def test_it_is_listed_and_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tasks", "--config-dir", str(folder)]) == 0
    assert "What a customer's message is about." in capsys.readouterr().out
    assert cli.main(["tasks", "tickets", "language=de", f"--config-dir={folder}"]) == 0
    shown = capsys.readouterr().out
    assert "Nachricht: <text>" in shown and "(of Lieferung = delivery, Geld = refund)" in shown and "ours" in shown


def test_mistakes_say_where(folder: Path) -> None:
    own = folder / "prompts" / "tickets"
    (own / "de.yaml").write_text("labels: {delivery: ja}\ntemplates: ['{text}']\n", encoding="utf-8")
    with pytest.raises(Problem, match=r"^prompts/tickets/de\.yaml: label 'refund' of task\.label_names has no word"):
        prompt_file(composed(folder).task, "de", composed(folder).prompt)
    (own / "de.yaml").write_text("templates: ['${oc.env:HOME}']\n", encoding="utf-8")
    with pytest.raises(Problem, match=r"de\.yaml holds \$\{\.\.\.\}, which is not filled in"):
        composed(folder)
    shutil.rmtree(own)
    recipe = composed(folder)
    remedy = r"No prompt file of task 'tickets' .* Write prompts/tickets/en\.yaml .* task\.instruction="
    with pytest.raises(Problem, match=remedy):
        prompt_file(recipe.task, "de", recipe.prompt)
    (folder / "task" / "tickets.yaml").write_text("name: tickets\nlabels_names: [a]\n", encoding="utf-8")
    with pytest.raises(Problem, match=r"Unknown key 'task\.labels_names' in 'task/tickets'\. Did you mean"):
        composed(folder)
