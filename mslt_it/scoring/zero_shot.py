"""Zero-shot scoring: base and adapter on the same items of every language."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mslt_it.data.build import build_scored_set
from mslt_it.data.encoding import Encoder
from mslt_it.records import EvalResult, PromptedExample, Recipe
from mslt_it.scoring.generation import generate_answers
from mslt_it.scoring.likelihood import Request, choice_log_likelihoods
from mslt_it.scoring.measures import MEASURES, Measure, text_counts
from mslt_it.scoring.metrics import why_invalid, wilson_interval
from mslt_it.scoring.resampling import bootstrap
from mslt_it.tuning.checkpoints import write_atomically

VARIANT = "direct"
MACRO = "mean of unseen"
Outputs = np.ndarray | tuple[str | None, ...]
Answer = Callable[[Any, Callable[[int], object]], Outputs]


@dataclass(frozen=True)
class LanguageScores:
    """One language's items and what adapter and base made of them.

    ``adapter``, ``base``: log-likelihoods (items, choices) where an answer is chosen; else the generated texts, None
    where the model's scores were not finite.
    """

    language: str
    items: tuple[PromptedExample, ...]
    adapter: Outputs
    base: Outputs

    def right(self, scores: np.ndarray) -> np.ndarray:
        """bool (items,): is the largest score that of the right choice? Equal scores count as wrong."""
        gold = np.array([item.choices.index(item.answer) for item in self.items])
        best = scores.max(axis=1, keepdims=True)
        return (scores.argmax(axis=1) == gold) & ((scores == best).sum(axis=1) == 1)

    def counts(self, measure: Measure, outputs: Outputs) -> tuple[np.ndarray, int]:
        """(items, k) counts of a measure, and how many answers could not be read."""
        if isinstance(outputs, np.ndarray):
            right = self.right(outputs).astype(float)
            return np.stack([right, np.ones_like(right)], axis=1), 0
        return text_counts(measure, self.items, [text or "" for text in outputs])


def score_language(recipe: Recipe, language: str, model: Any, encoder: Encoder) -> LanguageScores:
    """Scores one language's rows with the adapter on and off."""
    items = build_scored_set(recipe, language)
    prompts = encoder.prompt_ids_all([item.messages for item in items])
    pad = encoder.tokenizer.pad_token_id
    pad = encoder.end_id if pad is None else pad
    if recipe.task.choice_names:
        answer = _chosen(recipe, items, encoder, prompts, pad)
    else:
        answer = _written(recipe, encoder, prompts, pad)
    found = []
    with tqdm(total=2 * len(items), desc=f"scoring {language}", disable=None, leave=False) as bar:
        for adapter_on in (True, False):
            with nullcontext() if adapter_on else model.disable_adapter():
                found.append(answer(model, bar.update))
    return LanguageScores(language, tuple(items), *found)


def _chosen(
    recipe: Recipe, items: Sequence[PromptedExample], encoder: Encoder, prompts: Sequence[Sequence[int]], pad: int
) -> Answer:
    words = sorted({choice for item in items for choice in item.choices})
    ids = dict(zip(words, map(tuple, encoder.user_ids(words)), strict=True))
    if any(a != b and b[: len(a)] == a for a in ids.values() for b in ids.values()):
        # One answer begins another ("pay", "pay later"): only the end token tells them apart.
        ids = {word: (*row, encoder.end_id) for word, row in ids.items()}
    requests = [
        Request(tuple(prompt), tuple(ids[choice] for choice in item.choices))
        for item, prompt in zip(items, prompts, strict=True)
    ]

    def answer(model: Any, advance: Callable[[int], object]) -> Outputs:
        return choice_log_likelihoods(
            model, requests, batch_tokens=recipe.scoring.batch_tokens, pad_id=pad, advance=advance
        )

    return answer


def _written(recipe: Recipe, encoder: Encoder, prompts: Sequence[Sequence[int]], pad: int) -> Answer:
    def answer(model: Any, advance: Callable[[int], object]) -> Outputs:
        return generate_answers(
            model,
            prompts,
            max_new_tokens=recipe.task.max_answer_tokens,
            end_id=encoder.end_id,
            pad_id=pad,
            batch_tokens=recipe.scoring.batch_tokens,
            decode=encoder.decode_text,
            advance=advance,
        )

    return answer


