"""What the values of a recipe may be together; what each may be by itself, its key says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from mslt_it import values
from mslt_it.config.decides import OF_LOOKS
from mslt_it.config.recipe import HEADS, LARGEST, METRICS, PromptConfig, Recipe, TaskConfig
from mslt_it.config.schema import keys, written
from mslt_it.config.table_keys import COMMON_COLUMNS
from mslt_it.languages import validated_codes
from mslt_it.problems import Problem, nearest

_OF_LABELS = ("training.label_smoothing", "training.class_weights")


def _is_one_file(recipe: Recipe) -> bool:
    return values.path(recipe.task.data).is_file()


class _Idle(NamedTuple):
    """A key, or section, that another makes useless."""

    key: str
    is_idle: Callable[[Recipe], bool]
    why: str
    instead: str  # what to write to have it act
    unless: str = ""  # a key: where it is given, too, this is one cell of a study, and others may have use for it


_IDLE_ROWS: tuple[tuple[Any, ...], ...] = (
    ("select", lambda recipe: recipe.sources != ("auto",), "sources are listed", "sources=auto"),
    ("combine", lambda recipe: recipe.combine.method == "none", "combine.method=none", "combine.method=cat, say"),
    ("prompt.first_shot", lambda recipe: not recipe.prompt.num_shots, "prompt.num_shots=0", "prompt.num_shots=2, say"),
    *((name, lambda recipe: recipe.prompt.variant == "direct", "answers are asked for without a chain of thought",
       "prompt.variant=cot_native", "prompt.variant") for name in ("scoring.max_chain_tokens", "task.rationale_field")),
    *((name, lambda recipe: bool({"default", "en"} & {*recipe.task.instruction}),
       "task.instruction replaces all prompt files", "task.instruction={}")
      for name in ("prompt.template", "task.prompts_from")),
    ("task.option_length", lambda recipe: not recipe.task.is_cloze, "task.choices=shown", "task.choices=cloze"),
    *((f"training.{name}", lambda recipe: not recipe.training.eval_steps, "training.eval_steps=0, so there are "
       "no looks during training", "training.eval_steps=20, say") for name in OF_LOOKS[1:]),
    ("training.num_epochs", lambda recipe: recipe.training.max_steps > 0, "training.max_steps is used instead",
     "training.max_steps=-1"),
    ("training.warmup_steps", lambda recipe: recipe.training.lr_scheduler == "constant",
     "training.lr_scheduler=constant has no warm-up", "training.lr_scheduler=constant_with_warmup"),
    *((f"adapter.{name}", lambda recipe: recipe.adapter.method == "full", "adapter.method=full trains all weights",
       "adapter.method=lora") for name in ("rank", "alpha", "dropout", "target_modules")),
    ("model.revision", lambda recipe: recipe.model.path == "world" or values.path(recipe.model.path).exists(),
     "the model is on this machine", "model.path=OWNER/NAME"),
    *((f"task.{name}", lambda recipe: recipe.task.data in ("world", "intents"), "task.data is not your own data",
       "task.data=DIR")
      for name in ("languages", "revision", "hub_files", "file_layout", "file_names", "split_field", "id_fields",
                   "id_prefixes", "is_parallel", "configs", "label_field", "columns", "labels", "first_label")),
    ("task.held_out_share", lambda recipe: recipe.task.data in ("world", "intents") and recipe.task.held_out_share < 1,
     "its training and scored rows are separate sets", "task.data=DIR"),
    *((f"task.{name}", lambda recipe: values.path(recipe.task.data).exists(), "the rows are on this machine",
       "task.data=OWNER/NAME") for name in ("revision", "hub_files")),
    ("task.file_names", _is_one_file, "task.data is one file", "task.data=FOLDER"),
    *((f"task.{name}", lambda recipe: _is_one_file(recipe) and not recipe.task.split_field,
       "task.data is one file, whose rows are divided by item", "task.split_field=COLUMN")
      for name in ("train_split", "score_split")),
    ("task.repair_from", lambda recipe: not recipe.task.repair_field, "task.repair_field is empty",
     "task.repair_field=COLUMN"),
    *((f"task.{name}", lambda recipe: recipe.task.shape in ("free_text", "question_answering"),
       "answers are text without labels", "task.shape=classification") for name in ("label_names", "first_label")),
    ("task.first_label", lambda recipe: not recipe.task.label_names, "labels are found in the rows",
     "task.label_names=[A,B]"),
)  # fmt: skip
_IDLE = [_Idle(*row) for row in _IDLE_ROWS]


def check(recipe: Recipe) -> None:
    """A Problem for values that do not go together."""
    _check_task(recipe.task)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", recipe.name):
        raise Problem(
            f"name={recipe.name}: use letters, digits, '_', '.' and '-' only; the run's folder has this name."
        )
    if LARGEST != recipe.data.num_examples_total < len(recipe.sources):
        raise Problem(
            f"data.num_examples_total={recipe.data.num_examples_total} is fewer than the {len(recipe.sources)} sources."
            " It is the total over all sources together; every source needs at least one example."
        )
    if recipe.combine.method != "none" and len(recipe.sources) < 2:
        raise Problem(f"combine.method={recipe.combine.method} needs two or more sources, one adapter each. List them.")
    if recipe.training.eval_steps and (number := recipe.training.average_checkpoints):
        raise Problem(
            f"training.average_checkpoints={number} and training.eval_steps={recipe.training.eval_steps}: the adapter "
            "is either a mean or that of the best look. Set one of them to 0."
        )
    check_kind(recipe)
    if recipe.prompt.template != "mixed" and not re.fullmatch(r"[0-9]+", recipe.prompt.template):
        raise Problem(f"prompt.template={recipe.prompt.template} must be a template's index (0, 1, ...) or 'mixed'.")


def refuse_idle(recipe: Recipe, given: Iterable[tuple[Sequence[str], Any]]) -> None:
    """A Problem for a key of the command line that another makes useless.

    Args:
        recipe: with sources=auto not yet chosen.
        given: the key's parts, and its value; an empty one takes nothing back.
    """
    named = [(".".join(parts), value) for parts, value in given]
    for name, value in named:
        for one in _IDLE:
            is_meant = f"{name}.".startswith(f"{one.key}.") and name != "combine.method"
            if is_meant and (value or value == 0) and one.unless not in dict(named) and one.is_idle(recipe):
                raise Problem(
                    f"{name}={written(value)} has no effect: {one.why}. Leave it out, or write {one.instead}."
                )


def check_kind(recipe: Recipe) -> None:
    """A Problem for values that mean nothing for what is trained, as far as that is known."""
    model = recipe.model
    if recipe.adapter.method == "full":
        names = ("adapter.quantization", "adapter.use_dora", "adapter.use_rslora")
        why = (
            " is for adapters, and adapter.method=full trains all weights. Leave it out, or write adapter.method=lora."
        )
        _refuse(recipe, names, why)
        why = " combines adapters, and adapter.method=full makes none. Write adapter.method=lora, or "
        _refuse(recipe, ["combine.method"], f"{why}combine.method=none.")
        _refuse_float16(recipe, "adapter.method=full")
    if model.kind == "encoder":
        _check_encoder(recipe)
    elif model.kind != "auto":
        if model.kind == "text_to_text" and model.dtype == "float16":
            raise Problem(
                f"model.dtype=float16: the states of T5 and mT5 ({model.path}), which were trained in bfloat16, exceed "
                "float16's largest number (65,504), so the loss becomes NaN. Write model.dtype=auto, "
                "bfloat16 or float32."
            )
        why = f" is for the labels of an encoder's head, and {model.path} is a {model.kind}, which is trained on the "
        _refuse(recipe, _OF_LABELS, f"{why}words of the answer. Leave it out.")


def _refuse(recipe: Recipe, names: Iterable[str], why: str) -> None:
    """A Problem for the first of these keys that has another value than its default."""
    for name in names:
        if (value := attrgetter(name)(recipe)) != keys(Recipe)[name].default:
            raise Problem(f"{name}={written(value)}{why}")


def _refuse_float16(recipe: Recipe, why: str) -> None:
    if recipe.model.dtype == "float16":
        raise Problem(
            f"model.dtype=float16: {why} trains float32 weights, on a GPU in bfloat16 arithmetic. Write "
            "model.dtype=auto, bfloat16 or float32."
        )


def _check_encoder(recipe: Recipe) -> None:
    task, path = recipe.task, recipe.model.path
    if task.shape not in HEADS:
        raise Problem(
            f"model.path={path} is an encoder, which cannot write text, and answers of task={task.name} (task.shape="
            f"{task.shape}) are written. Choose a decoder, such as scale=small, or a task of "
            f"{' or '.join(HEADS)}."
        )
    if task.is_cloze:
        raise Problem(
            f"task.choices=cloze: an encoder ({path}) cannot score a continuation. Write task.choices=shown, "
            "or choose a decoder."
        )
    why = f" says how a row becomes an instruction, and an encoder ({path}) reads only the row's fields. Leave it out"
    _refuse(recipe, [f"prompt.{name}" for name in vars(PromptConfig())], f"{why}, or choose a decoder.")
    if task.shape == "question_answering":
        why = f" is about labels, and task={task.name} is answered by spans of a passage, which have no share or weight"
        _refuse(recipe, _OF_LABELS, f"{why} of their own. Leave it out.")
    why = (
        f" is for large decoders; an encoder ({path}) is trained from its own weights. Write adapter.quantization=none."
    )
    _refuse(recipe, ["adapter.quantization"], why)
    why = ": adapters of encoders are not combined, since each has a head of its own. Write combine.method=none."
    _refuse(recipe, ["combine.method"], why)
    _refuse_float16(recipe, f"an encoder ({path})")
    if LARGEST != recipe.data.num_examples_total < len(task.label_names):
        raise Problem(
            f"data.num_examples_total={recipe.data.num_examples_total} rows for {len(task.label_names)} labels: an "
            f"encoder ({path}) learns a label from its rows alone. Give more rows, name fewer labels "
            "(task.label_names), or choose a decoder, which reads the labels' words."
        )


def _check_task(task: TaskConfig) -> None:
    _check_columns(task)
    _check_labels(task)
    for name in ("instruction", "configs", "id_prefixes"):
        validated_codes(f"task.{name}", [code for code in getattr(task, name) if code != "default"])
    metrics, options = METRICS[task.shape], task.option_fields
    if task.metric not in metrics:
        raise Problem(
            f"task.metric={task.metric} does not fit task.shape={task.shape}. {nearest(task.metric, metrics)}"
        )
    if task.label_field in task.input_fields:
        raise Problem(
            f"task.input_fields={list(task.input_fields)} shows '{task.label_field}', which is the answer "
            "(task.label_field). Leave it out of task.input, or name another column: task.label=COLUMN."
        )
    for name in ("optional_fields", "option_fields", *(["group_fields"] if task.data == "world" else [])):
        for field in getattr(task, name):
            if field not in task.input_fields:
                raise Problem(
                    f"task.{name}: '{field}' is not in task.input_fields. {nearest(field, task.input_fields)}"
                )
    if options and (task.shape != "classification" or len(options) != len(task.label_names)):
        raise Problem(
            f"task.option_fields={list(options)}: each label stands for one of them, and task.label_names"
            f"={list(task.label_names)} (task.shape={task.shape}). Name as many labels, in the same order."
        )
    if task.is_cloze and not options:
        raise Problem(
            f"task.choices=cloze scores options that are in columns, and task={task.name} has none. Name them, "
            "task.option_fields=[a,b], or write task.choices=shown."
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
    own = (*task.input_fields, task.label_field, task.rationale_field, task.split_field, *task.id_fields)
    known = [name for name in (*own, *COMMON_COLUMNS, "tokens" * (task.shape == "tagging")) if name]
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
    names = (*task.label_names, *task.tags) if task.shape == "tagging" else task.label_names
    for value, name in task.labels.items():
        if not name or (task.label_names and name not in names):
            raise Problem(
                f"task.labels.{value}={name}: '{name}' is not one of task.label_names. {nearest(name, names)} Write "
                "task.labels.YOURS=OURS, your file's value first and the task's label after it."
            )
