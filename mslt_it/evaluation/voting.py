"""Self-consistency (Wang et al. 2023): of several sampled answers the one that most of them reach."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from mslt_it.evaluation.answers.labels import extract
from mslt_it.records import PromptedExample


def read_answer(item: PromptedExample, text: str) -> str | Decimal | None:
    """The label's word or the number that a text states, None where it states none."""
    if item.choices:
        found = extract(text, "label", item.read_in, {word: word for word in item.choices})
    else:
        found = extract(text, "number", item.read_in)
    return None if found is None else found.value


def vote(item: PromptedExample, texts: Sequence[str]) -> int:
    """Which text stands for all: the first one with the answer that most texts give.

    Texts without an answer have no vote; among answers with equally many votes the one that was reached first wins.
    Where no text has an answer, the first text stands.
    """
    if len(texts) == 1:
        return 0
    first: dict[str | Decimal, int] = {}
    votes: dict[str | Decimal, int] = {}
    for number, text in enumerate(texts):
        answer = read_answer(item, text)
        if answer is not None:  # Decimals that are equal hash alike: 18 and 18.0 are one answer
            first.setdefault(answer, number)
            votes[answer] = votes.get(answer, 0) + 1
    if not votes:
        return 0
    most = max(votes.values())
    return min(first[answer] for answer, num in votes.items() if num == most)
