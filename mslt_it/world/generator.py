"""The world's task rows in any language, and its plain text for pretraining."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from mslt_it.problems import Problem, nearest
from mslt_it.records import Example
from mslt_it.world.concepts import (
    ADJECTIVE_PAIRS,
    ADJECTIVES,
    CLASS_OF,
    INTRANSITIVE,
    NOUNS,
    NUMBERS,
    PLACES,
    TRANSITIVE,
    Clause,
)
from mslt_it.world.grammar import Grammar
from mslt_it.world.inference import LABELS, Pair, sample_hypothesis, sample_pair
from mslt_it.world.languages import CODES, grammar

# Buckets of Pair.bucket: a pair belongs to one split for ever, whatever the seed.
SPLIT_BUCKETS = {"pretrain": range(0, 60), "train": range(60, 85), "test": range(85, 100)}
SPLIT_ITEMS = {"train": 9000, "test": 1200}
CITED = (*NOUNS, *INTRANSITIVE, *TRANSITIVE, *ADJECTIVES, *PLACES, *map(str, NUMBERS))

FIELDS = ("premise", "hypothesis")
QUESTIONS = 3  # asked on the premise of one passage

# Shares of the kinds of document in the pretraining text. None of them looks like the task's instruction format.
KINDS = {
    "passage": 0.50,  # premise, question, answer in one language
    "mixed_passage": 0.10,  # the premise in another language than question and answer (code-switched text)
    "sentences": 0.05,
    "translation": 0.13,
    "dictionary": 0.12,
    "class_fact": 0.05,
    "opposite_fact": 0.05,
}


@dataclass(frozen=True)
class Document:
    """A line or a few of plain text, in parts; every second part is an answer, weighted in the loss."""

    parts: tuple[str, ...]  # text, answer, text, answer, ... or one text
    language: str
    kind: str

    @property
    def text(self) -> str:
        return "".join(self.parts)


def answer_word(language: Grammar, label: str) -> str:
    """entailment -> yes, neutral -> maybe, contradiction -> no, in the language."""
    return {"entailment": language.yes, "neutral": language.maybe, "contradiction": language.no}[label]


@cache
def split_pairs(split: str, seed: int = 0) -> tuple[Pair, ...]:
    """The items of "train" or "test", labels in turn, without repeats; the same for every language."""
    if split not in SPLIT_ITEMS:
        raise Problem(f"The embedded world has no split '{split}'. {nearest(split, SPLIT_ITEMS)}")
    rng = random.Random(f"{split}-{seed}")
    pairs: dict[str, Pair] = {}
    while len(pairs) < SPLIT_ITEMS[split]:
        label = LABELS[len(pairs) % len(LABELS)]
        pair = sample_pair(rng, label)
        if pair.bucket in SPLIT_BUCKETS[split] and pair.id not in pairs:
            pairs[pair.id] = pair
    return tuple(pairs.values())


def task_examples(language: str, split: str, seed: int = 0) -> list[Example]:
    """The rows of a split in one language; item ids are shared by all languages."""
    words = grammar(language)
    return [
        Example(
            id=pair.id,
            language=language,
            task="xnli",
            split=split,
            fields=Sentences(words, pair),
            label=pair.label,
            origin=f"world@{seed}:{number}",
        )
        for number, pair in enumerate(split_pairs(split, seed))
    ]


class Sentences(Mapping[str, str]):
    """The two sentences of a pair in one language, written when they are first read: of 9,000 rows a run takes some
    hundred, by their ids."""

    __slots__ = ("_pair", "_texts", "_words")

    def __init__(self, words: Grammar, pair: Pair) -> None:
        self._words, self._pair = words, pair
        self._texts: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._texts:
            if name not in FIELDS:
                raise KeyError(name)
            self._texts[name] = state(self._words, getattr(self._pair, name))
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(FIELDS)

    def __len__(self) -> int:
        return len(FIELDS)


def state(language: Grammar, clause: Clause) -> str:
    """The clause as a written sentence."""
    return language.sentence(language.statement(clause))


def documents(seed: int) -> Iterator[Document]:
    """An endless stream of pretraining documents over all 20 languages."""
    rng = random.Random(f"pretrain-{seed}")
    grammars = [grammar(code) for code in CODES]
    kinds, weights = list(KINDS), list(KINDS.values())
    while True:
        language, other = rng.sample(grammars, 2)
        yield _document(rng.choices(kinds, weights)[0], language, other, rng)


def passage(language: Grammar, premise_language: Grammar, pairs: Sequence[Pair], separator: str = "\n") -> Document:
    """A premise, then questions on it with their answers, the form in which the world's text asks things.

    Several questions on one premise give a small model more answers to learn from in the same amount of text.
    """
    parts: list[str] = []
    before = state(premise_language, pairs[0].premise) + separator
    for pair in pairs:
        question = language.ask(language.question(pair.hypothesis))
        answer = answer_word(language, pair.label)
        # A space belongs to the word after it, as in the tokenizer's pieces.
        parts += [before + question + "\n", answer] if separator == "\n" else [before + question, " " + answer]
        before = "\n"
    return Document(tuple(parts), language.code, "passage" if language is premise_language else "mixed_passage")


def _document(kind: str, language: Grammar, other: Grammar, rng: random.Random) -> Document:
    # Line breaks and spaces both separate sentences, as in real text; so words are met with and without a space before.
    separator = rng.choice(("\n", language.sentence_space or "\n"))
    if kind in ("passage", "mixed_passage"):
        return passage(language, other if kind == "mixed_passage" else language, _text_pairs(rng), separator)
    if kind == "sentences":
        text = separator.join(state(language, sample_pair(rng).premise) for _ in range(2))
    elif kind == "translation":
        clause = sample_pair(rng).hypothesis
        text = f"{state(language, clause)}\n= {state(other, clause)}"
    elif kind == "dictionary":
        concepts = rng.sample(CITED, 3)
        lines = (f"* {language.join(language.citation(c))} = {other.join(other.citation(c))}" for c in concepts)
        text = "\n".join(lines)
    elif kind == "class_fact":
        text = separator.join(
            language.sentence(language.class_fact(noun, CLASS_OF[noun])) for noun in rng.sample(list(CLASS_OF), 2)
        )
    else:
        pairs = rng.sample(ADJECTIVE_PAIRS, 2)
        ordered = (pair if rng.random() < 0.5 else pair[::-1] for pair in pairs)
        text = separator.join(language.sentence(language.opposite_fact(*pair)) for pair in ordered)
    return Document((text,), language.code, kind)


def _text_pairs(rng: random.Random) -> list[Pair]:
    """Different pairs of one premise for a passage, none of them of the task's splits."""
    pairs = [_text_pair(rng, None)]
    while len(pairs) < QUESTIONS:
        pair = _text_pair(rng, pairs[0])
        if pair not in pairs:  # an answer could be copied from the same question above
            pairs.append(pair)
    return pairs


def _text_pair(rng: random.Random, like: Pair | None) -> Pair:
    while True:
        pair = sample_pair(rng, balanced=False) if like is None else sample_hypothesis(rng, like.premise)
        if pair.bucket in SPLIT_BUCKETS["pretrain"]:
            return pair
