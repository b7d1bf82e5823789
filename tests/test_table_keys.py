"""Names of a user's own columns and labels on the command line: texts, whatever they look like."""

from __future__ import annotations

import shlex

import pytest

from mslt_it.config.compose import load_recipe, resolved_yaml
from mslt_it.config.overrides import assign, split
from mslt_it.config.table_keys import argument, mapping_arguments

ODD = ["null", "-1", "nan", "yes", "1.0", "a b", "a, b", "[x]", "x=y", "it's", 'say "so"', "-", "n/a", "{a: b}", "#1",
       "標籤", "a: b", "~", "*", "&x", "$x", "\\", " a", "%", "!", "?", "a]", ">=5", "true", "", "'q'"]  # fmt: skip


def read(arguments: list[str]) -> dict[str, object]:
    """The task's keys that the arguments give a value."""
    content: dict[str, dict[str, object]] = {"task": {"labels": {}, "columns": {}}}
    assign(content, split(arguments)[1])
    return {k: list(v) if isinstance(v, tuple) else v for k, v in content["task"].items() if v != {}}


@pytest.mark.parametrize("name", ODD)
def test_what_a_message_shows_is_read_as_what_it_meant(name: str) -> None:
    (word,) = shlex.split(argument("task.label_names", [name, "other"]))
    assert read([word]) == {"label_names": [name, "other"]}
    assert read(shlex.split(mapping_arguments("task.labels", {name: "card"}))) == {"labels": {name: "card"}}
    if name:
        assert read(shlex.split(mapping_arguments("task.columns", {"text": name}))) == {"columns": {"text": name}}
        assert read(shlex.split(argument("task.label", name))) == {"label_field": name}


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("task.input=customer message", {"input_fields": ["customer message"]}),
        ("task.input=text [en]", {"input_fields": ["text [en]"]}),
        ("task.input=[en] text", {"input_fields": ["[en] text"]}),
        ("task.input=[title,body]", {"input_fields": ["title", "body"]}),
        ("task.input=[text [en], a: b]", {"input_fields": ["text [en]", "a: b"]}),
        ("task.input_fields='[title, body]'", {"input_fields": ["[title, body]"]}),
        ("task.label='gold label'", {"label_field": "gold label"}),
        ("task.label_field=gold.label/2", {"label_field": "gold.label/2"}),
        ("task.label_names=[yes,no,null,-1,0]", {"label_names": ["yes", "no", "null", "-1", "0"]}),
        ("task.labels={0: a, yes: b}", {"labels": {"0": "a", "yes": "b"}}),
        ("task.labels.NOT ENOUGH INFO=neutral", {"labels": {"NOT ENOUGH INFO": "neutral"}}),
        ("task.labels.a.b=c", {"labels": {"a.b": "c"}}),
    ],
)
def test_take(override: str, found: dict[str, object]) -> None:
    assert read([override]) == found


def test_a_recipe_with_odd_names_is_read_back_from_its_own_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    odd = [name for name in ODD if name]
    own = ["task.data=x.csv", "sources=[en]", "targets=[de]", argument("task.label_names", odd)]
    own = [*own[:3], *shlex.split(own[3]), "task.input=text [en]", "task.columns.text [en]=a.b", "task.labels.0=null"]
    recipe = load_recipe("custom", own)
    assert recipe.task.label_names == tuple(odd) and recipe.task.labels == {"0": "null"}
    (tmp_path / "config.yaml").write_text(resolved_yaml(recipe), encoding="utf-8")
    assert load_recipe("config", config_dir=tmp_path) == recipe
