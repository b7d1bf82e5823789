"""The world's task rows in any language."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from mslt_it.problems import Problem, nearest
from mslt_it.records import Example
from mslt_it.world.concepts import Clause
from mslt_it.world.grammar import Grammar
from mslt_it.world.inference import LABELS, Pair, sample_pair
from mslt_it.world.languages import grammar
from mslt_it.world.mentions import Mention, sample_mention

# Buckets of an item's hash: an item belongs to one split for ever, whatever the seed.
SPLIT_BUCKETS = {"pretrain": range(0, 60), "train": range(60, 85), "test": range(85, 100)}


class WorldTask(NamedTuple):
    """What the world has rows of."""

    fields: tuple[str, ...]
    sample: Callable[[random.Random, int], Any]  # of the item's number, by which labels take turns
    num_items: Mapping[str, int]  # of each split


def _pair_in_turn(rng: random.Random, number: int) -> Pair:
    return sample_pair(rng, LABELS[number % len(LABELS)])


TASKS = {
    "xnli": WorldTask(("premise", "hypothesis"), _pair_in_turn, {"train": 9000, "test": 1200}),
    "mentions": WorldTask(("text", "category"), sample_mention, {"train": 2000, "test": 800}),
}


def task_of(fields: Sequence[str]) -> str:
    """The task of the world that has these columns."""
    for name, task in TASKS.items():
        if {*fields} <= {*task.fields}:
            return name
    has = "; ".join(f"{name}: {', '.join(task.fields)}" for name, task in TASKS.items())
    raise Problem(
        f"task.data=world: the embedded world has no rows with the columns {', '.join(fields)}, but {has}. "
        "Give task.data=PATH or a Hub id, or task=xnli or task=mentions."
    )


def split_pairs(split: str, seed: int = 0) -> tuple[Pair, ...]:
    """The pairs of "train" or "test", labels in turn, without repeats; the same for every language."""
    return split_items("xnli", split, seed)


@cache
def split_items(task: str, split: str, seed: int = 0) -> tuple[Any, ...]:
    """The same of any task of the world."""
    _, sample, num_items = TASKS[task]
    if split not in num_items:
        raise Problem(f"The embedded world has no split '{split}'. {nearest(split, num_items)}")
    rng, apart = random.Random(f"{split}-{seed}"), frozenset[Clause]()
    if task == "mentions":
        # Adapters are carried across tasks: no sentence is trained on in one and scored in the other.
        other = split_pairs("test" if split == "train" else "train")
        apart = frozenset(clause for pair in other for clause in (pair.premise, pair.hypothesis))
    items: dict[str, Any] = {}
    while len(items) < num_items[split]:
        item = sample(rng, len(items))
        if item.bucket not in SPLIT_BUCKETS[split] or item.id in items:
            continue
        if task == "xnli" or item.text not in apart:
            items[item.id] = item
    return tuple(items.values())


@lru_cache(maxsize=32)  # the languages of a run
def task_examples(language: str, split: str, seed: int = 0, task: str = "xnli") -> tuple[Example, ...]:
    """The rows of a split in one language; item ids are shared by all languages."""
    words = grammar(language)
    return tuple(
        Example(
            id=item.id,
            language=language,
            task=task,
            split=split,
            fields=Sentences(words, item, TASKS[task].fields),
            label=item.label,
            origin=f"world@{seed}:{number}",
        )
        for number, item in enumerate(split_items(task, split, seed))
    )


class Sentences(Mapping[str, str]):
    """What an item says in one language, written when it is first read: of 9,000 rows a run takes some hundred, by
    their ids."""

    __slots__ = ("_item", "_names", "_texts", "_words")

    def __init__(self, words: Grammar, item: Pair | Mention, names: tuple[str, ...]) -> None:
        self._words, self._item, self._names = words, item, names
        self._texts: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._texts:
            if name not in self._names:
                raise KeyError(name)
            said = getattr(self._item, name)
            self._texts[name] = (
                state(self._words, said) if isinstance(said, Clause) else self._words.join(self._words.citation(said))
            )
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def state(language: Grammar, clause: Clause) -> str:
    return language.sentence(language.statement(clause))
