"""What the values of a recipe may be together; what each may be by itself, its key says."""

from __future__ import annotations

import re

from mslt_it.config.decides import OF_LOOKS
from mslt_it.config.recipe import HEADS, LARGEST, METRICS, PromptConfig, Recipe, TaskConfig, TrainingConfig
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
    if recipe.training.eval_steps and (number := recipe.training.average_checkpoints):
        raise Problem(
            f"training.average_checkpoints={number} and training.eval_steps={recipe.training.eval_steps}: the adapter "
            "is either a mean or that of the best look. Set one of them to 0."
        )
    for name in OF_LOOKS[1:]:
        value = getattr(recipe.training, name)
        if not recipe.training.eval_steps and value != getattr(TrainingConfig(), name):
            raise Problem(f"training.{name}={value} does nothing without looks. Set training.eval_steps=20, say.")
    check_kind(recipe)
    if recipe.prompt.template != "mixed" and not re.fullmatch(r"[0-9]+", recipe.prompt.template):
        raise Problem(f"prompt.template={recipe.prompt.template} must be a template's index (0, 1, ...) or 'mixed'.")


def check_kind(recipe: Recipe) -> None:
    """A Problem for values that mean nothing for what is trained, as far as that is known."""
    if recipe.adapter.method == "full":
        _refuse_for_full(recipe)
    if recipe.model.kind == "encoder":
        _refuse_for_encoders(recipe)
    elif recipe.model.kind != "auto":
        if recipe.model.kind == "text_to_text" and recipe.model.dtype == "float16":
            raise Problem(
                f"model.dtype=float16: the states of T5 and mT5 ({recipe.model.path}), which were trained in bfloat16, "
                "go beyond float16's largest number (65,504), and then the loss is not a number. Write "
                "model.dtype=auto, bfloat16 or float32."
            )
        for name in ("label_smoothing", "class_weights"):
            if (value := getattr(recipe.training, name)) != getattr(TrainingConfig(), name):
                raise Problem(
                    f"training.{name}={value} is for the labels of an encoder's head, and {recipe.model.path} is a "
                    f"{recipe.model.kind}, which is trained on the words of the answer. Leave it out."
                )


def _refuse_for_full(recipe: Recipe) -> None:
    adapter, dtype = recipe.adapter, recipe.model.dtype
    for name, none in (("quantization", "none"), ("use_dora", False), ("use_rslora", False)):
        if (value := getattr(adapter, name)) != none:
            raise Problem(
                f"adapter.{name}={str(value).lower()} is for adapters, and adapter.method=full trains all weights. "
                "Leave it out, or write adapter.method=lora."
            )
    if recipe.combine.method != "none":
        raise Problem(
            f"combine.method={recipe.combine.method} combines adapters, and adapter.method=full makes none. Write "
            "adapter.method=lora, or combine.method=none."
        )
    if dtype == "float16":
        raise Problem(_NO_FLOAT16.format(why="adapter.method=full"))


_NO_FLOAT16 = (
    "model.dtype=float16: {why} trains float32 weights, on a GPU in bfloat16 arithmetic. Write model.dtype=auto, "
    "bfloat16 or float32."
)


def _refuse_for_encoders(recipe: Recipe) -> None:
    task, path = recipe.task, recipe.model.path
    if task.shape not in HEADS:
        raise Problem(
            f"model.path={path} is an encoder, which writes no text, and answers of task={task.name} (task.shape="
            f"{task.shape}) are written. Choose a decoder, such as scale=small, or a task of "
            f"{' or '.join(HEADS)}."
        )
    if task.is_cloze:
        raise Problem(
            f"task.choices=cloze: an encoder ({path}) cannot say how likely a text goes on. Write task.choices=shown, "
            "or choose a decoder."
        )
    for name, default in vars(PromptConfig()).items():
        if (value := getattr(recipe.prompt, name)) != default:
            raise Problem(
                f"prompt.{name}={value} says how a row becomes an instruction, and an encoder ({path}) reads the row's "
                "fields alone. Leave it out, or choose a decoder."
            )
    for name, default in (("label_smoothing", 0.0), ("class_weights", "none")):
        if task.shape == "question_answering" and (value := getattr(recipe.training, name)) != default:
            raise Problem(
                f"training.{name}={value} is about labels, and task={task.name} is answered by places in a passage, "
                "which have no share or weight of their own. Leave it out."
            )
    if recipe.adapter.quantization != "none":
        raise Problem(
            f"adapter.quantization={recipe.adapter.quantization} is for large decoders; an encoder ({path}) is trained "
            "from its own weights. Write adapter.quantization=none."
        )
    if recipe.combine.method != "none":
        raise Problem(
            f"combine.method={recipe.combine.method}: adapters of encoders are not combined, since each has a head of "
            "its own. Write combine.method=none."
        )
    if recipe.model.dtype == "float16":
        raise Problem(_NO_FLOAT16.format(why=f"an encoder ({path})"))
    if LARGEST != recipe.data.num_examples_total < len(task.label_names):
        raise Problem(
            f"data.num_examples_total={recipe.data.num_examples_total} rows for {len(task.label_names)} labels: an "
            f"encoder ({path}) learns a label from its rows alone. Give more rows, name fewer labels "
            "(task.label_names), or choose a decoder, which reads the labels' words."
        )


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
    _check_options(task)
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


def _check_options(task: TaskConfig) -> None:
    options = task.option_fields
    if unknown := [name for name in options if name not in task.input_fields]:
        raise Problem(f"task.option_fields: '{unknown[0]}' is not in task.input_fields={list(task.input_fields)}.")
    if options and (task.shape != "classification" or len(options) != len(task.label_names)):
        raise Problem(
            f"task.option_fields={list(options)}: a label says which of them it is, and task.label_names"
            f"={list(task.label_names)} (task.shape={task.shape}). Name as many labels, in their order."
        )
    if task.is_cloze and not options:
        raise Problem(
            f"task.choices=cloze scores options that are in columns, and task={task.name} has none. Name them, "
            "task.option_fields=[a,b], or write task.choices=shown."
        )
    if task.option_length != "bytes" and not task.is_cloze:
        raise Problem(f"task.option_length={task.option_length} has no effect without task.choices=cloze. Remove it.")


def _check_columns(task: TaskConfig) -> None:
    own = (
        *task.input_fields,
        task.label_field,
        task.rationale_field,
        task.split_field,
        *task.id_fields,
        *COMMON_COLUMNS,
    )
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
