"""Zero-shot scoring: base and adapter on the same items of every language."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mslt_it.data.build import build_scored_set
from mslt_it.data.encoding import Encoder
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.choices import choice_requests
from mslt_it.evaluation.estimates import Settings, difference, macro, single
from mslt_it.evaluation.generation import generate_answers
from mslt_it.evaluation.label_reports import Chance, LabelReport, above_chance, label_report, p_above_chance
from mslt_it.evaluation.likelihood import choice_log_likelihoods
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import ACCURACY, MEASURES, Measure, Outputs
from mslt_it.evaluation.validity import why_invalid
from mslt_it.records import EvalResult, PromptedExample, Recipe
from mslt_it.store import write_atomically

MACRO = "mean of unseen"
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

    def cell(self, measure: Measure, outputs: Outputs) -> tuple[Cell, int]:
        """A model's counts, and how many answers could not be read."""
        counts, num_unread = measure.counts(self.items, outputs)
        ids, groups = (tuple(getattr(item, name) for item in self.items) for name in ("id", "group"))
        return Cell(self.language, ids, counts, groups), num_unread


@dataclass(frozen=True)
class Asked:
    """What base scores depend on, beside the base: one language's items as they are asked."""

    language: str
    items: Sequence[PromptedExample]
    prompts: Sequence[Sequence[int]]  # token ids


def score_language(
    recipe: Recipe,
    language: str,
    model: Any,
    encoder: Encoder,
    *,
    base_scores: Callable[[Asked, Callable[[], Outputs]], Outputs] = lambda asked, compute: compute(),
    rows: RowStore | None = None,
) -> LanguageScores:
    """Scores one language's rows with the adapter on and off.

    ``base_scores`` may know what ``compute()`` would give, since the base without an adapter is the same for every run.
    """
    items = build_scored_set(recipe, language, rows=rows)
    prompts = encoder.prompt_ids_all([item.messages for item in items])
    pad = encoder.tokenizer.pad_token_id
    pad = encoder.end_id if pad is None else pad
    if not items[0].is_written:
        answer = _chosen(recipe, items, encoder, pad)
    else:
        answer = _written(recipe, encoder, prompts, pad)
    with tqdm(total=2 * len(items), desc=f"scoring {language}", disable=None, leave=False) as bar:
        adapter = answer(model, bar.update)

        def without_adapter() -> Outputs:
            with model.disable_adapter():
                return answer(model, bar.update)

        base = base_scores(Asked(language, items, prompts), without_adapter)
    return LanguageScores(language, tuple(items), adapter, base)


def _chosen(recipe: Recipe, items: Sequence[PromptedExample], encoder: Encoder, pad: int) -> Answer:
    requests = choice_requests(items, encoder)

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
            max_new_tokens=recipe.task.max_answer_tokens
            if recipe.prompt.variant == "direct"
            else recipe.scoring.max_chain_tokens,
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
        if item.group:
            line["group"] = item.group
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


def read_predictions(
    recipe: Recipe, language: str, folder: Path, rows: RowStore | None = None
) -> LanguageScores | None:
    """The scores written for a language, or None where they are missing or of other items."""
    path = folder / f"{language}.jsonl"
    if not path.is_file():
        return None
    # Not splitlines(): a generated text may hold U+2028, which JSON leaves as it is.
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    items = build_scored_set(recipe, language, rows=rows)
    if [line["id"] for line in lines] != [item.id for item in items]:
        return None
    values: list[Outputs] = []
    for which in ("adapter", "base"):
        if not items[0].is_written:
            values.append(np.array([[float(v) for v in line[f"{which}_log_likelihoods"]] for line in lines]))
        else:
            values.append(tuple(line[f"{which}_prediction"] for line in lines))
    return LanguageScores(language, tuple(items), *values)


def results(recipe: Recipe, scored: Mapping[str, LanguageScores], train_counts: Mapping[str, int]) -> list[EvalResult]:
    """One result per measure and language (sources first), then the mean over the unseen ones.

    The rows of the task's main metric come first.

    Args:
        train_counts: label -> training rows; empty where answers are no labels.
    """
    rows = []
    for measure in MEASURES[recipe.task.metric]:
        own = [_result(recipe, measure, scored[code]) for code in (*recipe.sources, *recipe.targets) if code in scored]
        own = [_beside_chance(recipe, row, scored[row.language], train_counts) for row in own]
        own = _judged(recipe, own, scored)
        unseen = [row for row in own if row.role == "target" and row.status == "ok"]
        if len(unseen) == len(recipe.targets) > 1:
            own.append(_macro(recipe, measure, [scored[row.language] for row in unseen], unseen))
        rows += own
    return rows


def label_reports(recipe: Recipe, scored: Mapping[str, LanguageScores]) -> list[LabelReport]:
    """Of every language, adapter and base: what became of each label; none where answers are no labels."""
    names = recipe.task.choice_names
    return [
        label_report(s.items, outputs, names, system=system, variant=recipe.prompt.variant, language=code)
        for code, s in scored.items()
        for system, outputs in (("adapter", s.adapter), ("base", s.base))
        if names and not _why_invalid(outputs)
    ]


