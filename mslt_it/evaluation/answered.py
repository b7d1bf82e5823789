"""What was answered in one language, what it comes to per item, and which labels were said, scored or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mslt_it.config.recipe import TaskConfig
from mslt_it.data.build import build_scored_set
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.measures import UNREAD, Outputs, choice_scores, said_labels, text_of, why_invalid
from mslt_it.evaluation.voting import vote
from mslt_it.journal import read_answers
from mslt_it.models.finished_run import ADAPTER, FinishedRun
from mslt_it.places import ITEMS, TRAIN_AGAIN
from mslt_it.problems import Problem
from mslt_it.records import PromptedExample
from mslt_it.store import is_intact

COLLAPSED = 0.95  # share of one label from which on a language says nothing else


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


@dataclass(frozen=True, eq=False)
class Out:
    """What the answers of one system, variant and language come to, one per item; or why they are none."""

    outputs: Outputs
    reason: str


def outputs_of(answered: Answered) -> Out:
    """Log-likelihoods (items, choices), or one text per item, which of several samples is the vote."""
    items = answered.items
    if not items[0].is_written:
        scores = choice_scores(items, answered.rows)
        there = np.array([[bool(choice) for choice in item.choices] for item in items])
        same = len({item.messages for item in items}) == 1
        return Out(scores, answered.reason or why_invalid(scores, same_prompts=same, there=there))
    texts: list[Any] = list(map(text_of, answered.rows))
    broken = sum(text is None for text in texts)
    reason = answered.reason or (f"{broken} of {len(texts)} answers have scores that are not finite" * bool(broken))
    if all(row["is_cut"] and not row["num_new_tokens"] for row in answered.rows):
        reason = reason or "every prompt is longer than the model can read"
    return Out(() if reason else _voted(items, texts, len(texts) // len(items)), reason)


def _voted(items: Sequence[PromptedExample], texts: Sequence[str], samples: int) -> tuple[str, ...]:
    """One text per item; the samples of an item stand together."""
    groups = [texts[start : start + samples] for start in range(0, len(texts), samples)]
    return tuple(group[vote(item, group)] for item, group in zip(items, groups, strict=True))


@dataclass(frozen=True)
class Spread:
    """The labels said in one language. Of answers that are text there are none: how many came out empty is all."""

    language: str
    role: str  # "source": of held-out rows, which are scored as well; "target": nothing is known of these rows
    n: int
    labels: Mapping[str, float]  # label -> share of the rows
    num_unread: int  # answers that name no label, or several equally; texts that are empty
    reason: str = ""  # why the answers are none

    @property
    def collapsed(self) -> str:
        """The label that nearly every row got; "" where there is none."""
        label = max(self.labels, key=lambda name: self.labels[name], default="")
        return label if label and self.n > 1 and self.labels[label] >= COLLAPSED else ""


def spread(task: TaskConfig, answered: Answered) -> Spread:
    """How often each label was said, whatever is right."""
    found, n = outputs_of(answered), len(answered.items)
    common: dict[str, Any] = {"language": answered.language, "role": answered.role, "n": n, "reason": found.reason}
    if found.reason:
        return Spread(**common, labels={}, num_unread=n)
    if not task.choice_names:
        return Spread(**common, labels={}, num_unread=sum(not text for text in found.outputs))
    said = said_labels(answered.items, found.outputs)
    counts = np.bincount(said[said != UNREAD], minlength=len(task.choice_names))
    labels = {name: float(count / n) for name, count in zip(task.choice_names, counts, strict=True)}
    return Spread(**common, labels=labels, num_unread=int((said == UNREAD).sum()))


def stored_answers(run: FinishedRun, languages: Sequence[str]) -> list[Answered]:
    """What a finished run's adapter answered, from its journals, under the name of its folder."""
    store = RowStore()
    task, variant, found = run.recipe.task.name, run.recipe.prompt.variant, list[Answered]()
    for code in languages:
        items = tuple(build_scored_set(run.recipe, code, rows=store))
        path = run.folder / ITEMS / task / variant / ADAPTER / f"{code}.jsonl"
        read = read_answers(path) if is_intact(run.folder, path.relative_to(run.folder).as_posix()) else None
        if read is None:
            raise Problem(f"{path} has changed since the run finished. {TRAIN_AGAIN}")
        rows = {row["id"]: row for row in read}
        of_items = tuple(rows[item.id] for item in items)
        found.append(Answered(task, run.folder.name, variant, code, "target", items, of_items, 0, 0))
    return found
