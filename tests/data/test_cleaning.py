from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from toy_world import WORLD, toy_rows

from mslt_it.data.cleaning import CHECKED, clean, expected_scripts, is_wrong_script, strip_zero_width
from mslt_it.records import Example

Make = Callable[..., Example]
NAMES = ("entailment", "neutral", "contradiction")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"premise": ""}, "empty_field"),
        ({"hypothesis": ""}, "empty_field"),
        ({"premise": " \t\u3000"}, "whitespace_only"),
        ({"premise": "\u200b\ufeff"}, "whitespace_only"),
        ({"label": ""}, "label_missing"),
        ({"label": "-1"}, "label_unknown"),
        ({"premise": "a\x00b"}, "control_character"),
        ({"hypothesis": "a\x1bb"}, "control_character"),
        ({"premise": "a\ud800b"}, "lone_surrogate"),
        ({"premise": "a\u202eb"}, "bidi_override"),
        ({"premise": "x" * 1_000_000}, "too_big"),
        ({"hypothesis": "NS"}, "not_translated"),
        ({"premise": "Собака сидит в саду.", "hypothesis": "Собака стоит."}, "wrong_script"),
    ],
)
def test_bad_rows_are_dropped_with_a_reason(example: Make, change: dict[str, str], reason: str) -> None:
    result = clean(example(**change), NAMES)
    assert (result.example, result.reason) == (None, reason)


@pytest.mark.parametrize(
    "text", ["A line\nand a tab\t.", "<|end|> says the <|user|>", "the answer is neutral", "e\u0301"]
)
def test_good_rows_are_kept(example: Make, text: str) -> None:
    result = clean(example(premise=text), NAMES)
    assert result.example is not None and not result.reason
    assert result.example.fields["premise"] == unicodedata.normalize("NFC", text)


def test_an_answer_is_checked_as_the_fields_are(example: Make) -> None:
    assert clean(example(label="a\x00b")).reason == "control_character"
    assert clean(example(label="a\x00b"), needs_label=False).example is not None
    assert clean(example(label="NS")).example is not None  # the mark of a missing translation, and a label elsewhere


def test_repairs_are_counted(example: Make) -> None:
    result = clean(example(premise="cafe\u0301 \u200bopen", hypothesis="u\u0308ber"), NAMES)
    assert result.example is not None and result.repairs == ("zero_width", "not_nfc")
    assert dict(result.example.fields) == {"premise": "café open", "hypothesis": "über"}
    untouched = example()
    assert clean(untouched).example is untouched


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("fa", "می\u200cروم", "می\u200cروم"),  # Persian needs its non-joiner
        ("hi", "क्\u200dष", "क्\u200dष"),
        ("th", "แมว\u200bอยู่", "แมว\u200bอยู่"),
        ("en", "👩\u200d🌾", "👩\u200d🌾"),  # one emoji of two
        ("en", "do\u200cg\u200b \u2060cat\ufeff", "dog cat"),
        ("fa", "\u200cسلام\u200c", "سلام"),  # at the edges it joins nothing
    ],
)
def test_zero_width_characters_go_unless_the_script_needs_them(language: str, text: str, expected: str) -> None:
    assert strip_zero_width(text) == expected


@pytest.mark.parametrize(
    ("language", "text", "wrong"),
    [
        ("ru", "iPhone и Windows", False),
        ("ja", "UNESCO", False),
        ("zh", "The dog is in the garden.", True),
        ("hi", "kutta baag mein hai", True),
        ("ja", "犬は庭にいます。", False),
        ("ja", "개가 정원에 있다.", True),
        ("ko", "개가 정원에 있다.", False),
        ("en", "1 + 1 = 2 …", False),
        ("en", "The word собака means dog in Russian.", False),
        ("sr", "Pas je u vrtu.", False),
        ("sr-Cyrl", "This is an English sentence here.", True),
        ("zh-Hant", "狗在花園裡。", False),
        ("xx", "Что угодно", False),
        ("en", "१२३४५६ dog", False),  # digits are no letters, and three letters prove nothing
    ],
)
def test_wrong_script(language: str, text: str, wrong: bool) -> None:
    assert is_wrong_script(text, language) is wrong


def test_no_language_calls_its_own_sentences_wrong() -> None:
    assert len(CHECKED) > 30
    for code in WORLD:
        for premise, _, _ in toy_rows(code, 9):
            assert not is_wrong_script(premise, code)
            others = [
                c
                for c in WORLD
                if not expected_scripts(c) & expected_scripts(code) and expected_scripts(code) != {"Latn"}
            ]
            assert all(is_wrong_script(premise, other) for other in others)
