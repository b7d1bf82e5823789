"""What the values of a recipe may be together; what each may be by itself, its key says."""

from __future__ import annotations

import re

from mslt_it.config.recipe import LARGEST, METRICS, OF_LOOKS, Recipe, TaskConfig, TrainingConfig
from mslt_it.config.table_keys import COMMON_COLUMNS, OUTSIDE
from mslt_it.problems import Problem, nearest


def check(recipe: Recipe) -> None:
    """A Problem for values that do not go together."""
    _check_task(recipe.task)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", recipe.name):
        raise Problem(f"name={recipe.name}: use letters, digits, '_', '.' and '-' only; the run's folder is called so.")
    if LARGEST != recipe.data.num_examples_total < len(recipe.sources):
        raise Problem(
            f"data.num_examples_total={recipe.data.num_examples_total} is fewer than the {len(recipe.sources)} sources."
            " It is the total over all sources together; every source needs at least one example."
        )
    if recipe.combine.method != "none" and len(recipe.sources) < 2:
        raise Problem(f"combine.method={recipe.combine.method} takes two sources or more, an adapter each. List them.")
    for name in OF_LOOKS[1:]:
        value = getattr(recipe.training, name)
        if not recipe.training.eval_steps and value != getattr(TrainingConfig(), name):
            raise Problem(f"training.{name}={value} does nothing without looks. Set training.eval_steps=20, say.")
    if recipe.prompt.template != "mixed" and not re.fullmatch(r"[0-9]+", recipe.prompt.template):
        raise Problem(f"prompt.template={recipe.prompt.template} must be a template's index (0, 1, ...) or 'mixed'.")


def _check_task(task: TaskConfig) -> None:
    _check_columns(task)
    _check_labels(task)
    metrics = METRICS[task.shape]
    if task.metric not in metrics:
        raise Problem(
            f"task.metric={task.metric} does not fit task.shape={task.shape}. {nearest(task.metric, metrics)}"
        )
    if unknown := [name for name in task.optional_fields if name not in task.input_fields]:
        raise Problem(f"task.optional_fields: '{unknown[0]}' is not in task.input_fields={list(task.input_fields)}.")
    if task.data == "world" and (unknown := [name for name in task.group_fields if name not in task.input_fields]):
        raise Problem(
            f"task.group_fields: '{unknown[0]}' is not a column of the embedded world. "
            f"{nearest(unknown[0], task.input_fields)}"
        )
    # Labels of a user's own table are found in it.
    least = {"classification": 0 if task.name == "custom" else 2, "tagging": 1}.get(task.shape, 0)
    if len(task.label_names) < least:
        kinds = " The kinds of names that are asked for, such as task.label_names=[PER,ORG,LOC]."
        raise Problem(
            f"task.label_names={list(task.label_names)} must be a list of at least {least} different names."
            f"{kinds * (task.shape == 'tagging')}"
        )


def _check_columns(task: TaskConfig) -> None:
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


def _check_labels(task: TaskConfig) -> None:
    if not task.labels:
        return
    if task.shape not in ("classification", "tagging"):
        raise Problem(f"task.labels is for columns of labels, not task.shape={task.shape}. Remove it.")
    names = task.label_names
    if task.shape == "tagging":
        names = (OUTSIDE, *names, *(f"{part}-{kind}" for kind in names for part in "BI"))
    for value, name in task.labels.items():
        if not name or (task.label_names and name not in names):
            raise Problem(
                f"task.labels.{value}={name}: '{name}' is not one of task.label_names. {nearest(name, names)} Write "
                "task.labels.YOURS=OURS, your file's value first and the task's label after it."
            )
