"""Columns that a user's file calls otherwise: ``task.columns.premise=sentence1``."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Sequence

from mslt_it import table_keys
from mslt_it.data.files import Row
from mslt_it.problems import Problem, nearest
from mslt_it.records import TaskConfig

NUM_LOOKED_AT = 100  # rows whose columns are looked at: JSON rows may lack some


def needed_columns(task: TaskConfig) -> tuple[str, ...]:
    """The columns a row must have, by our names."""
    fields = tuple(name for name in task.input_fields if name not in task.optional_fields)
    if task.shape == "tagging":
        return ("tokens", task.label_field)
    return (*fields, task.label_field)


def file_columns(task: TaskConfig) -> tuple[str, ...]:
    """The columns a row must have, by the file's names. Those of a table without a header, in this order."""
    return tuple(task.columns.get(name, name) for name in needed_columns(task))


def renamed(task: TaskConfig, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with our names for their columns.

    A column is found by its exact name, else by the one name that is composed otherwise (Unicode NFC and NFD look the
    same) or has invisible characters or spaces around it.
    """
    known = _names(rows)
    by_form: dict[str, list[str]] = {}
    for name in known:
        by_form.setdefault(_form(name), []).append(name)
    ours = {
        *needed_columns(task),
        *task.input_fields,
        *task.group_fields,
        task.rationale_field,
        *table_keys.COMMON_COLUMNS,
        *task.columns,
    }
    source = {}
    for name in ours - {""}:
        wanted = task.columns.get(name, name)
        alike = by_form.get(_form(wanted), [])
        found = wanted if wanted in known else alike[0] if len(alike) == 1 else wanted
        if found != name and (found in known or name in task.columns):
            source[name] = found
    if not source:
        return tuple(rows)
    return tuple(
        Row(
            row.place,
            {n: v for n, v in row.values.items() if n not in source}
            | {name: row.values[column] for name, column in source.items() if column in row.values},
        )
        for row in rows
    )


def check_columns(task: TaskConfig, rows: Sequence[Row], where: str) -> None:
    """A Problem, with the lines to add, where a column that the task needs is missing."""
    known = _names(rows)
    missing = [column for column in needed_columns(task) if column not in known]
    if not missing:
        if lacking := [name for name in task.group_fields if name not in {*known, *task.input_fields}]:
            raise Problem(
                f"{where} has no column '{lacking[0]}' (task.group_fields). {nearest(lacking[0], known)} "
                "task.group_fields=[COLUMN] names another, task.group_fields=[] says that every row stands alone."
            )
        return
    column = missing[0]
    if asked := task.columns.get(column):
        raise Problem(f"{where} has no column '{asked}' (task.columns.{column}={asked}). {nearest(asked, known)}")
    lines = column_lines(task, missing, known)
    remedy = f" If these are your file's names for them (a guess, check it), add: {lines}" if lines else ""
    if rows[0].place == "line 2":
        names = ", ".join(file_columns(task))
        remedy += (
            f" The first line was taken for a header: if it is a row, put the names of the columns before it ({names})."
        )
    raise Problem(f"{where} has no column '{column}'. {nearest(column, known)}{remedy}")


def column_lines(task: TaskConfig, missing: Sequence[str], known: Collection[str]) -> str:
    """The arguments that say what a file with the columns ``known`` may call the columns ``missing``; "" where it has
    too few others."""
    taken = {*needed_columns(task), *task.columns.values(), *table_keys.COMMON_COLUMNS}
    free = [name for name in known if name not in taken]
    guesses: dict[str, str] = {}
    # The label's column is often the last; what resembles a name goes to it before what is merely left over.
    for name in missing:
        if alike := _most_alike(name, [f for f in free if f not in guesses.values()]):
            guesses[name] = alike
    for name in missing:
        left = [f for f in free if f not in guesses.values()]
        if name not in guesses and left:
            guesses[name] = left[-1 if name == task.label_field else 0]
    if len(guesses) < len(missing):
        return ""
    if task.name != "custom":
        return table_keys.mapping_arguments("task.columns", guesses)
    # The names of a user's own columns are shown in the prompt, so they are named, not renamed.
    lines = []
    if set(guesses) & set(task.input_fields):
        inputs = [guesses.get(name, name) for name in task.input_fields]
        is_one = len(inputs) == 1 and not inputs[0].startswith("[")
        lines.append(
            table_keys.text_argument("task.input", inputs[0])
            if is_one
            else table_keys.list_argument("task.input", inputs)
        )
    if task.label_field in guesses:
        lines.append(table_keys.text_argument("task.label", guesses[task.label_field]))
    if "tokens" in guesses:
        lines.append(table_keys.mapping_arguments("task.columns", {"tokens": guesses["tokens"]}))
    return " ".join(lines)


def _most_alike(name: str, columns: Sequence[str]) -> str:
    low = name.casefold()
    inside = [c for c in columns if min(len(c), len(low)) > 2 and (c.casefold() in low or low in c.casefold())]
    return next(iter(inside or difflib.get_close_matches(name, columns, n=1, cutoff=0.6)), "")


def _names(rows: Sequence[Row]) -> dict[str, None]:
    """The columns of the first rows, in their order."""
    return dict.fromkeys(name for row in rows[:NUM_LOOKED_AT] for name in row.values if name is not None)


def _form(name: str) -> str:
    text = unicodedata.normalize("NFC", name)
    return "".join(char for char in text if unicodedata.category(char) != "Cf").strip()
