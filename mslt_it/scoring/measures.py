"""What a task is measured by: per-item counts, and the figure that sums of them give.

Accuracy counts (right, 1) per item and is the quotient of the sums; span F1 counts (tp, fp, fn) and is that of the
sums (micro average, as conlleval has it). So one bootstrap over items serves them all.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mslt_it.data import spans
from mslt_it.data.shapes import NO_NAMES
from mslt_it.records import PromptedExample
from mslt_it.scoring import question_answering
from mslt_it.scoring.answers import extract
from mslt_it.scoring.numbers import parse_number, same_number

Floats = np.ndarray


@dataclass(frozen=True)
class Measure:
    """A figure in [0, 1]."""

    name: str
    value: Callable[[Floats], Floats]  # (..., k) sums of counts -> (...)
    # (item, generated text) -> counts, and whether the text could be read as an answer
    counts: Callable[[PromptedExample, str], tuple[tuple[float, ...], bool]]
    is_share: bool = False  # of items that are right: Wilson's interval holds


def mean(sums: Floats) -> Floats:
    """(..., 2) sums of (score, 1) -> (...)."""
    return sums[..., 0] / sums[..., 1]


def f1(sums: Floats) -> Floats:
    """(..., 3) sums of (tp, fp, fn) -> (...), 0 where nothing was right."""
    below = 2 * sums[..., 0] + sums[..., 1] + sums[..., 2]
    return np.where(sums[..., 0] > 0, 2 * sums[..., 0] / np.maximum(below, 1), 0.0)


def _label(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    found = extract(text, "label", item.read_in, {word: word for word in item.choices})
    return (float(found is not None and found.value == item.references[0]), 1.0), found is not None


def _exact_match(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    return (question_answering.exact_match(text, item.references, item.language), 1.0), bool(text)


def _qa_f1(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    return (question_answering.f1(text, item.references, item.language), 1.0), bool(text)


def _number(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    found = parse_number(text, item.read_in)
    # Upstream the right answer is written as in English ("2,125").
    return (float(found is not None and same_number(found, parse_number(item.label, "en"))), 1.0), found is not None


def _spans(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    gold = json.loads(item.references[0])
    predicted = spans.decode(text, none_word=NO_NAMES, kinds=gold["kinds"])
    chunks = spans.align(predicted or [], gold["tokens"], spaced=gold["spaced"], gold=spans.chunks(gold["tags"]))
    total = sum(spans.span_counts(gold["tags"], chunks).values(), spans.Counts())
    return (float(total.tp), float(total.fp), float(total.fn)), predicted is not None


def _chrf(item: PromptedExample, text: str) -> tuple[tuple[float, ...], bool]:
    return (_chrf_scorer().sentence_score(text, list(item.references)).score / 100, 1.0), bool(text)


@functools.cache
def _chrf_scorer():  # type: ignore[no-untyped-def]
    from sacrebleu.metrics import CHRF

    return CHRF()  # chrF2 (Popović 2015), the mean over items


# A label is chosen by its log-likelihood, or read out of a chain of thought.
ACCURACY = Measure("accuracy", mean, _label, is_share=True)
# The first of each is what tables show.
MEASURES: dict[str, tuple[Measure, ...]] = {
    "accuracy": (ACCURACY,),
    "number_accuracy": (Measure("number_accuracy", mean, _number, is_share=True),),
    "qa_f1": (Measure("qa_f1", mean, _qa_f1), Measure("exact_match", mean, _exact_match, is_share=True)),
    "span_f1": (Measure("span_f1", f1, _spans),),
    "chrf": (Measure("chrf", mean, _chrf),),
}


def check_languages(metric: str, languages: Sequence[str]) -> None:
    """A Problem, before anything is trained, for a language in which answers of this metric could not be read."""
    if metric == "number_accuracy":
        for code in languages:
            parse_number("1", code)


def text_counts(measure: Measure, items: Sequence[PromptedExample], texts: Sequence[str]) -> tuple[Floats, int]:
    """(items, k) counts, and how many texts could not be read as an answer (counted as wrong, never guessed)."""
    rows = [measure.counts(item, text) for item, text in zip(items, texts, strict=True)]
    return np.array([counts for counts, _ in rows]), sum(not readable for _, readable in rows)
