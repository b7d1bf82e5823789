"""The embedded world's plain text, which its model is pretrained on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mslt_it.world.concepts import (
    ADJECTIVE_PAIRS,
    ADJECTIVES,
    CLASS_OF,
    INTRANSITIVE,
    NOUNS,
    NUMBERS,
    PLACES,
    TRANSITIVE,
)
from mslt_it.world.generator import SPLIT_BUCKETS, answer_word, state
from mslt_it.world.grammar import Grammar
from mslt_it.world.inference import Pair, sample_hypothesis, sample_pair
from mslt_it.world.languages import CODES, grammar

CITED = (*NOUNS, *INTRANSITIVE, *TRANSITIVE, *ADJECTIVES, *PLACES, *map(str, NUMBERS))

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
