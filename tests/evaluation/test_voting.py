"""Majority of sampled answers."""

from __future__ import annotations

import dataclasses

import pytest

from mslt_it.evaluation.measures import MEASURES
from mslt_it.evaluation.voting import read_answer, vote
from mslt_it.records import Message, PromptedExample


def item(language: str, label: str, choices: tuple[str, ...] = (), reading: str = "") -> PromptedExample:
    return PromptedExample(
        "1", language, (Message("user", "?"),), label, choices, label, (label,), True, language, reading
    )


NUMBER = item("de", "18")
LABEL = item("de", "Ja", ("Ja", "Vielleicht", "Nein"))


@pytest.mark.parametrize(
    ("texts", "chosen"),
    [
        (["Antwort: 18"], 0),
        (["Antwort: 4", "Antwort: 18", "Antwort: 18"], 1),
        (["Antwort: 4", "Antwort: 18"], 0),  # as many votes: the one reached first
        (["Antwort: 18", "Antwort: 4", "Antwort: 4", "Antwort: 18"], 0),
        (["keine", "auch nicht", "Antwort: 18"], 2),  # those without an answer have no vote
        (["keine", "auch nicht"], 0),
        (["keine", "Antwort: 18"], 1),
        (["", "", "Antwort: 4"], 2),
    ],
)
def test_the_answer_that_most_texts_give(texts: list[str], chosen: int) -> None:
    assert vote(NUMBER, texts) == chosen


@pytest.mark.parametrize(
    ("language", "texts", "chosen"),
    [
        ("en", ["Answer: 5", "Answer: 18", "Answer: 18.0"], 1),
        ("bn", ["উত্তর: 5", "উত্তর: ১৮", "উত্তর: 18"], 1),
        ("de", ["Antwort: 7", "Antwort: 2.125", "Antwort: 2125", "Antwort: 2.125,00"], 1),
        ("en", ["Answer: 7", "Answer: $18.00", "so 18"], 1),
    ],
)
def test_numbers_of_one_value_are_one_answer(language: str, texts: list[str], chosen: int) -> None:
    assert vote(item(language, "18"), texts) == chosen


def test_labels_are_voted_on() -> None:
    assert vote(LABEL, ["Antwort: Nein", "Antwort: Ja", "Also ja.\nAntwort: „Ja“", "Antwort: Ja oder Nein"]) == 1
    assert vote(LABEL, ["Antwort: vielleicht", "Antwort: Ja", "Antwort: Vielleicht."]) == 0


def test_an_english_chain_is_read_in_english() -> None:
    texts = ["Answer: 2.125", "Answer: 2,125", "Answer: 2125"]
    assert vote(item("de", "2125", reading="en"), texts) == 1
    assert vote(item("de", "2125"), texts) == 0  # in German, 2.125 is the thousands


@pytest.mark.parametrize("text", ["Antwort: 18", "Antwort: 18 Euro", "3 mal 6 sind 18.", "", "achtzehn", "18\n\nEnde",
                                  "Antwort: 7 oder 18", "2 + 16 = 18"])  # fmt: skip
def test_a_vote_is_read_as_its_score_is(text: str) -> None:
    """A text has a vote exactly where it can be scored, and for the value it is scored by."""
    (counts,), unread = MEASURES["number_accuracy"][0].counts([NUMBER], (text,))
    read = read_answer(NUMBER, text)
    assert (read is None) == bool(unread) and (read == 18) == bool(counts[0])


def test_numbers_are_read_with_the_question_of_their_item() -> None:
    question = "Ein Buch hat 120 Seiten. Lea liest 85. Wie viele fehlen noch?"
    asked = dataclasses.replace(item("de", "35"), segments=(question,))
    text = "Es fehlen 35, dann sind alle 120 Seiten gelesen, also 120."
    assert read_answer(asked, text) == 35 and read_answer(item("de", "35"), text) == 120
    assert MEASURES["number_accuracy"][0].counts([asked], (text,))[0].tolist() == [[1.0, 1.0]]
    assert vote(asked, ["Es sind 7.", text, "35"]) == 1


@pytest.mark.parametrize("text", ["Antwort: Ja", "Nein, denn", "Ja oder Nein", "", "Antwort: vielleicht."])
def test_a_label_is_voted_for_as_it_is_scored(text: str) -> None:
    (counts,), unread = MEASURES["accuracy"][0].counts([LABEL], (text,))
    read = read_answer(LABEL, text)
    assert (read is None) == bool(unread) and (read == "Ja") == bool(counts[0])