def write_predictions(scores: LanguageScores, recipe: Recipe, folder: Path) -> None:
    """One JSON line per item: id, gold, and of both models the label chosen with all log-likelihoods, or the text."""
    names = recipe.task.choice_names
    lines = []
    for number, item in enumerate(scores.items):
        line: dict[str, Any] = {"id": item.id, "language": scores.language, "label": item.label}
        for which, outputs in (("adapter", scores.adapter), ("base", scores.base)):
            values = outputs[number]
            if isinstance(values, np.ndarray):
                line[f"{which}_prediction"] = names[int(values.argmax())] if np.isfinite(values).all() else None
                # JSON has no NaN or infinity; written as text they stay visible.
                line[f"{which}_log_likelihoods"] = [float(v) if np.isfinite(v) else str(v) for v in values]
            else:
                line[f"{which}_prediction"] = values
        lines.append(json.dumps(line, ensure_ascii=False))
    write_atomically(folder / f"{scores.language}.jsonl", "\n".join(lines) + "\n")


def read_predictions(recipe: Recipe, language: str, folder: Path) -> LanguageScores | None:
    """The scores written for a language, or None where they are missing or of other items."""
    path = folder / f"{language}.jsonl"
    if not path.is_file():
        return None
    # Not splitlines(): a generated text may hold U+2028, which JSON leaves as it is.
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    items = build_scored_set(recipe, language)
    if [line["id"] for line in lines] != [item.id for item in items]:
        return None
    values: list[Outputs] = []
    for which in ("adapter", "base"):
        if recipe.task.choice_names:
            values.append(np.array([[float(v) for v in line[f"{which}_log_likelihoods"]] for line in lines]))
        else:
            values.append(tuple(line[f"{which}_prediction"] for line in lines))
    return LanguageScores(language, tuple(items), *values)


def results(recipe: Recipe, scored: Mapping[str, LanguageScores]) -> list[EvalResult]:
    """One result per measure and language (sources first), then the mean over the unseen ones.

    The rows of the task's main metric come first.
    """
    rows = []
    for measure in MEASURES[recipe.task.metric]:
        own = [_result(recipe, measure, scored[code]) for code in (*recipe.sources, *recipe.targets) if code in scored]
        valid = [row.language for row in own if row.role == "target" and row.status == "ok"]
        if len(valid) == len(recipe.targets) > 1:
            own.append(_macro(recipe, measure, [scored[code] for code in valid]))
        rows += own
    return rows


def _result(recipe: Recipe, measure: Measure, scores: LanguageScores) -> EvalResult:
    common = _common(recipe, measure, scores.language, len(scores.items))
    common["role"] = "source" if scores.language in recipe.sources else "target"
    reason = _why_invalid(scores.adapter)
    if reason:
        return _invalid(common, f"adapter: {reason}")
    counts, common["num_unparsable"] = scores.counts(measure, scores.adapter)
    common["value"] = value = float(measure.value(counts.sum(axis=0)))
    if measure.is_share:
        common["low"], common["high"] = wilson_interval(int(counts[:, 0].sum()), len(counts), recipe.scoring.confidence)
    else:
        name = f"{measure.name} {scores.language}"
        common["low"], common["high"] = bootstrap(
            [counts], lambda s: measure.value(s[0]), name=name, **_bootstrap(recipe)
        )
    base_reason = _why_invalid(scores.base)
    if base_reason:
        return EvalResult(
            **common, base_value=None, gain=None, gain_low=None, gain_high=None, reason=f"base: {base_reason}"
        )
    base_counts, _ = scores.counts(measure, scores.base)
    base_value = float(measure.value(base_counts.sum(axis=0)))
    low, high = _gain_interval(recipe, measure, [(counts, base_counts)], joint=True, name=scores.language)
    return EvalResult(**common, base_value=base_value, gain=value - base_value, gain_low=low, gain_high=high)


def _why_invalid(outputs: Outputs) -> str:
    if isinstance(outputs, np.ndarray):
        return why_invalid(outputs)
    broken = sum(text is None for text in outputs)
    return f"{broken} of {len(outputs)} answers were generated from scores that are not finite" if broken else ""


