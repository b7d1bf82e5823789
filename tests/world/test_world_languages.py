"""Every language can say everything, in its own script and punctuation.

Not named test_languages.py: the tests are no package, and tests/test_languages.py has that name.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from fontTools import unicodedata as scripts
from text import CITED, answer_word

from mslt_it.problems import Problem
from mslt_it.world.concepts import (
    ADJECTIVE_PAIRS,
    ANIMATE,
    CLASS_OF,
    CLASSES,
    INANIMATE,
    INTRANSITIVE,
    NOUNS,
    NUMBERS,
    PLACES,
    TRANSITIVE,
    Clause,
    NounPhrase,
    adjectives_of,
    class_of,
)
from mslt_it.world.grammar import Grammar
from mslt_it.world.inference import LABELS
from mslt_it.world.languages import CODES, grammar

PROMPTS = Path(__file__).parents[2] / "eval" / "prompts" / "xnli"
SCRIPTS = {
    "ar": {"Arab"}, "bg": {"Cyrl"}, "el": {"Grek"}, "he": {"Hebr"}, "hi": {"Deva"}, "ja": {"Hira", "Kana", "Hani"},
    "ko": {"Hang"}, "ru": {"Cyrl"}, "th": {"Thai"}, "ur": {"Arab"}, "zh": {"Hani"},
}  # fmt: skip
QUESTION_MARKS = {"ar": "؟", "ur": "؟", "el": ";", "ja": "？", "zh": "？", "th": ""}
FULL_STOPS = {"hi": "।", "ur": "۔", "ja": "。", "zh": "。", "th": ""}


def people() -> list[str]:
    return [n for n in NOUNS if class_of(n) == "person"]


def clauses() -> Iterator[Clause]:
    """Each frame with every noun, adjective, verb, place and number; not every combination of them all."""
    places = itertools.cycle([None, *PLACES])
    for noun in NOUNS:
        phrases = [NounPhrase(noun), *(NounPhrase(noun, a) for a in adjectives_of(noun))]
        for phrase in phrases:
            for place in PLACES:
                yield Clause(phrase, None, None, place)
            if class_of(noun) in ANIMATE:
                for verb in INTRANSITIVE:
                    if class_of(noun) == "person" or verb not in ("laugh", "cry"):
                        yield Clause(phrase, verb, None, next(places))
            if class_of(noun) in INANIMATE:
                for verb, person in itertools.product(TRANSITIVE, people()):
                    yield Clause(NounPhrase(person), verb, phrase, next(places))
        if class_of(noun) != "vegetable":
            for number, place in itertools.product(NUMBERS, PLACES):
                yield Clause(NounPhrase(noun, None, number), None, None, place)
    for person, verb, place in itertools.product(people(), TRANSITIVE, PLACES):
        yield Clause(NounPhrase(person), verb, NounPhrase("apple"), place)
        yield Clause(NounPhrase(person, adjectives_of(person)[0]), verb, NounPhrase("saw"))
    for noun, verb, place in itertools.product(CLASSES["animal"], ("sit", "stand", "sleep", "run"), PLACES):
        yield Clause(NounPhrase(noun), verb, None, place)


ALL_CLAUSES = tuple(dict.fromkeys(clauses()))


@cache
def statements(code: str) -> tuple[str, ...]:
    language = grammar(code)
    return tuple(language.sentence(language.statement(clause)) for clause in ALL_CLAUSES)


@cache
def questions(code: str) -> tuple[str, ...]:
    language = grammar(code)
    return tuple(language.ask(language.question(clause)) for clause in ALL_CLAUSES)


@cache
def facts(code: str) -> tuple[str, ...]:
    language = grammar(code)
    lists = [language.class_fact(noun, name) for noun, name in CLASS_OF.items()]
    lists += [language.opposite_fact(*p) for pair in ADJECTIVE_PAIRS for p in (pair, pair[::-1])]
    return tuple(map(language.sentence, lists))


def check_spacing(text: str, language: Grammar) -> None:
    assert text and text == text.strip(), repr(text)
    assert "+" not in text and "  " not in text, repr(text)
    assert not any(c in text for c in "{}[]<>_\n\t\ufffd"), repr(text)
    assert unicodedata.normalize("NFC", text) == text, repr(text)
    assert not language.spaces or not any(f" {mark}" in text for mark in ".,؟۔।;") or language.code == "fr", repr(text)


def test_the_list_holds_every_word() -> None:
    assert {c.place for c in ALL_CLAUSES} == {None, *PLACES}
    assert {c.verb for c in ALL_CLAUSES} == {None, *INTRANSITIVE, *TRANSITIVE}
    assert {c.subject.noun for c in ALL_CLAUSES} == set(NOUNS)
    assert {c.subject.number for c in ALL_CLAUSES} == {None, *NUMBERS}


@pytest.mark.parametrize("code", CODES)
def test_every_clause_builds(code: str) -> None:
    language = grammar(code)
    assert language.code == code
    for clause in ALL_CLAUSES:
        for words in (language.statement(clause), language.question(clause)):
            assert words and all(w.strip("+").strip() for w in words), (clause, words)
    for text in (*statements(code), *questions(code), *facts(code)):
        check_spacing(text, language)


@pytest.mark.parametrize("code", CODES)
def test_punctuation_is_the_languages_own(code: str) -> None:
    language = grammar(code)
    stop, mark = FULL_STOPS.get(code, "."), QUESTION_MARKS.get(code, "?")
    assert language.full_stop.strip() == stop and language.question_mark.strip() == mark
    for text in (*statements(code), *facts(code)):
        assert text.endswith(stop) and not text.endswith((stop or "x") * 2)
    for text in questions(code):
        assert text.endswith(mark)
        assert text.startswith("¿") == (code == "es")
        assert not stop or stop not in text
    assert not set(statements(code)) & set(questions(code))


@pytest.mark.parametrize("code", CODES)
def test_letters_are_of_the_script(code: str) -> None:
    expected = SCRIPTS.get(code, {"Latn"}) | {"Zyyy", "Zinh"}
    texts = (*statements(code), *questions(code), *facts(code))
    letters = {c for c in set("".join(texts)) if unicodedata.category(c)[0] in "LM"}
    foreign = {c for c in letters if scripts.script(c) not in expected}
    assert letters and not foreign, [(c, next(text for text in texts if c in text)) for c in foreign]


@pytest.mark.parametrize("code", CODES)
def test_clauses_that_differ_are_written_differently(code: str) -> None:
    for kind, written in (("statements", statements(code)), ("questions", questions(code))):
        first: dict[str, Clause] = {}
        for clause, text in zip(ALL_CLAUSES, written, strict=True):
            assert first.setdefault(text, clause) == clause, (kind, text, first[text], clause)
    assert len(set(facts(code))) == len(facts(code))


@pytest.mark.parametrize("code", CODES)
def test_sentences_begin_with_a_capital_where_there_are_any(code: str) -> None:
    language = grammar(code)
    assert language.capital("") == ""
    for text in (*statements(code), *questions(code), *facts(code)):
        letter = next(c for c in text if c.isalpha())
        assert letter.upper() == letter or letter.lower() == letter.upper(), text


@pytest.mark.parametrize("code", CODES)
def test_citations_are_distinct(code: str) -> None:
    language = grammar(code)
    found: dict[str, list[str]] = {}
    for concept in CITED:
        text = language.join(language.citation(concept))
        check_spacing(text, language)
        found.setdefault(text, []).append(concept)
    assert {text: concepts for text, concepts in found.items() if len(concepts) > 1} == {}


@pytest.mark.parametrize("code", CODES)
def test_answers_are_the_prompts_labels(code: str) -> None:
    language = grammar(code)
    answers = {label: answer_word(language, label) for label in LABELS}
    assert len(set(answers.values())) == len(LABELS)
    for a, b in itertools.permutations(answers.values(), 2):
        assert not a.casefold().startswith(b.casefold()), answers
    prompts = yaml.safe_load((PROMPTS / f"{code}.yaml").read_text(encoding="utf-8"))
    assert prompts["labels"] == answers


def test_an_unknown_language_is_a_problem() -> None:
    with pytest.raises(Problem, match="no language 'xx'"):
        grammar("xx")


def test_an_empty_word_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty word"):
        grammar("en").join(["a", "", "b"])


def test_glue_joins_words() -> None:
    assert grammar("fr").join(["l'+", "homme", "dort"]) == "l'homme dort"
    assert grammar("ko").join(["개", "+가", "잔다"]) == "개가 잔다"
