"""The world's task rows in any language."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import cache

from mslt_it.problems import Problem, nearest
from mslt_it.records import Example
from mslt_it.world.concepts import Clause
from mslt_it.world.grammar import Grammar
from mslt_it.world.inference import LABELS, Pair, sample_pair
from mslt_it.world.languages import grammar

# Buckets of Pair.bucket: a pair belongs to one split for ever, whatever the seed.
SPLIT_BUCKETS = {"pretrain": range(0, 60), "train": range(60, 85), "test": range(85, 100)}
SPLIT_ITEMS = {"train": 9000, "test": 1200}
FIELDS = ("premise", "hypothesis")


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