def _result(recipe: Recipe, measure: Measure, scores: LanguageScores) -> EvalResult:
    common = _common(recipe, measure, scores.language, len(scores.items))
    common["role"] = "source" if scores.language in recipe.sources else "target"
    reason = _why_invalid(scores.adapter)
    if reason:
        return _invalid(common, f"adapter: {reason}")
    adapter, common["num_unparsable"] = scores.cell(measure, scores.adapter)
    found = single(measure, adapter, settings=_settings(recipe))
    common |= {"value": found.value, "low": found.low, "high": found.high, "num_groups": found.num_groups}
    base_reason = _why_invalid(scores.base)
    if base_reason:
        return _without_base(common, f"base: {base_reason}")
    base, _ = scores.cell(measure, scores.base)
    return _with_gain(recipe, measure, common, [adapter], [base])


def _beside_chance(
    recipe: Recipe, row: EvalResult, scores: LanguageScores, train_counts: Mapping[str, int]
) -> EvalResult:
    """The row with what knows nothing of the text would get, where answers are labels."""
    names = recipe.task.choice_names
    if not names:
        return row
    chance = Chance.of(scores.items, names, train_counts)
    report = label_report(scores.items, scores.adapter, names, system="", variant="", language=row.language)
    return dataclasses.replace(
        row,
        majority_share=chance.majority_share,
        train_majority_share=chance.train_majority_share,
        only_label=report.only_label if row.status == "ok" else "",
    )


def _judged(recipe: Recipe, rows: Sequence[EvalResult], scored: Mapping[str, LanguageScores]) -> list[EvalResult]:
    """The rows with whether the unseen languages among them are above chance; of accuracy alone."""
    p = {}
    for row in rows:
        if row.metric == ACCURACY.name and row.role == "target" and row.status == "ok":
            scores = scored[row.language]
            chance = Chance.of(scores.items, recipe.task.choice_names, {})
            cell, _ = scores.cell(ACCURACY, scores.adapter)
            p[row.language] = p_above_chance(scores.items, cell, chance)
    above = above_chance(p, recipe.scoring.confidence)
    return [dataclasses.replace(row, is_above_chance=above.get(row.language)) for row in rows]


def _settings(recipe: Recipe) -> Settings:
    return Settings(recipe.scoring.confidence, recipe.scoring.num_bootstrap)


def _with_gain(
    recipe: Recipe, measure: Measure, common: Mapping[str, Any], adapter: Sequence[Cell], base: Sequence[Cell]
) -> EvalResult:
    """``common``'s row with the base's figure and the adapter's gain on it, both on the same drawn items."""
    gain = difference(
        measure,
        adapter,
        base,
        settings=_settings(recipe),
        name_a="adapter",
        name_b="base",
    )
    return EvalResult(
        **common,
        base_value=gain.value_b,
        gain=gain.value,
        gain_low=gain.low,
        gain_high=gain.high,
        gain_languages_low=gain.languages_low,
        gain_languages_high=gain.languages_high,
    )


def _without_base(common: Mapping[str, Any], reason: str) -> EvalResult:
    return EvalResult(**common, base_value=None, gain=None, gain_low=None, gain_high=None, reason=reason)


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
        "variant": recipe.prompt.variant,
        "metric": measure.name,
        "n": n,
    }


def _invalid(common: Mapping[str, Any], reason: str) -> EvalResult:
    figures = ("value", "low", "high", "base_value", "gain", "gain_low", "gain_high")
    empty: dict[str, Any] = dict.fromkeys(figures)
    return EvalResult(**common, **empty, status="invalid", reason=reason)


def _macro(
    recipe: Recipe, measure: Measure, scored: Sequence[LanguageScores], rows: Sequence[EvalResult]
) -> EvalResult:
    """The unweighted mean over the unseen languages' rows."""
    adapter = [s.cell(measure, s.adapter)[0] for s in scored]
    found = macro(measure, adapter, settings=_settings(recipe), name=MACRO)
    common = _common(recipe, measure, MACRO, found.n)
    common |= {"value": found.value, "low": found.low, "high": found.high}
    common |= {"num_groups": found.num_groups, "num_shared": found.num_shared}
    common |= {"languages_low": found.languages_low, "languages_high": found.languages_high}
    common["num_unparsable"] = sum(row.num_unparsable for row in rows)
    for name in ("majority_share", "train_majority_share"):
        shares = [getattr(row, name) for row in rows]
        common[name] = None if None in shares else float(np.mean(shares))
    without_base = [s.language for s in scored if _why_invalid(s.base)]
    if without_base:
        return _without_base(common, f"base: no valid scores in {', '.join(without_base)}")
    base = [s.cell(measure, s.base)[0] for s in scored]
    return _with_gain(recipe, measure, common, adapter, base)
