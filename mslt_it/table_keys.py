"""The recipe's keys that hold words of the user's own table: names of columns and labels.

Such words may be anything ("null", "-1", "yes", "customer message", "NOT ENOUGH INFO"), so they are read here as the
texts that they are, and never reach Hydra's grammar or YAML's idea of booleans and numbers:

    task.input=customer message   task.label_names=[none,card,-1]
    task.columns.premise=sentence1   task.labels.e=entailment
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from mslt_it.problems import Problem, nearest
from mslt_it.records import TaskConfig

SHORT = {"task.input": "task.input_fields", "task.label": "task.label_field"}
TEXTS = ("task.label_field", "task.rationale_field")
LISTS = ("task.input_fields", "task.optional_fields", "task.group_fields", "task.label_names")
MAPPINGS = ("task.columns", "task.labels")
# What a file may call otherwise beside the task's own columns.
COMMON_COLUMNS = ("id", "idx", "lang", "language")
OUTSIDE = "O"  # the tag of a token that is no name

_PLAIN = re.compile(r"-?\w(?:[\w ./-]*[\w./-])?")  # a list's element that needs no quotes


def take(overrides: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """(the overrides that are not of this kind, the others as content of the recipe's ``task``)."""
    rest: list[str] = []
    found: dict[str, Any] = {}
    for override in overrides:
        key, equals, value = override.lstrip("+").partition("=")
        key = SHORT.get(key, key)
        mapping = next((m for m in MAPPINGS if key == m or key.startswith(m + ".")), None)
        name = key.removeprefix("task.")
        if not equals or (not value and not mapping):
            rest.append(override)
        elif key in TEXTS:
            found[name] = _unquoted(value)
        elif key in LISTS:
            found[name] = _list(value)
        elif mapping:
            pairs = found.setdefault(mapping.removeprefix("task."), {})
            pairs.update(_mapping(key, value) if key == mapping else {key[len(mapping) + 1 :]: _unquoted(value)})
        else:
            rest.append(override)
    return rest, found


def _unquoted(value: str) -> str:
    """The text without one pair of quotes around it, which the shell leaves where they are given twice."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def _list(value: str) -> list[str]:
    """``[a, "b, c"]`` -> ["a", "b, c"]; anything else is one text."""
    value = value.strip()
    if not (value.startswith("[") and value.endswith("]")):
        return [_unquoted(value)]
    try:
        parsed = yaml.load(value, yaml.BaseLoader)  # every scalar stays the text that it is
    except yaml.YAMLError:
        parsed = None
    if isinstance(parsed, list) and all(isinstance(item, str) for item in parsed):
        return parsed
    return [_unquoted(item.strip()) for item in value[1:-1].split(",")]


def _mapping(key: str, value: str) -> dict[str, str]:
    try:
        parsed = yaml.load(value, yaml.BaseLoader)
    except yaml.YAMLError:
        parsed = None
    if not isinstance(parsed, dict) or not all(isinstance(v, str) for pair in parsed.items() for v in pair):
        raise Problem(f"{key}={value} is no mapping. Write {key}.NAME=VALUE, or '{key}={{NAME: VALUE, ...}}'.")
    return parsed


# ---------------------------------------------------------------- lines that an error shows, to be pasted into a shell


def text_argument(key: str, text: str) -> str:
    """``key=text`` as an argument for the shell, to be read by `take` as this text."""
    return shlex.quote(f"{key}={text}" if text == _unquoted(text) else f"{key}='{text}'")


def list_argument(key: str, names: Sequence[str]) -> str:
    """``key=[a,b]`` as an argument for the shell, to be read by `take` as these names."""
    items = (name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False) for name in names)
    return shlex.quote(f"{key}=[{','.join(items)}]")


def mapping_arguments(key: str, pairs: Mapping[str, str]) -> str:
    """``key.a=b key.c=d`` as arguments for the shell, to be read by `take` as these pairs."""
    if any("=" in name or not name or value != _unquoted(value) for name, value in pairs.items()):  # "=" ends a key
        content = ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {json.dumps(v, ensure_ascii=False)}"
                            for k, v in pairs.items())  # fmt: skip
        return shlex.quote(f"{key}={{{content}}}")
    return " ".join(shlex.quote(f"{key}.{name}={value}") for name, value in pairs.items())


# ---------------------------------------------------------------- checking


def check(task: TaskConfig) -> None:
    """A Problem for names in ``task.columns`` and ``task.labels`` that the task does not have."""
    own = (*task.input_fields, task.label_field, task.rationale_field, *COMMON_COLUMNS)
    known = [name for name in (*own, *(["tokens"] if task.shape == "tagging" else [])) if name]
    for name, column in task.columns.items():
        if name not in known:
            raise Problem(
                f"task.columns.{name}={column}: the task has no column '{name}'. {nearest(name, known)} Write "
                "task.columns.OURS=YOURS, the task's name first and your file's after it."
            )
        if not column:
            raise Problem(f"task.columns.{name} is empty. Give the name of your file's column.")
    if not task.labels:
        return
    if task.shape not in ("classification", "tagging"):
        raise Problem(
            f"task.labels says what a label column's values mean; with task.shape={task.shape} they are texts and stay "
            "as they are. Remove it."
        )
    names = task.label_names
    if task.shape == "tagging":
        names = (OUTSIDE, *names, *(f"{part}-{kind}" for kind in names for part in "BI"))
    for value, name in task.labels.items():
        if not name or (task.label_names and name not in names):
            raise Problem(
                f"task.labels.{value}={name}: '{name}' is not one of task.label_names. {nearest(name, names)} Write "
                "task.labels.YOURS=OURS, your file's value first and the task's label after it."
            )
