"""The world's task rows in any language, and its plain text for pretraining."""

from __future__ import annotations

import random
from collections.abc import Iterator
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
from mslt_it.world.inference import LABELS, Pair, sample_pair
from mslt_it.world.languages import CODES, grammar

# Buckets of Pair.bucket: a pair belongs to one split for ever, whatever the seed.
SPLIT_BUCKETS = {"pretrain": range(0, 60), "train": range(60, 85), "test": range(85, 100)}
SPLIT_ITEMS = {"train": 9000, "test": 1200}
CITED = (*NOUNS, *INTRANSITIVE, *TRANSITIVE, *ADJECTIVES, *PLACES, *map(str, NUMBERS))

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
    """A line or a few of plain text; ``answer`` (maybe empty) is its last word, weighted in the loss."""

    text: str
    answer: str
    language: str
    kind: str


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
            fields={"premise": state(words, pair.premise), "hypothesis": state(words, pair.hypothesis)},
            label=pair.label,
            origin=f"world@{seed}:{number}",
        )
        for number, pair in enumerate(split_pairs(split, seed))
    ]


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


def passage(language: Grammar, premise_language: Grammar, pair: Pair, separator: str = "\n") -> Document:
    """``premise question`` and the answer, the form in which the world's text asks things."""
    question = language.ask(language.question(pair.hypothesis))
    answer = answer_word(language, pair.label)
    text = separator.join((state(premise_language, pair.premise), question, ""))
    return Document(text, answer, language.code, "passage" if language is premise_language else "mixed_passage")


def _document(kind: str, language: Grammar, other: Grammar, rng: random.Random) -> Document:
    # Line breaks and spaces both separate sentences, as in real text; so words are met with and without a space before.
    separator = rng.choice(("\n", language.sentence_space or "\n"))
    if kind in ("passage", "mixed_passage"):
        pair = sample_pair(rng, balanced=False)
        while pair.bucket not in SPLIT_BUCKETS["pretrain"]:
            pair = sample_pair(rng, balanced=False)
        return passage(language, other if kind == "mixed_passage" else language, pair, separator)
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
    return Document(text, "", language.code, kind)
