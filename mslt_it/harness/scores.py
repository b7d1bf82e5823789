"""From answers to figures: per language, the mean over unseen languages, and differences paired by item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mslt_it.harness.voting import vote
from mslt_it.problems import Problem
from mslt_it.records import PromptedExample, TaskConfig
from mslt_it.scoring.answer_language import LanguageShare, language_share
from mslt_it.scoring.estimates import Cell, Difference, Settings, differences, macro, single
from mslt_it.scoring.measures import MEASURES, Measure
from mslt_it.scoring.metrics import why_invalid
from mslt_it.scoring.zero_shot import LanguageScores

MACRO = "mean of unseen"
MACRO_ALL = "mean"  # where nothing was trained on, or what was is not known


@dataclass(frozen=True)
class Answered:
    """One system, variant and language: the items and what was answered."""

    task: str
    system: str
    variant: str
    language: str
    role: str  # "source" (the adapter was trained on it), "target", or "seen" (by another system of the evaluation)
    items: tuple[PromptedExample, ...]
    rows: tuple[Mapping[str, Any], ...]  # of the journal; as many per item as there are samples
    prompt_tokens: int  # over all items and samples, the translation stage counted
    new_tokens: int
    reason: str = ""  # why these answers cannot be scored, known beforehand
    num_untranslated: int = 0  # fields whose translation came out empty; the text was left as it is


@dataclass(frozen=True)
class ScoreRow:
    """One figure in [0, 1] and how it came about. Where ``status`` is "invalid", ``reason`` says why."""

    task: str
    system: str
    variant: str
    language: str
    role: str
    metric: str
    n: int  # items
    value: float | None
    low: float | None
    high: float | None
    status: str = "ok"
    reason: str = ""
    samples: int = 1
    num_unparsable: int = 0  # items whose answer could not be read; they count as wrong
    num_cut: int = 0  # written answers that were cut at the token limit
    num_without_room: int = 0  # of these, prompts that fill all positions of the model: nothing was written
    num_untranslated: int = 0
    language_share: float | None = None  # of written answers that could be judged: in the language asked for
    num_language_undecided: int = 0
    prompt_tokens_per_item: float = 0.0
    new_tokens_per_item: float = 0.0


@dataclass(frozen=True)
class Figures:
    """All of an evaluation's figures of one task."""

    rows: tuple[ScoreRow, ...]
    differences: tuple[Difference, ...]  # of the means over the languages that no system has seen
    notes: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        return all(row.status == "ok" for row in self.rows)


def figures(task: TaskConfig, answered: Sequence[Answered], settings: Settings) -> Figures:
    """Scores everything that was answered about one task.

    The mean over unseen languages is over those that no system of the evaluation has seen, so that all systems are
    compared on the same items. Differences are told of the task's main metric: of each pair of systems within a
    variant, and of each pair of variants within a system, corrected together for their number.
    """
    rows: list[ScoreRow] = []
    found: list[Difference] = []
    notes: list[str] = []
    for number, measure in enumerate(MEASURES[task.metric]):
        means: dict[str, list[Cell]] = {}
        for (system, variant), group in _grouped(answered).items():
            own = [_row(task, measure, one, settings) for one in group]
            rows += [row for row, _ in own]
            cells = [cell for (row, cell), one in zip(own, group, strict=True) if cell and one.role == "target"]
            targets = [one for one in group if one.role == "target"]
            if targets and len(cells) == len(targets):
                means[_name(system, variant)] = cells
                rows.append(_mean_row(task, measure, targets, cells, settings, any(o.role != "target" for o in group)))
        if number == 0 and len(means) > 1:
            found = differences(measure, means, _pairs(means), parallel=task.is_parallel, settings=settings)
            without = [n for n in (_name(*key) for key in _grouped(answered)) if n not in means]
            notes += [f"{name}: no valid scores in some language, left out of the comparisons" for name in without]
    return Figures(tuple(rows), tuple(found), tuple(notes))


def _grouped(answered: Iterable[Answered]) -> dict[tuple[str, str], list[Answered]]:
    groups: dict[tuple[str, str], list[Answered]] = {}
    for one in answered:
        groups.setdefault((one.system, one.variant), []).append(one)
    return groups


