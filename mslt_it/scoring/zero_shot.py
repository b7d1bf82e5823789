"""Zero-shot scoring: base and adapter on the same items of every language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mslt_it.data.build import build_scored_set
from mslt_it.data.encoding import Encoder
from mslt_it.records import EvalResult, PromptedExample, Recipe
from mslt_it.scoring.likelihood import Request, choice_log_likelihoods
from mslt_it.scoring.metrics import bootstrap_mean, paired_gain, why_invalid, wilson_interval
from mslt_it.tuning.checkpoints import write_atomically

VARIANT = "direct"
MACRO = "mean of unseen"


@dataclass(frozen=True)
class LanguageScores:
    """One language's items and the log-likelihoods (items, choices) of adapter and base."""

    language: str
    items: tuple[PromptedExample, ...]
    adapter: np.ndarray
    base: np.ndarray

    def right(self, scores: np.ndarray) -> np.ndarray:
        """bool (items,): is the largest score that of the right choice? Equal scores count as wrong."""
        gold = np.array([item.choices.index(item.answer) for item in self.items])
        best = scores.max(axis=1, keepdims=True)
        return (scores.argmax(axis=1) == gold) & ((scores == best).sum(axis=1) == 1)


def score_language(recipe: Recipe, language: str, model: Any, encoder: Encoder) -> LanguageScores:
    """Scores one language's rows with the adapter on and off."""
    items = build_scored_set(recipe, language)
    words = sorted({choice for item in items for choice in item.choices})
    ids = dict(zip(words, map(tuple, encoder.user_ids(words)), strict=True))
    prompts = encoder.prompt_ids_all([item.messages for item in items])
    requests = [
        Request(tuple(prompt), tuple(ids[choice] for choice in item.choices))
        for item, prompt in zip(items, prompts, strict=True)
    ]
    pad = encoder.tokenizer.pad_token_id
    pad = encoder.end_id if pad is None else pad
    found = []
    with tqdm(total=2 * len(items), desc=f"scoring {language}", disable=None, leave=False) as bar:
        for adapter_on in (True, False):
            with nullcontext() if adapter_on else model.disable_adapter():
                found.append(
                    choice_log_likelihoods(
                        model, requests, batch_tokens=recipe.scoring.batch_tokens, pad_id=pad, advance=bar.update
                    )
                )
    return LanguageScores(language, tuple(items), *found)


def write_predictions(scores: LanguageScores, recipe: Recipe, folder: Path) -> None:
    """One JSON line per item: id, gold, both predictions, both models' log-likelihoods per label."""
    names = recipe.task.label_names
    lines = []
    for number, item in enumerate(scores.items):
        line: dict[str, Any] = {"id": item.id, "language": scores.language, "label": item.label}
        for which, values in (("adapter", scores.adapter[number]), ("base", scores.base[number])):
            line[f"{which}_prediction"] = names[int(values.argmax())] if np.isfinite(values).all() else None
            # JSON has no NaN or infinity; written as text they stay visible.
            line[f"{which}_log_likelihoods"] = [float(v) if np.isfinite(v) else str(v) for v in values]
        lines.append(json.dumps(line, ensure_ascii=False))
    write_atomically(folder / f"{scores.language}.jsonl", "\n".join(lines) + "\n")


def read_predictions(recipe: Recipe, language: str, folder: Path) -> LanguageScores | None:
    """The scores written for a language, or None where they are missing or of other items."""
    path = folder / f"{language}.jsonl"
    if not path.is_file():
        return None
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    items = build_scored_set(recipe, language)
    if [line["id"] for line in lines] != [item.id for item in items]:
        return None
    values = [
        np.array([[float(v) for v in line[f"{which}_log_likelihoods"]] for line in lines])
        for which in ("adapter", "base")
    ]
    return LanguageScores(language, tuple(items), *values)


def results(recipe: Recipe, scored: Mapping[str, LanguageScores]) -> list[EvalResult]:
    """One result per language (sources first), then the mean over the unseen ones."""
    rows = [_result(recipe, scored[code]) for code in (*recipe.sources, *recipe.targets) if code in scored]
    valid = [row.language for row in rows if row.role == "target" and row.status == "ok"]
    if len(valid) == len(recipe.targets) > 1:
        rows.append(_macro(recipe, [scored[code] for code in valid]))
    return rows


def _result(recipe: Recipe, scores: LanguageScores) -> EvalResult:
    role = "source" if scores.language in recipe.sources else "target"
    common: dict[str, Any] = {
        "task": recipe.task.name,
        "language": scores.language,
        "role": role,
        "variant": VARIANT,
        "metric": recipe.task.metric,
        "n": len(scores.items),
    }
    reason = why_invalid(scores.adapter)
    if reason:
        return _invalid(common, f"adapter: {reason}")
    right = scores.right(scores.adapter)
    low, high = wilson_interval(int(right.sum()), len(right), recipe.scoring.confidence)
    common |= {"value": float(right.mean()), "low": low, "high": high}
    base_reason = why_invalid(scores.base)
    if base_reason:
        return EvalResult(
            **common, base_value=None, gain=None, gain_low=None, gain_high=None, reason=f"base: {base_reason}"
        )
    base_right = scores.right(scores.base)
    gain, gain_low, gain_high = paired_gain(right, base_right, name=scores.language, **_bootstrap(recipe))
    return EvalResult(**common, base_value=float(base_right.mean()), gain=gain, gain_low=gain_low, gain_high=gain_high)


def _invalid(common: Mapping[str, Any], reason: str) -> EvalResult:
    figures = ("value", "low", "high", "base_value", "gain", "gain_low", "gain_high")
    empty: dict[str, Any] = dict.fromkeys(figures)
    return EvalResult(**common, **empty, status="invalid", reason=reason)


def _macro(recipe: Recipe, scored: Sequence[LanguageScores]) -> EvalResult:
    """The unweighted mean over languages; its interval resamples items, in all languages at once."""
    shared = set.intersection(*({item.id for item in s.items} for s in scored))
    columns, base_columns = [], []
    for s in scored:
        by_id = {item.id: i for i, item in enumerate(s.items)}
        order = [by_id[item_id] for item_id in sorted(shared)] if shared else list(range(len(s.items)))
        columns.append(s.right(s.adapter)[order])
        base_columns.append(s.right(s.base)[order])
    width = min(map(len, columns))
    right = np.stack([c[:width] for c in columns], axis=1)
    base_right = np.stack([c[:width] for c in base_columns], axis=1)
    low, high = bootstrap_mean(right.mean(axis=1), name=MACRO, **_bootstrap(recipe))
    common: dict[str, Any] = {
        "task": recipe.task.name,
        "language": MACRO,
        "role": "target",
        "variant": VARIANT,
        "metric": recipe.task.metric,
        "n": int(right.size),
        "value": float(right.mean()),
        "low": low,
        "high": high,
    }
    without_base = [s.language for s in scored if why_invalid(s.base)]
    if without_base:
        reason = f"base: no valid scores in {', '.join(without_base)}"
        return EvalResult(**common, base_value=None, gain=None, gain_low=None, gain_high=None, reason=reason)
    gain, gain_low, gain_high = paired_gain(right, base_right, name=MACRO, **_bootstrap(recipe))
    return EvalResult(**common, base_value=float(base_right.mean()), gain=gain, gain_low=gain_low, gain_high=gain_high)


def _bootstrap(recipe: Recipe) -> dict[str, Any]:
    return {
        "confidence": recipe.scoring.confidence,
        "num_bootstrap": recipe.scoring.num_bootstrap,
        "seed": recipe.seed,
    }
