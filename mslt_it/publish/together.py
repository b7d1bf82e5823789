"""Runs whose adapters may be combined, and the recipe and papers of what comes out.

A language is "seen" when any of the runs was trained on it, whatever its weight; the others are those that every run
scored zero-shot, since each run compared its training rows with the scored rows of its own targets only.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mslt_it.problems import Problem
from mslt_it.records import Recipe, ScoringConfig, SelectConfig, to_plain

if TYPE_CHECKING:
    from pathlib import Path

    from mslt_it.models.identity import FinishedRun
    from mslt_it.publish.combine import Combined

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


def combined_recipe(runs: Sequence[FinishedRun], combined: Combined, out: Path) -> Recipe:
    """The first run's recipe with the sources, targets and rows of all, and the adapter as it came out."""
    sources, targets = languages(runs)
    first = runs[0].recipe
    return dataclasses.replace(
        first,
        name=f"{first.name.removesuffix('_combined')}_combined",
        sources=sources,
        targets=targets,
        targets_note="",
        order_note="",
        supervised=False,
        output_dir=str(out),
        select=SelectConfig(),
        data=dataclasses.replace(
            first.data,
            num_examples_total=sum(run.recipe.data.num_examples_total for run in runs),
            max_length_tokens=max(run.recipe.data.max_length_tokens for run in runs),
        ),
        adapter=dataclasses.replace(
            first.adapter,
            rank=combined.rank,
            alpha=combined.rank,
            dropout=0.0,
            use_rslora=False,
            target_modules=tuple(combined.config["target_modules"]),
        ),
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


def scoring(runs: Sequence[FinishedRun], num_items: int | None) -> ScoringConfig:
    """As the first run was scored, on ``num_items`` per language where that is given."""
    own = runs[0].recipe.scoring
    if num_items is None:
        return own
    if num_items < 0:
        raise Problem(f"num_items={num_items} is out of range. It must be 0 (all) or more.")
    return dataclasses.replace(own, num_examples_per_language=num_items)


def provenance(
    runs: Sequence[FinishedRun],
    recipe: Recipe,
    weights: Sequence[float],
    how: str,
    method: str,
    settings: Mapping[str, Any],
    combined: Combined,
    adapter: Path,
) -> dict[str, Any]:
    """What results.json says of where the combined adapter comes from; ``adapter``: its folder."""
    from mslt_it.models.base_model import adapter_hash

    first = runs[0].provenance
    return {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "sources": list(recipe.sources),
        "selection": "",
        "num_examples": sum(run.provenance["num_examples"] for run in runs),
        "train_label_counts": dict(sum((Counter(run.provenance.get("train_label_counts")) for run in runs), Counter())),
        "labels": list(recipe.task.label_names),
        "data": recipe.task.data,
        "data_revision": recipe.task.revision,
        "model": recipe.model.path,
        "model_revision": recipe.model.revision,
        "adapter_sha256": adapter_hash(adapter),
        **{key: first[key] for key in IDENTITY if key in first},
        "run_fingerprint": recipe.run_fingerprint(),
        "world": recipe.model.path == "world" or recipe.task.data == "world",
        "combination": {
            "method": method,
            **settings,
            "weights": how,
            "rank_of_result": combined.rank,
            "relative_error": combined.error,
            "error_against": combined.target,
            "adapters": [
                {
                    "run": str(run.folder),
                    "weight": weight,
                    "sources": list(run.recipe.sources),
                    "seed": run.recipe.seed,
                    "num_examples": run.provenance["num_examples"],
                    "adapter_sha256": run.provenance["adapter_sha256"],
                }
                for run, weight in zip(runs, weights, strict=True)
            ],
        },
    }


def _short(value: Any) -> str:
    return value[:12] if isinstance(value, str) else str(value)
