"""The embedded world's plain text, which its model is pretrained on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from mslt_it.world.concepts import (
    ADJECTIVE_PAIRS,
    ADJECTIVES,
    CLASS_OF,
    CLASSES,
    INTRANSITIVE,
    NOUNS,
    NUMBERS,
    PLACES,
    TRANSITIVE,
    Clause,
)
from mslt_it.world.generator import SPLIT_BUCKETS, state
from mslt_it.world.grammar import Grammar
from mslt_it.world.inference import (
    FRAME_WEIGHT,
    FRAMES,
    LABELS,
    Pair,
    Pattern,
    edited,
    filled,
    patterns_of,
    sample_pair,
)
from mslt_it.world.languages import CODES, TEXT_SHARE, grammar

CITED = (*NOUNS, *INTRANSITIVE, *TRANSITIVE, *ADJECTIVES, *PLACES, *map(str, NUMBERS))

QUESTIONS = 3  # asked on the premise of one passage

# Shares of the kinds of document in the pretraining text, in its two parts. None looks like the task's instruction
# format. What many translations bring, sentences that lie where their translations lie, comes early or not at all:
# 2,000 steps of them at the end of a model's training moved nothing. What many passages bring, fine-tuning that
# learns the task from 300 rows, a model that had translations to its end did not have.
# Tried and left out: whether two sentences say the same. Of two clauses that exchange their places, 7,000 steps did
# not teach it, nor then the questions (0.78). Of one clause it was learned (0.99 after 12,000), but English alone,
# fine-tuned then, got 70 % of its own rows right and stood at chance for most of its steps.
FIRST_KINDS = {
    "passage": 0.40,  # premise, question, answer in one language
    "mixed_passage": 0.10,  # the premise in another language than question and answer (code-switched text)
    "sentences": 0.02,
    "translation": 0.24,
    "dictionary": 0.16,
    "class_fact": 0.04,
    "opposite_fact": 0.04,
}
KINDS = FIRST_KINDS | {"passage": 0.50, "sentences": 0.03, "translation": 0.16, "dictionary": 0.13}


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


def documents(seed: int | str, shares_of_kinds: Mapping[str, float] = KINDS) -> Iterator[Document]:
    """An endless stream of pretraining documents over all 20 languages."""
    rng = random.Random(f"pretrain-{seed}")
    shares = [TEXT_SHARE.get(code, 1.0) for code in CODES]
    kinds, weights = list(shares_of_kinds), list(shares_of_kinds.values())
    while True:
        one, two = rng.choices(CODES, shares, k=2)
        if one == two:
            continue
        language, other = grammar(one), grammar(two)
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
        pair = plain_pair(rng) if like is None else sample_hypothesis(rng, like.premise)
        if pair.bucket in SPLIT_BUCKETS["pretrain"]:
            return pair


# ---------------------------------------------------------------- pairs, not balanced


@cache
def plain_patterns(frame: str) -> dict[str, tuple[list[Pattern], list[float]]]:
    """label -> (patterns, weights) for the passages of the plain text, where nothing is balanced.

    Mostly one edit or none, as in a text that asks about what it just said. A model of this size learns to compare two
    sentences from these (0.56 on balanced English pairs after 38,000 passages) long before it learns it from balanced
    ones (0.37, chance, after as many).
    """
    result = {}
    for label in LABELS:
        chosen = [p for p in patterns_of(frame) if p.label == label]
        result[label] = (chosen, [_plainness(frame, p) for p in chosen])
    return result


def _plainness(frame: str, pattern: Pattern) -> float:
    num_edits = sum(1 for slot, edit in pattern.edits if any(FRAMES[frame][slot][edit][1:]))
    return {0: 9.0, 1: 3.0}.get(num_edits, 0.3)


def plain_pair(rng: random.Random) -> Pair:
    """One random pair, as the plain text has them."""
    label = rng.choice(LABELS)
    frame = rng.choices(list(FRAME_WEIGHT), list(FRAME_WEIGHT.values()))[0]
    patterns, weights = plain_patterns(frame)[label]
    return filled(frame, dict(rng.choices(patterns, weights)[0].edits), label, rng)


def sample_hypothesis(rng: random.Random, premise: Clause) -> Pair:
    """A random pair with this premise, as the plain text has them; labels are as equally frequent as it allows."""
    frame = _frame_of(premise)
    shape = _clause_shape(premise, frame)
    while True:
        label = rng.choice(LABELS)
        patterns, weights = _fitting_patterns(frame, label, shape)
        if patterns:
            edits = dict(rng.choices(patterns, weights)[0].edits)
            return Pair(premise, edited(premise, edits, rng), label)


@cache
def _fitting_patterns(frame: str, label: str, shape: tuple[bool | str, ...]) -> tuple[list[Pattern], list[float]]:
    """Of the plain patterns those for a premise of this shape."""
    patterns, weights = plain_patterns(frame)[label]
    fitting = [number for number, pattern in enumerate(patterns) if pattern.premise_shape == shape]
    return [patterns[n] for n in fitting], [weights[n] for n in fitting]


def _frame_of(clause: Clause) -> str:
    if clause.subject.number:
        return "numeral"
    return "transitive" if clause.object else "intransitive" if clause.verb else "locative"


def _clause_shape(clause: Clause, frame: str) -> tuple[bool | str, ...]:
    """The clause's shape, in the order of the frame's slots (see `_shape`)."""
    described = clause.object or clause.subject
    found: dict[str, bool | str] = {
        "subject": "class" if clause.subject.noun in CLASSES else "noun",
        "object": "class" if clause.object and clause.object.noun in CLASSES else "noun",
        "adjective": described.adjective is not None,
        "place": clause.place is not None,
    }
    return tuple(found[slot] for slot in FRAMES[frame] if slot in found)
