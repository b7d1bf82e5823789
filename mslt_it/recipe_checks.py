"""What the values of a recipe may be, beside their types: names, ranges, and what goes together."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from mslt_it import table_keys
from mslt_it.overrides import keys
from mslt_it.problems import Problem, nearest
from mslt_it.records import LARGEST, Recipe, to_plain

CHOICES: dict[str, tuple[str, ...]] = {
    "data.items": ("disjoint", "parallel"),
    "data.leaks": ("refuse", "drop"),
    "prompt.language": ("native", "english"),
    "prompt.variant": ("direct", "cot_native", "cot_english", "xlt"),
    "model.dtype": ("auto", "bfloat16", "float16", "float32"),
    "adapter.quantization": ("none", "nf4", "int8"),
    "training.lr_scheduler": ("linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt", "polynomial"),
    # The names of selection.criteria.CRITERIA, which is not imported here: it stands to the right in the pipeline.
    "select.criterion": (
        *("pretraining_size", "vocabulary_coverage", "l2v_syntax", "l2v_phonology", "l2v_inventory", "l2v_family"),
        *("l2v_geography", "l2v_all", "embedding", "scripts", "min_diversity", "random"),
        *("l2v_typology", "target_coverage", "mean_reciprocal_rank"),
    ),
    # The names of adapters.methods.METHODS, which is not imported here for the same reason.
    "combine.method": ("none", "cat", "svd", "ties", "dare_ties", "weighted_factors"),
    "task.shape": ("classification", "tagging", "question_answering", "free_text"),
    "task.file_layout": ("table", "conll", "squad", "xwinograd", "self_instruct"),
    "task.metric": ("accuracy", "macro_f1", "span_f1", "qa_f1", "number_accuracy", "chrf"),
}

# What each shape of task is measured by; the first is the default of its task files.
METRICS = {
    "classification": ("accuracy", "macro_f1"),
    "tagging": ("span_f1",),
    "question_answering": ("qa_f1",),
    "free_text": ("chrf", "number_accuracy", "qa_f1"),
}

_LIMITS: dict[str, tuple[Callable[[float], bool], str]] = {}
for _text, _test, _keys in (
    (
        "above 0",
        lambda v: v > 0,
        "select.k data.max_length_tokens adapter.rank adapter.alpha training.learning_rate "
        "training.num_epochs training.batch_size training.gradient_accumulation_steps training.logging_steps "
        "training.save_steps scoring.batch_tokens scoring.max_chain_tokens scoring.num_bootstrap "
        "task.max_answer_tokens",
    ),
    (
        "0 or more",
        lambda v: v >= 0,
        "seed prompt.num_shots training.warmup_steps training.weight_decay training.max_grad_norm "
        "scoring.num_examples_per_language",
    ),
    ("above 0, or max", lambda v: v == LARGEST or v > 0, "data.num_examples_total"),
    ("-1 (by num_epochs) or above 0", lambda v: v == -1 or v > 0, "training.max_steps"),
    ("between 0 and 1, neither included", lambda v: 0 < v < 1, "scoring.confidence"),
    ("above 0 and at most 1", lambda v: 0 < v <= 1, "task.held_out_share"),
    ("between 0 and 1", lambda v: 0 <= v <= 1, "data.max_dropped_share"),
    ("from 0 to below 1", lambda v: 0 <= v < 1, "adapter.dropout"),
):
    _LIMITS.update({_key: (_test, _text) for _key in _keys.split()})


def check(recipe: Recipe) -> None:
    """A Problem for a value that is none, or that does not go with another."""
    plain = to_plain(recipe)
    values = {key: _get(plain, key) for key in keys()}
    for key, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise Problem(f"{key}={value} is not a finite number.")
        if key in CHOICES and value not in CHOICES[key]:
            raise Problem(f"{key}={value} is unknown. {nearest(str(value), CHOICES[key])}")
        if key in _LIMITS and not _LIMITS[key][0](value):
            raise Problem(f"{key}={value} is out of range. It must be {_LIMITS[key][1]}.")
    for key in ("task.name", "task.data", "task.train_split", "task.score_split", "task.label_field", "model.path"):
        if not values[key]:
            raise Problem(f"{key} is empty. Give it a value.")
    task = recipe.task
    table_keys.check(task)
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
    num_labels = {"classification": 0 if task.name == "custom" else 2, "tagging": 1}.get(task.shape, 0)
    for key, least in (("task.input_fields", 1), ("task.label_names", num_labels), ("adapter.target_modules", 1)):
        if len(values[key]) < least or len(set(values[key])) != len(values[key]):
            kinds = key == "task.label_names" and task.shape == "tagging"
            such = " The kinds of names that are asked for, such as task.label_names=[PER,ORG,LOC]." if kinds else ""
            raise Problem(f"{key}={values[key]} must be a list of at least {least} different names.{such}")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", recipe.name):
        raise Problem(f"name={recipe.name}: use letters, digits, '_', '.' and '-' only; the run's folder is called so.")
    if LARGEST != recipe.data.num_examples_total < len(recipe.sources):
        raise Problem(
            f"data.num_examples_total={recipe.data.num_examples_total} is fewer than the {len(recipe.sources)} sources."
            " It is the total over all sources together; every source needs at least one example."
        )
    if recipe.combine.method != "none" and len(recipe.sources) < 2:
        raise Problem(
            f"combine.method={recipe.combine.method} combines one adapter per source language, and sources has one. "
            "List two or more, or set combine.method=none."
        )
    if recipe.prompt.template != "mixed" and not re.fullmatch(r"[0-9]+", recipe.prompt.template):
        raise Problem(
            f"prompt.template={recipe.prompt.template} must be the index of a template (0, 1, ...) or 'mixed'."
        )


def _get(plain: dict[str, Any], key: str) -> Any:
    value: Any = plain
    for part in key.split("."):
        value = value[part]
    return value