def _common(recipe: Recipe, measure: Measure, language: str, n: int) -> dict[str, Any]:
    return {
        "task": recipe.task.name,
        "language": language,
        "role": "target",
        "variant": VARIANT,
        "metric": measure.name,
        "n": n,
    }


def _invalid(common: Mapping[str, Any], reason: str) -> EvalResult:
    figures = ("value", "low", "high", "base_value", "gain", "gain_low", "gain_high")
    empty: dict[str, Any] = dict.fromkeys(figures)
    return EvalResult(**common, **empty, status="invalid", reason=reason)


def _macro(recipe: Recipe, measure: Measure, scored: Sequence[LanguageScores]) -> EvalResult:
    """The unweighted mean over languages; its interval resamples items.

    Where the languages' items are translations of each other, those that every language has are counted, and an item is
    drawn in all languages at once; else all items are, and each language's are drawn by themselves.
    """
    of_adapter, of_base = [], []
    for s in scored:
        counts, _ = s.counts(measure, s.adapter)
        of_adapter.append(counts)
        of_base.append(s.counts(measure, s.base)[0] if not _why_invalid(s.base) else np.zeros_like(counts))
    shared = set.intersection(*({item.id for item in s.items} for s in scored))
    joint = recipe.task.is_parallel and bool(shared)
    pairs = list(zip(of_adapter, of_base, strict=True))
    if joint:
        order = [[i for i, _ in sorted(_shared(s, shared), key=lambda p: p[1])] for s in scored]
        pairs = [(a[rows], b[rows]) for (a, b), rows in zip(pairs, order, strict=True)]
    common = _common(recipe, measure, MACRO, sum(len(a) for a, _ in pairs))
    value = float(np.mean([measure.value(a.sum(axis=0)) for a, _ in pairs]))
    groups = [np.concatenate([a for a, _ in pairs], axis=1)] if joint else [a for a, _ in pairs]

    def statistic(sums: Sequence[np.ndarray]) -> np.ndarray:
        each = np.split(sums[0], len(scored), axis=-1) if joint else sums
        return np.asarray(np.mean([measure.value(part) for part in each], axis=0))

    low, high = bootstrap(groups, statistic, name=f"{measure.name} {MACRO}", **_bootstrap(recipe))
    common |= {"value": value, "low": low, "high": high}
    without_base = [s.language for s in scored if _why_invalid(s.base)]
    if without_base:
        reason = f"base: no valid scores in {', '.join(without_base)}"
        return EvalResult(**common, base_value=None, gain=None, gain_low=None, gain_high=None, reason=reason)
    base_value = float(np.mean([measure.value(b.sum(axis=0)) for _, b in pairs]))
    gain_low, gain_high = _gain_interval(recipe, measure, pairs, joint=joint, name=MACRO)
    return EvalResult(**common, base_value=base_value, gain=value - base_value, gain_low=gain_low, gain_high=gain_high)


def _shared(scores: LanguageScores, ids: set[str]) -> Iterator[tuple[int, str]]:
    """(position, id) of the items with one of the ids."""
    return ((i, item.id) for i, item in enumerate(scores.items) if item.id in ids)


def _gain_interval(
    recipe: Recipe, measure: Measure, pairs: Sequence[tuple[np.ndarray, np.ndarray]], *, joint: bool, name: str
) -> tuple[float, float]:
    """Of the mean over languages of adapter minus base, both on the same drawn items."""
    blocks = [np.concatenate(pair, axis=1) for pair in pairs]
    groups = [np.concatenate(blocks, axis=1)] if joint else blocks

    def statistic(sums: Sequence[np.ndarray]) -> np.ndarray:
        each = np.split(sums[0], len(pairs), axis=-1) if joint else sums
        gains = []
        for part in each:
            adapter, base = np.split(part, 2, axis=-1)
            gains.append(measure.value(adapter) - measure.value(base))
        return np.asarray(np.mean(gains, axis=0))

    return bootstrap(groups, statistic, name=f"gain {measure.name} {name}", **_bootstrap(recipe))


def _bootstrap(recipe: Recipe) -> dict[str, Any]:
    return {
        "confidence": recipe.scoring.confidence,
        "num_bootstrap": recipe.scoring.num_bootstrap,
        "seed": recipe.seed,
    }
