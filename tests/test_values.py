"""Values on the command line are the user's own: whatever the script and the signs, in every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from mslt_it import api, values
from mslt_it.command import parse
from mslt_it.command import recipe_arguments as parse_arguments
from mslt_it.config.compose import load_recipe, resolved_yaml
from mslt_it.config.schema import written
from mslt_it.evaluation.options import ARGUMENTS
from mslt_it.problems import Problem
from mslt_it.study.config import load_study

OWN = ["task.data=a.csv", "sources=[de,fr]", "targets=[en]"]
TEXTS = [
    "Bu müşteri ne istiyor?",
    "ماذا يريد هذا العميل؟",
    "这位顾客想要什么？（选一个）",
    "What's the customer's intent?",
    'Is it "delivery" or "refund"?',
    '"{text}" - what is meant?',
    "A, B or C",
    "(a) or [b]",
    "[urgent] what is it?",
    "{text}: was ist das?",
    "{text}",
    "{title} - {text}",
    "a=b, c==d",
    "a: b",
    "# one % of ~ @home; $5 & 6 | 7 > 8 < 9 * ? ! ^ `",
    r"C:\Daten\neu",
    "ends with a backslash \\",
    "one line\nand another",
    " two  spaces ",
    "no",
    "on",
    "true",
    "12",
    "1e5",
    "007",
    "0x1F",
    "null and void",
    "don\u2019t \u201cquote\u201d",
    "\U0001f600",
]
PATHS = [
    "josé (1).csv",
    "a=b.csv",
    "数据.csv",
    "~/rows.csv",
    "a, b.csv",
    "[old] rows.csv",
    "it's.csv",
    "100%.csv",
    r"C:\rows\new.csv",
    "no",
    "2024",
    "user/name@main",
    "a#b.csv",
    "+x.csv",
]


@pytest.mark.parametrize("text", TEXTS)
def test_an_instruction_is_what_was_written(text: str, tmp_path: Path) -> None:
    recipe = load_recipe("custom", [*OWN, f"task.instruction.tr={text}", "task.instruction.en=x"])
    assert recipe.task.instruction == {"tr": text, "en": "x"}
    alone = load_recipe("custom", [*OWN, f"task.instruction={text}"])
    assert alone.task.instruction == {"default": text}
    (tmp_path / "again.yaml").write_text(resolved_yaml(recipe), encoding="utf-8")  # as a run keeps it
    assert load_recipe("again", [], tmp_path) == recipe


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_what_was_written(path: str, tmp_path: Path) -> None:
    recipe = load_recipe("custom", [*OWN, f"task.data={path}", f"output_dir={path}", f"model.path={path}"])
    assert (recipe.task.data, recipe.output_dir, recipe.model.path) == (path, path, path)
    (tmp_path / "again.yaml").write_text(resolved_yaml(recipe), encoding="utf-8")
    assert load_recipe("again", [], tmp_path) == recipe
    call = parse(ARGUMENTS, [f"run={path}", f"out={path}", f"task.data={path}"])
    assert (call.options.run, call.options.out, call.rest) == ((path,), path, (f"task.data={path}",))
    listed = f"'{path}'" if "," in path else path
    assert parse(ARGUMENTS, [f"run=[{listed},b]"]).options.run == (path.strip(), "b")


@pytest.mark.parametrize(
    "column", ["customer message", "e-mail", "文本", "a,b", "a (b)", "x=y", "it's", "label: a", "on"]
)
def test_a_column_is_what_was_written(column: str) -> None:
    recipe = load_recipe("custom", [*OWN, f"task.input={column}", f"task.label={column}2"])
    assert (recipe.task.input_fields, recipe.task.label_field) == ((column,), f"{column}2")
    listed = f'"{column}"' if "," in column else column
    assert load_recipe("custom", [*OWN, f"task.input=[title, {listed}]"]).task.input_fields == ("title", column)


def test_labels_and_languages_that_yaml_takes_for_booleans_are_texts() -> None:
    recipe = load_recipe(
        "xnli_3src", ["sources=[no,de]", "task.label_names=[no,yes,on,true]", "task.configs.tr=off", "task.data=rows"]
    )
    assert recipe.sources == ("no", "de") and recipe.task.label_names == ("no", "yes", "on", "true")
    assert recipe.task.configs["tr"] == "off"
    study = load_study("mini", ["targets=[no,sv]", "seeds=[0, 3]", "task.label_names=[no,yes]"])
    assert (study.targets, study.seeds) == (("no", "sv"), (0, 3))
    assert study.overrides[-1] == "task.label_names=[no,yes]"


def test_one_pair_of_quotes_around_the_whole_holds_a_text_together() -> None:
    assert values.unquoted("'What, then?'") == "What, then?" and values.unquoted('"a"') == "a"
    assert values.unquoted("'it\\'s'") == "it's" and values.unquoted("''") == ""
    assert values.unquoted('"A" or "B"') == '"A" or "B"' and values.unquoted("it's") == "it's"
    assert values.unquoted("'\"a\"'") == '"a"'  # the other kind of quotes keeps them
    assert load_recipe("custom", [*OWN, "output_dir='null'"]).output_dir == "null"
    assert load_recipe("custom", [*OWN, "output_dir=null"]).output_dir is None


def test_lists_and_mappings_hold_any_text() -> None:
    assert values.items("[don't,won't, a[1].csv]") == ["don't", "won't", "a[1].csv"]
    assert values.items("[\"a, b\", 'c, d' ,e]") == ["a, b", "c, d", "e"] and values.items("[]") == []
    assert values.items("[a,]") == ["a", ""] and values.items("[a") is None and values.items("a,b") is None
    found = values.mapping("{en: Which, then?, tr: 'Hangi, ki: bu?', 'e n c': x}")
    assert found == [("en", "Which, then?"), ("tr", "Hangi, ki: bu?"), ("e n c", "x")]
    assert values.mapping("{}") == [] and values.mapping("{text}: what? {hint}") is None
    instruction = load_recipe("custom", [*OWN, "task.instruction={en: Which?, tr: Hangi, ki?}"]).task.instruction
    assert instruction == {"en": "Which?", "tr": "Hangi, ki?"}


def test_the_word_for_nothing_may_be_written_as_the_message_says() -> None:
    with pytest.raises(Problem, match=r"for the word itself write model\.path=") as caught:
        load_recipe("xnli_3src", ["model.path=null"])
    written = str(caught.value).rpartition("write ")[2].rstrip(".").replace("'", "")  # what the shell hands over
    assert load_recipe("xnli_3src", [written]).model.path == "null"


@pytest.mark.parametrize("name", ["josé (1)", "a=b", "数据", "it's, [x] {y}", "back\\slash"])
def test_folders_and_recipes_may_have_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    (folder / "scale").mkdir(parents=True)
    (folder / "scale" / f"{name}.yaml").write_text("# @package _global_\nseed: 7\n", encoding="utf-8")
    defaults = "defaults: [recipe_schema, scale: mini, task: xnli, _self_]"
    own = f"{defaults}\nname: own\nsources: [en]\ntargets: [tr]\n"
    (folder / f"{name}.yaml").write_text(own, encoding="utf-8")
    given = parse_arguments([f"recipe={name}", f"scale={name}", f"--config-dir={folder}"])
    assert given[0] == name
    assert load_recipe(*given).seed == 7 and load_recipe("xnli_3src", [f"scale={name}"], folder).seed == 7


def test_the_last_of_two_holds_and_a_mapping_keeps_its_other_keys() -> None:
    assert load_recipe("xnli_3src", ["seed=1", "seed=2"]).seed == 2
    both = [*OWN, "task.instruction.en=a", "task.instruction={tr:b}", "task.instruction.tr=c"]
    assert load_recipe("custom", both).task.instruction == {"en": "a", "tr": "c"}


@pytest.mark.parametrize("number", [1.23456789e-4, 1 / 3, 1e-5, 2.0, 0.1])
def test_a_number_is_written_as_the_number_it_is(number: float) -> None:
    assert float(written(number)) == number and written([number]) == f"[{written(number)}]"
    with pytest.raises(Problem, match=r"overrides='seed=1' is a text, not a list\. Write \['seed=1'\]\."):
        api.load_recipe("xnli_3src", "seed=1")
    small = number if number < 1 else 0.5
    assert api.load_recipe("xnli_3src", training={"learning_rate": small}).training.learning_rate == small


def test_a_tilde_is_a_home_folder_or_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/a")
    assert values.path("~/b.csv") == Path("/home/a/b.csv")
    assert values.path("~draft.csv") == Path("~draft.csv")  # nobody is called draft.csv
    assert values.path("a~b.csv") == Path("a~b.csv")
