"""What an answer counts, per measure: right, partly right, unreadable."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mslt_it.problems import Problem
from mslt_it.recipe import METRICS
from mslt_it.records import Message, PromptedExample
from mslt_it.scoring.measures import MEASURES, check_languages, f1, text_counts


def item(language: str, label: str, *references: str) -> PromptedExample:
    return PromptedExample("1", language, (Message("user", "x"),), label, (), label, references or (label,))


def measured(metric: str, items: list[PromptedExample], texts: list[str], number: int = 0) -> tuple[float, int]:
    measure = MEASURES[metric][number]
    counts, unreadable = text_counts(measure, items, texts)
    return float(measure.value(counts.sum(axis=0))), unreadable


def test_every_metric_of_a_recipe_has_its_measure() -> None:
    assert {metric for metrics in METRICS.values() for metric in metrics} == set(MEASURES)
    assert all(MEASURES[name][0].name == name for name in MEASURES)


def test_numbers_are_read_in_the_answers_language_and_the_label_as_in_english() -> None:
    items = [item("de", "2,125"), item("th", "18"), item("en", "7"), item("sw", "5")]
    assert measured("number_accuracy", items, ["Das sind 2.125 Euro.", "คำตอบคือ ๑๘", "eight", "6"]) == (0.5, 1)


def test_questions_take_the_best_reference_and_count_exact_match_beside() -> None:
    items = [item("en", "Ulm", "Ulm", "in Ulm"), item("ja", "東京")]
    assert measured("qa_f1", items, ["The Ulm", "東"]) == (pytest.approx((1 + 2 / 3) / 2), 0)
    assert measured("qa_f1", items, ["The Ulm", "東"], number=1) == (0.5, 0)
    assert measured("qa_f1", items, ["", "東京"]) == (0.5, 1)


def names(tags: list[str]) -> PromptedExample:
    tokens = ["Ada", "Alt", "aus", "Ulm", "und", "Ulm"]
    gold = {"tokens": tokens, "tags": tags, "spaced": True, "kinds": ["PER", "LOC"]}
    return item("de", "?", json.dumps(gold))


def test_spans_are_counted_over_the_whole_language() -> None:
    first = names(["B-PER", "I-PER", "O", "B-LOC", "O", "B-LOC"])
    second = names(["O"] * 6)
    # Two of three found, one of a wrong kind, one invented in a sentence without names.
    value, unreadable = measured("span_f1", [first, second], ["PER: Ada Alt | LOC: Ulm | PER: Ulm", "LOC: Ulm"])
    assert value == pytest.approx(2 * 2 / (2 * 2 + 2 + 1)) and unreadable == 0
    assert measured("span_f1", [first, second], ["PER: Ada Alt | LOC: Ulm | LOC: Ulm", "-"]) == (1.0, 0)
    later = names(["O", "O", "O", "O", "O", "B-LOC"])  # the second Ulm is tagged, and no answer can say which is meant
    assert measured("span_f1", [later], ["LOC: Ulm"]) == (1.0, 0)
    assert measured("span_f1", [first, second], ["Ada Alt from Ulm", "-"]) == (0.0, 1)
    assert measured("span_f1", [first], ["ORG: Ada Alt"]) == (0.0, 1)  # a kind the task does not have


def test_free_text_is_compared_by_chrf() -> None:
    items = [item("en", "a long answer")]
    assert measured("chrf", items, ["a long answer"]) == (pytest.approx(1.0), 0)
    low, unreadable = measured("chrf", items, ["zzz"])
    assert low < 0.05 and unreadable == 0
    assert measured("chrf", items, [""]) == (0.0, 1)


def test_values_take_arrays_of_sums() -> None:
    sums = np.array([[[2.0, 1.0, 1.0], [0.0, 0.0, 0.0]], [[0.0, 3.0, 1.0], [1.0, 0.0, 0.0]]])
    assert f1(sums).tolist() == [[2 / 3, 0.0], [0.0, 1.0]]


def test_a_language_whose_numbers_are_unknown_is_refused_before_training() -> None:
    check_languages("number_accuracy", ["en", "sw"])
    check_languages("accuracy", ["tlh"])
    with pytest.raises(Problem, match="How numbers are written in language 'tlh' is not known"):
        check_languages("number_accuracy", ["en", "tlh"])