def _row(task: TaskConfig, measure: Measure, answered: Answered, settings: Settings) -> tuple[ScoreRow, Cell | None]:
    """The figure of one language, and its counts where it has one."""
    items, written = answered.items, answered.items[0].is_written
    samples = len(answered.rows) // len(items)
    common: dict[str, Any] = {
        "task": task.name,
        "system": answered.system,
        "variant": answered.variant,
        "language": answered.language,
        "role": answered.role,
        "metric": measure.name,
        "n": len(items),
        "samples": samples,
        "num_untranslated": answered.num_untranslated,
        "prompt_tokens_per_item": answered.prompt_tokens / len(items),
        "new_tokens_per_item": answered.new_tokens / len(items),
    }
    if written:
        texts = [row["text"] for row in answered.rows]
        common["num_cut"] = sum(bool(row["is_cut"]) for row in answered.rows)
        common["num_without_room"] = sum(row["is_cut"] and not row["num_new_tokens"] for row in answered.rows)
        broken = sum(text is None for text in texts)
        reason = answered.reason or (f"{broken} of {len(texts)} answers have scores that are not finite" * bool(broken))
        if common["num_without_room"] == len(texts):
            reason = reason or "every prompt is longer than the model can read"
        share = None if reason else _share(answered, texts)
        if share is not None:
            common["language_share"], common["num_language_undecided"] = share.share, share.num_undecided
        outputs: Any = () if reason else _voted(items, texts, samples)
    else:
        outputs = np.array([[float(v) for v in row["log_likelihoods"]] for row in answered.rows])
        reason = answered.reason or why_invalid(outputs, same_prompts=len({i.messages for i in items}) == 1)
    if reason:
        return ScoreRow(**common, value=None, low=None, high=None, status="invalid", reason=reason), None
    scores = LanguageScores(answered.language, items, outputs, outputs)
    counts, common["num_unparsable"] = scores.counts(measure, outputs)
    cell = Cell(answered.language, tuple(item.id for item in items), counts)
    found = single(measure, cell, settings=settings)
    return ScoreRow(**common, value=found.value, low=found.low, high=found.high), cell


def _voted(items: Sequence[PromptedExample], texts: Sequence[str], samples: int) -> tuple[str, ...]:
    """One text per item; the samples of an item stand together."""
    groups = [texts[start : start + samples] for start in range(0, len(texts), samples)]
    return tuple(group[vote(item, group)] for item, group in zip(items, groups, strict=True))


def _share(answered: Answered, texts: Sequence[str]) -> LanguageShare | None:
    """In what language the answers are; None where no language was asked for or it cannot be told."""
    wanted = answered.items[0].chain_language
    if not wanted:
        return None
    try:
        return language_share(texts, wanted)
    except Problem:
        return None


def _mean_row(
    task: TaskConfig,
    measure: Measure,
    answered: Sequence[Answered],
    cells: Sequence[Cell],
    settings: Settings,
    some_seen: bool,
) -> ScoreRow:
    first = answered[0]
    found = macro(measure, cells, parallel=task.is_parallel, settings=settings, name=_name(first.system, first.variant))
    rows = [_row(task, measure, one, settings)[0] for one in answered]
    num = sum(row.n for row in rows)
    judged = [row for row in rows if row.language_share is not None]
    return ScoreRow(
        task=task.name,
        system=first.system,
        variant=first.variant,
        language=MACRO if some_seen else MACRO_ALL,
        role="target",
        metric=measure.name,
        n=found.n,
        value=found.value,
        low=found.low,
        high=found.high,
        samples=rows[0].samples,
        num_unparsable=sum(row.num_unparsable for row in rows),
        num_cut=sum(row.num_cut for row in rows),
        num_without_room=sum(row.num_without_room for row in rows),
        num_untranslated=sum(row.num_untranslated for row in rows),
        language_share=float(np.mean([row.language_share for row in judged])) if judged else None,
        num_language_undecided=sum(row.num_language_undecided for row in rows),
        prompt_tokens_per_item=sum(one.prompt_tokens for one in answered) / num,
        new_tokens_per_item=sum(one.new_tokens for one in answered) / num,
    )


def _name(system: str, variant: str) -> str:
    return f"{system} / {variant}"


def _pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs that differ in the system or in the variant but not in both; the later one minus the earlier."""
    parts = [(name, *name.rsplit(" / ", 1)) for name in names]
    return [
        (later[0], earlier[0])
        for number, later in enumerate(parts)
        for earlier in parts[:number]
        if (later[1] == earlier[1]) != (later[2] == earlier[2])
    ]
