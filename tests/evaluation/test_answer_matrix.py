"""The suite of 26 languages: how many answers are read rightly, none wrongly; and CLDR's words for large numbers."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from answer_matrix import KINDS, LANGUAGES, Case, cases, words
from babel import Locale

from mslt_it.config.files import share_dir
from mslt_it.evaluation.answers import labels
from mslt_it.evaluation.answers.labels import read_label
from mslt_it.evaluation.answers.numbers import parse_number
from mslt_it.evaluation.answers.tables import table

MIN_CASES = 80
MIN_RIGHT, MAX_WRONG = 0.995, 0.003  # in each language; what is neither is counted unparsable


def said(case: Case) -> str | Decimal:
    """What our reader takes from a text, "" for nothing."""
    if case.kind == "number":
        number = parse_number(case.text, case.language, case.question)
        return "" if number is None else number
    found = read_label(case.text, case.language, words(case.language)[case.kind])
    return "" if found is None else found.label


def test_the_languages_are_those_of_the_prompts() -> None:
    prompts = {path.stem for path in (share_dir("eval") / "variants" / "cot_native").iterdir()}
    assert len(LANGUAGES) == 26 and set(LANGUAGES) == prompts
    for path in (share_dir("eval") / "prompts" / "xnli").iterdir():
        assert words(path.stem)["xnli"] == yaml.safe_load(path.read_text(encoding="utf-8"))["labels"], path.stem


def test_every_table_by_language_is_read_and_all_are_of_languages_that_are_asked_in() -> None:
    package = Path(labels.__file__).parent
    read = {
        name for path in package.glob("*.py") for name in re.findall(r'(?:table|words_of)\("(\w+)"\)', path.read_text())
    }
    files = {path.stem: yaml.safe_load(path.read_text()) for path in (share_dir("eval") / "answers").iterdir()}
    assert set(files) == set(LANGUAGES) and {name for content in files.values() for name in content} == read
    assert next(iter(table("cues"))) == "en"


@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_are_read(language: str) -> None:
    all_cases, missed, wrong = cases(language), [], []
    for case in all_cases:
        found = said(case)
        expected = Decimal(case.expected) if case.kind == "number" and case.expected else case.expected
        if found != expected:
            (missed if found == "" else wrong).append(f"{case.kind} {case.text!r}: {expected!r}, not {found!r}")
    assert len(all_cases) >= MIN_CASES
    assert len(missed) + len(wrong) <= (1 - MIN_RIGHT) * len(all_cases), missed + wrong
    assert len(wrong) <= MAX_WRONG * len(all_cases), wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_read_from_sentences_that_answer_nothing(language: str) -> None:
    """Premises, questions and chains of the worked examples, the chains without their last line."""
    for task in ("xnli", "xcopa"):
        path = share_dir("eval") / "exemplars" / task / f"{language}.yaml"
        for example in yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else ():
            for text in (example["chain"], *map(str, example["fields"].values())):
                for kind in ("xnli", "choice", "letters"):
                    found = read_label(text, language, words(language)[kind])
                    # "The two cannot both be true" says it without the last line.
                    assert found is None or found.label == example["label"], (kind, text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_suite_asks_for_everything(language: str) -> None:
    expected = Counter((case.kind, case.expected) for case in cases(language))
    for kind in KINDS:
        assert expected[kind, ""] >= 2, kind
        for label in words(language).get(kind, ()):
            assert expected[kind, label] >= 10, (kind, label)
    assert sum(count for (kind, value), count in expected.items() if kind == "number" and value) >= 60


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_for_large_numbers_of_cldr_are_read(language: str) -> None:
    """CLDR's long compact formats, and the short ones of three letters or more: "2 Mio." is 2,000,000."""
    checked = 0
    for style, plurals in Locale.parse(language).compact_decimal_formats.items():
        for plural, rows in plurals.items():
            for magnitude, pattern in rows.items():
                shown = pattern.pattern.split(";")[0].replace("'", "")
                num_letters = max(sum(map(str.isalpha, word)) for word in shown.split())
                if "0" in shown and num_letters >= (1 if style == "long" else 3):
                    text = re.sub("0+", "2" + "0" * (shown.count("0") - 1), shown)
                    value = parse_number(text, language)
                    assert value == 2 * int(magnitude), (style, plural, magnitude, text)
                    checked += 1
    assert checked >= 9


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "I'd choose the second sentence, the first makes no sense.", "second"),
        ("de", "Der zweite Satz passt besser, der erste nicht.", "second"),
        ("fr", "La deuxième phrase est plus plausible que la première.", "second"),
        ("en", "The first sentence is right.", "first"),
        ("en", "The second sentence is true whenever the first is.", None),
        ("es", "La segunda frase es cierta siempre que la primera lo sea.", None),
    ],
)
def test_of_two_sentences_one_is_picked_or_they_are_spoken_of(language: str, text: str, expected: str | None) -> None:
    found = read_label(text, language, {"first": "1", "second": "2"})
    assert (found and found.label) == expected
