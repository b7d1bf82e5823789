"""The recipe's keys that hold words of the user's own table, names of columns and labels: the lines that an error shows
for them, and what is wrong with them.

Such words may be anything ("null", "-1", "yes", "customer message", "NOT ENOUGH INFO"):

    task.input=customer message   task.label_names=[none,card,-1]
    task.columns.premise=sentence1   task.labels.e=entailment
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from mslt_it.problems import Problem, nearest
from mslt_it.records import TaskConfig
from mslt_it.values import quoted, unquoted

# What a file may call otherwise beside the task's own columns.
COMMON_COLUMNS = ("id", "idx", "lang", "language")
OUTSIDE = "O"  # the tag of a token that is no name

_PLAIN = re.compile(r"-?\w(?:[\w ./-]*[\w./-])?")  # a list's element that needs no quotes


# ---------------------------------------------------------------- lines that an error shows, to be pasted into a shell


def text_argument(key: str, text: str) -> str:
    """``key=text`` as an argument for the shell, to be read as this text."""
    plain = text == unquoted(text) and text.strip().lower() != "null"
    return shlex.quote(f"{key}={text if plain else quoted(text)}")


def list_argument(key: str, names: Sequence[str]) -> str:
    """``key=[a,b]`` as an argument for the shell, to be read as these names."""
    items = (name if _PLAIN.fullmatch(name) else quoted(name) for name in names)
    return shlex.quote(f"{key}=[{','.join(items)}]")


def mapping_arguments(key: str, pairs: Mapping[str, str]) -> str:
    """``key.a=b key.c=d`` as arguments for the shell, to be read as these pairs."""
    if any("=" in name or not name or value != unquoted(value) for name, value in pairs.items()):  # "=" ends a key
        content = ", ".join(f"{quoted(name)}: {quoted(value)}" for name, value in pairs.items())
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
