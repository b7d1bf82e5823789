"""What an answer counts, per measure: right, partly right, unreadable."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sacrebleu.metrics import CHRF
from sklearn.metrics import accuracy_score, f1_score

from mslt_it.config.recipe import METRICS
from mslt_it.evaluation.measures import (
    ACCURACY,
    MACRO_F1,
    MEASURES,
    UNREAD,
    check_languages,
    choice_scores,
    f1,
    right_labels,
    said_labels,
    text_of,
)
from mslt_it.problems import Problem
from mslt_it.records import Message, PromptedExample


def item(language: str, label: str, *references: str) -> PromptedExample:
    return PromptedExample("1", language, (Message("user", "x"),), label, (), label, references or (label,))


def measured(metric: str, items: list[PromptedExample], texts: list[str], number: int = 0) -> tuple[float, int]:
    measure = MEASURES[metric][number]
    counts, unreadable = measure.counts(items, tuple(texts))
    return float(measure.value(counts.sum(axis=0))), unreadable


def test_an_option_that_an_item_lacks_has_no_score_of_a_head_or_of_the_others() -> None:
    few = PromptedExample("1", "de", (Message("user", "x"),), "Ja", ("Ja", "", "Nein"), "Ja", ("Ja",))
    for values in ([-1.0, -0.1, -2.0], [-1.0, -2.0]):  # a head says all labels
        assert choice_scores([few], [{"log_likelihoods": values}]).tolist() == [[-1.0, -np.inf, -2.0]]


def test_every_metric_of_a_recipe_has_its_measure() -> None:
    assert {metric for metrics in METRICS.values() for metric in metrics} == set(MEASURES)
    assert all(MEASURES[name][0].name == name for name in MEASURES)


def test_numbers_are_read_in_the_answers_language_and_the_label_as_in_english() -> None:
    items = [item("de", "2,125"), item("th", "18"), item("en", "7"), item("sw", "5")]
    assert measured("number_accuracy", items, ["Das sind 2.125 Euro.", "คำตอบคือ ๑๘", "no idea", "6"]) == (0.5, 1)


def test_a_right_answer_with_a_point_before_three_digits_is_read_as_its_language_groups() -> None:
    assert measured("number_accuracy", [item("de", "1.234")], ["Es sind 1234."]) == (1.0, 0)
    assert measured("number_accuracy", [item("en", "1.234")], ["That is 1.234."]) == (1.0, 0)
    assert measured("number_accuracy", [item("de", "0.125"), item("de", "2,125")], ["0,125", "2125"]) == (1.0, 0)
    assert measured("number_accuracy", [item("de", "1.234"), item("de", "1,500")], ["1,234", "1,5"]) == (0.0, 0)


def test_a_right_answer_in_the_notation_of_its_language_counts_too() -> None:
    items = [item("de", "1.234"), item("de", "1.234,5"), item("ar", "١٬٢٣٤"), item("fr", "1 234"), item("de", "2,125")]
    said = ["Das macht 1.234.", "1234,5", "الإجابة هي 1234", "1 234", "2,5"]
    assert measured("number_accuracy", items, said) == (pytest.approx(0.8), 0)


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
    # An encoder's tags say which; and that a name has a space ("#") too many, which is wrong to conlleval.
    of_tags = text_of({"text": "LOC: Ulm", "tags": "O O O B-LOC O O"})
    assert measured("span_f1", [later], [of_tags or ""]) == (0.0, 0)
    gold = {"tokens": list("東京#大"), "tags": ["B-LOC", "I-LOC", "O", "O"], "spaced": False, "kinds": ["LOC"]}
    for tags, right in (("B-LOC I-LOC O O", 1.0), ("B-LOC I-LOC I-LOC O", 0.0)):
        said = text_of({"text": "LOC: 東京", "tags": tags})
        assert said and measured("span_f1", [item("ja", "?", json.dumps(gold))], [said]) == (right, 0)


def test_free_text_is_compared_by_chrf() -> None:
    items = [item("en", "a long answer")]
    assert measured("chrf", items, ["a long answer"]) == (pytest.approx(1.0), 0)
    low, unreadable = measured("chrf", items, ["zzz"])
    assert low < 0.05 and unreadable == 0
    assert measured("chrf", items, [""]) == (0.0, 1)


def test_text_as_one_is_what_sacrebleu_says() -> None:
    references = [("Das ist ein Haus.", "Dies ist ein Haus."), ("東京は大きい", "東京"), ("no", "not"), ("ร้อน", "เย็น")]
    texts = ["Das ist kein Haus", "東京は 大きい町", "", "n"]
    items = [item("de", one[0], *one) for one in references]
    value, unread = measured("chrf", items, texts, number=1)
    expected = CHRF().corpus_score(texts, list(zip(*references, strict=True))).score / 100
    assert value == pytest.approx(expected) and unread == 1
    assert value != pytest.approx(measured("chrf", items, texts)[0], abs=0.01)
    assert measured("chrf", items[2:3], [""], number=1) == (0.0, 1)


LABELS = ("Ja", "Vielleicht", "Nein")


def choice(label: int, *, is_written: bool = False) -> PromptedExample:
    word = LABELS[label]
    messages = (Message("user", "?"),)
    return PromptedExample("1", "de", messages, word, LABELS, word, (word,) if is_written else (), is_written, "de")


def answered(said: int) -> list[float]:
    """Log-likelihoods of an answer; of an unread one two are equally likely."""
    return [-1.0, -1.0, -2.0] if said == UNREAD else [-1.0 if label == said else -2.0 for label in range(3)]


@pytest.mark.parametrize(
    ("gold_of", "said_of"),
    [
        ((0, 1, 2), (0, 1, 2)),
        ((0, 1, 2), (0, 1)),  # never said
        ((0, 1), (0, 1, 2)),  # said, and never right
        ((0, 1), (0, 1)),  # neither: it does not count
        ((0, 1, 2), (0, 1, 2, UNREAD)),
        ((1,), (0, UNREAD)),
    ],
)
def test_macro_f1_and_accuracy_are_those_of_scikit_learn(gold_of: tuple[int, ...], said_of: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    for n in (1, 5, 200):
        gold, said = rng.choice(gold_of, size=n), rng.choice(said_of, size=n)
        items = [choice(label) for label in gold]
        outputs = np.array([answered(label) for label in said])
        assert right_labels(items).tolist() == gold.tolist() and said_labels(items, outputs).tolist() == said.tolist()
        found = [float(one.value(one.counts(items, outputs)[0].sum(axis=0))) for one in (MACRO_F1, ACCURACY)]
        labels = sorted({*gold, *said} - {UNREAD})
        expected = f1_score(gold, said, labels=labels, average="macro", zero_division=0)
        assert found == pytest.approx([expected, accuracy_score(gold, said)])


def test_a_constant_answer_has_accuracy_but_no_macro_f1() -> None:
    """262 of 350 are of one label: 74.9 % right, and a macro-F1 of 0.856 / 3."""
    items = [choice(0)] * 262 + [choice(1)] * 50 + [choice(2)] * 38
    outputs = np.array([answered(0)] * 350)
    counts = [one.counts(items, outputs)[0].sum(axis=0) for one in (ACCURACY, MACRO_F1)]
    assert ACCURACY.value(counts[0]) == pytest.approx(262 / 350)
    assert MACRO_F1.value(counts[1]) == pytest.approx(2 * 262 / (350 + 262) / 3)


def test_labels_that_were_written_are_read_and_the_unread_counted() -> None:
    items = [choice(label, is_written=True) for label in (0, 1, 2, 0)]
    texts = ("Antwort: Ja", "Antwort: Nein", "guten Tag", "Antwort: Ja")
    assert said_labels(items, texts).tolist() == [0, 2, UNREAD, 0]
    for measure, expected in ((ACCURACY, 0.5), (MACRO_F1, 1 / 3)):
        counts, unread = measure.counts(items, texts)
        assert float(measure.value(counts.sum(axis=0))) == pytest.approx(expected) and unread == 1
    # Of likelihoods none is unread, though equal ones are wrong.
    assert ACCURACY.counts([choice(0)], np.array([answered(UNREAD)])) == (pytest.approx(np.array([[0.0, 1.0]])), 0)


def test_values_take_arrays_of_sums() -> None:
    sums = np.array([[[2.0, 1.0, 1.0], [0.0, 0.0, 0.0]], [[0.0, 3.0, 1.0], [1.0, 0.0, 0.0]]])
    assert f1(sums).tolist() == [[2 / 3, 0.0], [0.0, 1.0]]


def test_f1_sums_before_it_divides() -> None:
    counts = np.array([[1, 0, 0], [0, 3, 4]])
    assert f1(counts.sum(axis=0)) == pytest.approx(2 / 9)  # the mean of the items' F1 would be 1/2


def test_a_language_whose_numbers_are_unknown_is_refused_before_training() -> None:
    check_languages("number_accuracy", ["en", "sw"])
    check_languages("accuracy", ["tlh"])
    with pytest.raises(Problem, match="How numbers are written in language 'tlh' is not known"):
        check_languages("number_accuracy", ["en", "tlh"])
