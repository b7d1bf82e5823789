"""Results in the form of lm-eval's results JSON, so that what reads those reads ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mslt_it.evaluation.scores import ScoreRow

# Our metric -> the name that lm-eval's own tasks use.
NAMES = {"accuracy": "acc", "number_accuracy": "exact_match", "qa_f1": "f1"}
BY_LENGTH = {"bytes": "acc_bytes", "characters": "acc_norm", "none": "acc"}  # task.option_length, of continuations
FILTER = "none"


def lm_eval_results(
    rows: Sequence[ScoreRow],
    *,
    model: str,
    settings: Mapping[str, Any],
    num_shots: int,
    option_lengths: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One system and variant: a task ``mslt_<task>_<language>`` per language, its mean as the group ``mslt_<task>``.

    A standard error is given where the metric is a share; an invalid figure is "N/A", as lm-eval writes what it could
    not compute, with the reason beside it. ``option_lengths``: task -> what options as continuations are divided by.
    """
    results: dict[str, dict[str, Any]] = {}
    samples: dict[str, dict[str, int]] = {}
    for row in rows:
        name = f"mslt_{row.task}" + f"_{row.language}" * (not row.is_mean)
        metric = NAMES.get(row.metric, row.metric)
        if metric == "acc" and (length := (option_lengths or {}).get(row.task)):
            metric = BY_LENGTH[length]
        entry = results.setdefault(name, {"alias": name})
        entry[f"{metric},{FILTER}"] = "N/A" if row.value is None else row.value
        is_share = row.metric in ("accuracy", "number_accuracy", "exact_match") and not row.is_mean
        # lm-eval's own: the sample standard error of a mean of zeros and ones
        error = None if row.value is None or not is_share else (row.value * (1 - row.value) / max(row.n - 1, 1)) ** 0.5
        entry[f"{metric}_stderr,{FILTER}"] = "N/A" if error is None or row.n == 1 else error
        if row.reason:
            entry["invalid"] = row.reason
        samples[name] = {"original": row.n, "effective": row.n}
    groups: dict[str, dict[str, None]] = {}  # the languages that each mean is of
    for row in rows:
        own = groups.setdefault(f"mslt_{row.task}", {})
        own |= {f"mslt_{row.task}_{row.language}": None} if row.role == "target" and not row.is_mean else {}
    return {
        "results": results,
        "group_subtasks": {name: [*groups.get(name, ())] for name in results},
        "configs": {name: {"task": name, "num_fewshot": num_shots} for name in results if name not in groups},
        "n-samples": samples,
        "n-shot": dict.fromkeys(results, num_shots),
        "higher_is_better": {
            name: {key.partition(",")[0]: True for key in entry if "," in key and "stderr" not in key}
            for name, entry in results.items()
        },
        "versions": dict.fromkeys(results, 1.0),
        "config": {"model": "mslt", "model_args": model, **settings},
        "model_name": model,
    }
