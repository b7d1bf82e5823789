"""Runs that may be combined or compared: of one base, task and kind of prompt, and with unseen languages in common.

A language is "seen" when any of the runs was trained on it, whatever its weight; the others are those that every run
scored zero-shot, since each run compared its training rows with the scored rows of its own targets only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mslt_it.models.identity import FinishedRun
from mslt_it.problems import Problem
from mslt_it.records import to_plain

# What the runs recorded of their base; it has to agree and goes into the new run's papers.
IDENTITY = ("base_sha256", "tokenizer_sha256", "template_sha256", "num_embedding_rows", "base_dtype", "model_commit")


def refuse_strangers(runs: Sequence[FinishedRun]) -> None:
    """A Problem where two runs differ in base, tokenizer, task or prompts: named, with both values."""
    first = runs[0]
    for other in runs[1:]:
        for key in IDENTITY[:4]:
            mine, theirs = first.provenance.get(key), other.provenance.get(key)
            if mine is not None and theirs is not None and mine != theirs:
                raise Problem(
                    f"runs: {first.folder} and {other.folder} do not share a base model: {key} is {_short(mine)} and "
                    f"{_short(theirs)}. An adapter is a difference to its own base; combine those trained on one base "
                    "in one dtype and quantization."
                )
        for part in ("task", "prompt"):
            mine, theirs = to_plain(getattr(first.recipe, part)), to_plain(getattr(other.recipe, part))
            key = next((k for k in mine if mine[k] != theirs[k]), "")
            if key:
                raise Problem(
                    f"runs: {part}.{key} is {mine[key]!r} in {first.folder} and {theirs[key]!r} in {other.folder}. A "
                    "combined adapter is scored on one task with one kind of prompt; train both runs with the same."
                )


def languages(runs: Sequence[FinishedRun]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(sources, targets) of all runs together."""
    sources = tuple(dict.fromkeys(code for run in runs for code in run.recipe.sources))
    seen = {code.split("-", 1)[0] for code in sources}  # zh and zh-Hant overlap
    first, *rest = (run.recipe.targets for run in runs)
    targets = tuple(
        code for code in first if all(code in other for other in rest) and code.split("-", 1)[0] not in seen
    )
    if not targets:
        scored = "; ".join(f"{run.folder}: {', '.join(run.recipe.targets)}" for run in runs)
        raise Problem(
            f"runs: no language was scored zero-shot by all of them ({scored}), so nothing is left to score. "
            "Train the runs with targets in common."
        )
    return sources, targets


def _short(value: Any) -> str:
    return value[:12] if isinstance(value, str) else str(value)
