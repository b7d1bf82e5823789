"""Runs that may be combined or compared: of one base, task and kind of prompt, and with unseen languages in common.

A language is "seen" when any of the runs was trained on it, whatever its weight; the others are those that every run
scored zero-shot, since each run compared its training rows with the scored rows of its own targets only.
"""

from __future__ import annotations

from collections.abc import Sequence

from mslt_it.languages import primary
from mslt_it.models.finished_run import FinishedRun
from mslt_it.problems import Problem
from mslt_it.records import to_plain

# What the runs recorded of their base; it has to agree and goes into the new run's papers.
IDENTITY = ("base_sha256", "tokenizer_sha256", "template_sha256", "num_embedding_rows", "base_dtype", "model_commit")


def refuse_strangers(runs: Sequence[FinishedRun], parts: Sequence[str] = ("task", "prompt")) -> None:
    """A Problem where two runs differ in base, tokenizer, task or prompts: named, with both values.

    Args:
        parts: of the recipe, that must be equal.
    """
    first = runs[0]
    for other in runs[1:]:
        for key in IDENTITY[:4]:
            mine, theirs = first.provenance.get(key), other.provenance.get(key)
            if mine is not None and theirs is not None and mine != theirs:
                raise Problem(
                    f"runs: {first.folder} and {other.folder} do not share a base model: {key} is {str(mine)[:12]} and "
                    f"{str(theirs)[:12]}. An adapter is a difference from its own base; combine those "
                    "trained on one base in one dtype and quantization."
                )
        for part in parts:
            mine, theirs = to_plain(getattr(first.recipe, part)), to_plain(getattr(other.recipe, part))
            key = next((k for k in mine if mine[k] != theirs[k]), "")
            if key:
                raise Problem(
                    f"runs: {part}.{key} is {mine[key]!r} in {first.folder} and {theirs[key]!r} in {other.folder}. A "
                    "combined adapter is scored on one task with one kind of prompt; train both runs with the same."
                )


def across_tasks(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """[task A in the source, task B in the target, task B in the source] of three runs in any order.

    A is the task that one of the runs has alone. A Problem where the three do not stand so to each other.
    """
    refuse_strangers(runs, ())
    told = "; ".join(f"{run.folder}: {run.recipe.task.name} in {', '.join(run.recipe.sources)}" for run in runs)
    alone = [one for one in runs if sum(one.recipe.task.name == other.recipe.task.name for other in runs) == 1]
    reference = [run for run in runs if run not in alone]
    same = [run for run in reference if alone and set(run.recipe.sources) == set(alone[0].recipe.sources)]
    if len(runs) != 3 or len(alone) != 1 or len(same) != 1:
        raise Problem(
            "runs: method=adamergex takes task A in a source language, task B in that language, and B in the target; "
            f"these are {told}. Give three such runs."
        )
    refuse_strangers(reference)
    other = next(run for run in reference if run is not same[0])
    return [alone[0], other, same[0]]


def languages(runs: Sequence[FinishedRun]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(sources, targets) of all runs together."""
    sources = tuple(dict.fromkeys(code for run in runs for code in run.recipe.sources))
    seen = set(map(primary, sources))  # zh and zh-Hant overlap
    first, *rest = (run.recipe.targets for run in runs)
    targets = tuple(code for code in first if all(code in other for other in rest) and primary(code) not in seen)
    if not targets:
        scored = "; ".join(f"{run.folder}: {', '.join(run.recipe.targets)}" for run in runs)
        raise Problem(
            f"runs: no language was scored zero-shot by all of them ({scored}), so nothing is left to score. "
            "Train the runs with targets in common."
        )
    return sources, targets
