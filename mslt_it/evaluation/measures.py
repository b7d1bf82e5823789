"""What a task is measured by: per-item counts, and the figure that sums of them give.

Accuracy counts (right, 1) per item and is the quotient of the sums; span F1 counts (tp, fp, fn) and is that of the
sums (micro average, as conlleval has it); macro-F1 counts what was said and what is right per label. So one bootstrap
over items serves them all.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from mslt_it.data import spans
from mslt_it.evaluation import question_answering
from mslt_it.evaluation.answers.numbers import parse_number
from mslt_it.evaluation.answers.numerals import DECIMAL_COMMA
from mslt_it.evaluation.voting import read_answer
from mslt_it.languages import primary
from mslt_it.records import PromptedExample

Floats = np.ndarray
Outputs = np.ndarray | tuple[str | None, ...]  # log-likelihoods (items, choices), or a written text per item
CHRF_ORDER = 6  # characters of the longest n-gram, as chrF2 has it
# A number between what is none: "$1,234.50 in all".
_ENGLISH_NUMBER = re.compile(r"[^0-9]*(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?[^0-9]*")
_GROUPED_BY_POINT = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")
UNREAD = -1  # in place of a label's number: none could be read, or several were equally likely


class Tagged(str):
    """Names as text, with the tags of the sentence's words that they were found by."""

    tags = ""


def text_of(row: Mapping[str, Any]) -> str | None:
    """The text of a journal's row."""
    if "tags" not in row or row["text"] is None:
        return row["text"]  # type: ignore[no-any-return]
    found = Tagged(row["text"])
    found.tags = row["tags"]
    return found


@dataclass(frozen=True)
class Measure:
    """A figure in [0, 1]."""

    name: str
    value: Callable[[Floats], Floats]  # (..., k) sums of counts -> (...)
    # Of labels: (items,) right and (items,) said ones by number, how many labels there are -> (items, k) counts.
    of_labels: Callable[[Floats, Floats, int], Floats] | None = None
    # Of written answers: (item, text) -> counts, and whether the text could be read as an answer.
    of_text: Callable[[PromptedExample, str], tuple[tuple[float, ...], bool]] | None = None
    is_share: bool = False  # of items that are right: the closed forms of intervals hold

    def counts(self, items: Sequence[PromptedExample], outputs: Outputs) -> tuple[Floats, int]:
        """(items, k) counts, and how many answers could not be read as one (counted as wrong, never guessed)."""
        if self.of_labels is not None:
            said = said_labels(items, outputs)
            unread = 0 if isinstance(outputs, np.ndarray) else int((said == UNREAD).sum())
            return self.of_labels(right_labels(items), said, len(items[0].choices)), unread
        assert self.of_text is not None and not isinstance(outputs, np.ndarray)
        rows = [self.of_text(item, text or "") for item, text in zip(items, outputs, strict=True)]
        return np.array([counts for counts, _ in rows]), sum(not readable for _, readable in rows)


