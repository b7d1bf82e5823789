"""The arguments of commands that take a recipe, and a task's keys: every mistake says what would be right."""

import pytest

from mslt_it.command import recipe_arguments as parse_arguments
from mslt_it.config.compose import load_recipe
from mslt_it.config.files import share_dir
from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import keys
from mslt_it.problems import Problem


def test_arguments() -> None:
    assert parse_arguments(["recipe=a", "scale=small", "--config-dir", "x", "seed=1"]) == (
        "a",
        ["scale=small", "seed=1"],
        "x",
    )
    assert parse_arguments(["--config-dir=x", "recipe=a"]) == ("a", [], "x")


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (
            [],
            r"^No recipe given\. Write recipe=NAME\. Known: afrisenti_3src, .*custom, .*xwinograd_3src\.$",
        ),
        (["xnli_3src"], r"Did you mean 'recipe=xnli_3src'\?"),
        (["recipe=a", "recipe=b"], "recipe is given twice: 'a' and 'b'"),
        (["recipe=a", "--config_dir", "x"], r"Unknown option '--config_dir'\. Did you mean '--config-dir'\?"),
        (["recipe=a", "--config-dir"], "--config-dir needs a folder"),
        (["recipe=a", "fast"], "'fast' is not KEY=VALUE"),
        (["recipe=a", "--multirun"], "--multirun is an option of Hydra, not of mslt. For many runs see mslt study"),
        (["recipe=a", "-m"], "-m is an option of Hydra, not of mslt"),
    ],
)
def test_mistakes_in_arguments(argv: list[str], text: str) -> None:
    with pytest.raises(Problem, match=text):
        parse_arguments(argv)


def test_shared_folders_and_keys() -> None:
    assert (share_dir("eval") / "prompts").is_dir()
    assert {"sources", "training.learning_rate", "data.items"} <= set(keys(Recipe))
    with pytest.raises(Problem, match="Folder 'nothing' is neither in"):
        share_dir("nothing")


def test_a_task_alone_implies_its_recipe() -> None:
    assert parse_arguments(["task=pawsx"])[0] == "pawsx_3src"
    assert parse_arguments(["task=custom", "task.data=a.csv"])[0] == "custom"
    assert parse_arguments(["recipe=xnli_1src", "task=pawsx"])[0] == "xnli_1src"
    with pytest.raises(Problem, match=r"^Unknown task 'xnil'\. Did you mean 'xnli'\?"):
        parse_arguments(["task=xnil"])


def test_short_forms_of_a_users_own_table() -> None:
    own = ["task.data=a.csv", "sources=[de,fr]", "targets=[en]"]
    recipe = load_recipe("custom", [*own, "task.input=body", "task.label=intent", "task.instruction='What, then?'"])
    assert recipe.task.input_fields == ("body",) and recipe.task.label_field == "intent"
    assert recipe.task.instruction == {"default": "What, then?"} and recipe.task.label_names == ()
    recipe = load_recipe("custom", [*own, "task.input=[title,body]", "task.instruction.tr='Niyet?'"])
    assert recipe.task.input_fields == ("title", "body") and recipe.task.instruction == {"tr": "Niyet?"}
    recipe = load_recipe("custom", [*own, "task.instruction={en: 'Which?', tr: 'Hangi?'}"])
    assert recipe.task.instruction == {"en": "Which?", "tr": "Hangi?"}
    assert load_recipe("xwinograd_3src").task.config_name("ja") == "jp"
    assert load_recipe("tydiqa_3src").task.config_name("sw") == "secondary_task"


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("task.metric=span_f1", "task.metric=span_f1 does not fit task.shape=classification. "),
        ("task.optional_fields=[hint]", "task.optional_fields: 'hint' is not in task.input_fields"),
        ("task.group_fields=[hint]", "task.group_fields: 'hint' is not in task.input_fields"),
        ("task.shape=tags", "task.shape=tags is unknown. Did you mean 'tagging'?"),
        ("data.leaks=keep", "data.leaks=keep is unknown."),
        ("task.max_answer_tokens=0", "task.max_answer_tokens=0 is out of range."),
    ],
)
def test_mistakes_in_a_tasks_keys(override: str, text: str) -> None:
    with pytest.raises(Problem) as caught:
        load_recipe("xnli_3src", [override])
    assert str(caught.value).startswith(text)


def test_tagging_says_that_it_needs_kinds_of_names() -> None:
    asked = ["task.shape=tagging", "task.metric=span_f1", "task.data=my", "sources=[en]", "targets=[de]"]
    with pytest.raises(Problem, match=r"task.label_names=\[\] must .* such as task.label_names=\[PER,ORG,LOC\]\."):
        load_recipe("custom", asked)
    assert load_recipe("custom", [*asked, "task.label_names=[PER,ORG,LOC]"]).task.label_names == ("PER", "ORG", "LOC")
