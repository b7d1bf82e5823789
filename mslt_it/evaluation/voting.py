"""Self-consistency (Wang et al. 2023): of several sampled answers the one that most of them reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from mslt_it.evaluation.answers.labels import read_label
from mslt_it.evaluation.answers.numbers import parse_number
from mslt_it.records import PromptedExample


def read_answer(item: PromptedExample, text: str) -> str | Decimal | None:
    """The label's word or the number that a text states, None where it states none. A number is what was asked for."""
    if not item.choices:
        return parse_number(text, item.read_in, "\n".join(item.segments), item.language)
    found = read_label(text, item.read_in, {word: word for word in item.choices if word})
    return None if found is None else found.label


def vote(item: PromptedExample, texts: Sequence[str]) -> int:
    """Which text stands for all: the first one with the answer that most texts give.

    Texts without an answer have no vote; among answers with equally many votes the one that was reached first wins.
    Where no text has an answer, the first text stands.
    """
    if len(texts) == 1:
        return 0
    answers = [read_answer(item, text) for text in texts]
    # Decimals that are equal hash alike: 18 and 18.0 are one answer. Of equal counts the first that was met leads.
    votes = Counter(answer for answer in answers if answer is not None)
    return answers.index(votes.most_common(1)[0][0]) if votes else 0