def choice_scores(items: Sequence[PromptedExample], rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """(items, choices) log-likelihoods in nats as the journal has them: of options as continuations per byte or
    character; -inf for an option that an item lacks."""
    scores = np.full((len(items), len(items[0].choices)), -np.inf)
    for number, (item, row) in enumerate(zip(items, rows, strict=True)):
        there = np.array([bool(choice) for choice in item.choices])
        found = np.array([float(value) for value in row["log_likelihoods"]])
        scores[number, there] = found[there] if len(found) == len(there) else found  # a head says all labels
    return scores / np.array([item.lengths for item in items]) if items[0].lengths else scores


def why_invalid(scores: np.ndarray, *, same_prompts: bool = False, there: np.ndarray | None = None) -> str:
    """Why (items, choices) log-likelihoods cannot be turned into an accuracy, or an empty string.

    A broken model gives NaN, infinities or the same score for everything; taking the largest would then answer the
    first label everywhere and look like chance. ``same_prompts``: all items asked the same (of translations, where a
    poor model gives all rows one text), so equal scores are no sign of anything. ``there``: (items, choices) bool,
    which choices an item has; default: all.
    """
    if scores.size == 0:
        return "no items"
    there = np.ones_like(scores, dtype=bool) if there is None else there
    if np.isnan(scores).any():
        return f"{int(np.isnan(scores).any(axis=1).sum())} of {len(scores)} items have a score that is NaN"
    if (infinite := np.isinf(scores) & there).any():
        return f"{int(infinite.any(axis=1).sum())} of {len(scores)} items have an infinite score"
    if (scores.max(axis=1) == np.where(there, scores, np.inf).min(axis=1)).all():
        return "every item has the same score for all its choices"
    if len(scores) > 1 and not same_prompts and (scores == scores[0]).all():
        return "all items have the same scores, whatever they ask"
    return ""


def right_labels(items: Sequence[PromptedExample]) -> Floats:
    """(items,) int: which of its choices is right."""
    words = (item.references[0] if item.is_written else item.answer for item in items)
    return np.array([item.choices.index(word) for item, word in zip(items, words, strict=True)])


def said_labels(items: Sequence[PromptedExample], outputs: Outputs) -> Floats:
    """(items,) int: which choice was likeliest, or was written; ``UNREAD`` where several were equally likely or none
    could be read."""
    if isinstance(outputs, np.ndarray):
        best = outputs.max(axis=1, keepdims=True)
        return np.where((outputs == best).sum(axis=1) == 1, outputs.argmax(axis=1), UNREAD)
    read = [(item.choices, read_answer(item, text or "")) for item, text in zip(items, outputs, strict=True)]
    return np.array([UNREAD if word is None else choices.index(str(word)) for choices, word in read])


def mean(sums: Floats) -> Floats:
    """(..., 2) sums of (score, 1) -> (...)."""
    return sums[..., 0] / sums[..., 1]


def f1(sums: Floats) -> Floats:
    """(..., 3) sums of (tp, fp, fn) -> (...), 0 where nothing was right."""
    below = 2 * sums[..., 0] + sums[..., 1] + sums[..., 2]
    return np.where(sums[..., 0] > 0, 2 * sums[..., 0] / np.maximum(below, 1), 0.0)


def macro_f1(sums: Floats) -> Floats:
    """(..., 3 labels) sums of (right, said, gold) per label -> (...): mean F1 of labels that were said or are right."""
    right, said, gold = np.split(sums, 3, axis=-1)
    below = said + gold
    scores = np.divide(2 * right, below, out=np.zeros_like(below), where=below > 0)
    return scores.sum(axis=-1) / np.maximum((below > 0).sum(axis=-1), 1)


def _accuracy_counts(gold: Floats, said: Floats, num_labels: int) -> Floats:
    right = (gold == said).astype(float)
    return np.stack([right, np.ones_like(right)], axis=1)


def _macro_f1_counts(gold: Floats, said: Floats, num_labels: int) -> Floats:
    labels = np.arange(num_labels)
    of_gold, of_said = (numbers[:, None] == labels for numbers in (gold, said))
    return np.concatenate([of_gold & of_said, of_said, of_gold], axis=1).astype(float)


def _exact_match(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    return (question_answering.exact_match(text, item.references, item.language), 1.0), bool(text)


def _qa_f1(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    return (question_answering.f1(text, item.references, item.language), 1.0), bool(text)


def _number(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    found = read_answer(item, text)
    right = right_number(item.label, item.language)
    return (float(found is not None and found == right), 1.0), found is not None


def right_number(label: str, language: str) -> Decimal | None:
    """Of a right answer, which is written as in English, as upstream's are ("2,125"), or as in its own language: where
    it is no English notation, or has a point before three digits and the language groups by points."""
    by_points = _GROUPED_BY_POINT.fullmatch(label) and primary(language) in DECIMAL_COMMA
    is_english = _ENGLISH_NUMBER.fullmatch(label) and not by_points
    own = None if is_english else parse_number(label, language)
    return parse_number(label, "en") if own is None else own


def _spans(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    gold = json.loads(item.references[0])
    if isinstance(text, Tagged):  # where a name stands is known
        return tuple(map(float, spans.span_counts(gold["tags"], spans.chunks(text.tags.split())))), True
    predicted = spans.decode(text, kinds=gold["kinds"])
    chunks = spans.align(predicted or [], gold["tokens"], spaced=gold["spaced"], gold=spans.chunks(gold["tags"]))
    return tuple(map(float, spans.span_counts(gold["tags"], chunks))), predicted is not None


def _chrf(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    return (_chrf_scorer().sentence_score(text, list(item.references)).score / 100, 1.0), bool(text)


def _chrf_counts(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    """(n-grams of the answer, of the reference, common) of each order, as sacrebleu adds them up: against the reference
    that the answer is best by."""
    from sacrebleu.metrics.helpers import extract_all_char_ngrams

    best = max(item.references, key=lambda reference: _chrf_scorer().sentence_score(text, [reference]).score)
    said, right = (extract_all_char_ngrams(one, CHRF_ORDER) for one in (text, best))
    counts = [(h.total() if r else 0, r.total(), (h & r).total()) for h, r in zip(said, right, strict=True)]
    return tuple(float(count) for order in counts for count in order), bool(text)


def corpus_chrf(sums: Floats) -> Floats:
    """(..., 3 orders) sums of (answers' n-grams, references', common) -> (...): chrF2 of all text as one (Popović 2015;
    averaged over the orders that there are, as sacrebleu does)."""
    said, right, common = (sums[..., part::3] for part in range(3))
    there = (said > 0) & (right > 0)
    number = np.maximum(there.sum(axis=-1), 1)
    precision, recall = (
        np.divide(common, whole, out=np.zeros_like(common, dtype=float), where=there).sum(axis=-1) / number
        for whole in (said, right)
    )
    below = 4 * precision + recall
    return np.divide(5 * precision * recall, below, out=np.zeros_like(below), where=below > 0)


@functools.cache
def _chrf_scorer():  # type: ignore[no-untyped-def]
    from sacrebleu.metrics import CHRF

    return CHRF()  # chrF2 (Popović 2015), the mean over items


# A label is chosen by its log-likelihood, or read out of a chain of thought.
ACCURACY = Measure("accuracy", mean, of_labels=_accuracy_counts, is_share=True)
MACRO_F1 = Measure("macro_f1", macro_f1, of_labels=_macro_f1_counts)
# The first of each is what tables show first.
MEASURES: dict[str, tuple[Measure, ...]] = {
    "accuracy": (ACCURACY, MACRO_F1),
    "macro_f1": (MACRO_F1, ACCURACY),
    "number_accuracy": (Measure("number_accuracy", mean, of_text=_number, is_share=True),),
    "qa_f1": (
        Measure("qa_f1", mean, of_text=_qa_f1),
        Measure("exact_match", mean, of_text=_exact_match, is_share=True),
    ),
    "span_f1": (Measure("span_f1", f1, of_text=_spans),),
    "chrf": (Measure("chrf", mean, of_text=_chrf), Measure("corpus_chrf", corpus_chrf, of_text=_chrf_counts)),
}


def check_languages(metric: str, languages: Sequence[str]) -> None:
    """A Problem, before anything is trained, for a language in which answers of this metric could not be read."""
    if metric == "number_accuracy":
        for code in languages:
            parse_number("1", code)
