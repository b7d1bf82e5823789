"""What a model is asked where an answer is chosen: each item's prompt with every choice after it."""

from __future__ import annotations

from collections.abc import Sequence

from mslt_it.data.encoding import Encoder
from mslt_it.evaluation.shared_rows import Request
from mslt_it.records import PromptedExample


def choice_requests(items: Sequence[PromptedExample], encoder: Encoder) -> list[Request]:
    """One request per item, in order; every item has choices.

    The end token belongs to the choices only where one of them begins another ("pay", "pay later"): there it alone
    tells them apart.
    """
    words = sorted({choice for item in items for choice in item.choices})
    ids = dict(zip(words, map(tuple, encoder.user_ids(words)), strict=True))
    if needs_end(list(ids.values())):
        ids = {word: (*row, encoder.end_id) for word, row in ids.items()}
    prompts = encoder.prompt_ids_all([item.messages for item in items])
    return [
        Request(tuple(prompt), tuple(ids[choice] for choice in item.choices))
        for item, prompt in zip(items, prompts, strict=True)
    ]


def needs_end(choices: Sequence[Sequence[int]]) -> bool:
    """Whether one of the choices begins another, so that only the end token tells them apart."""
    return any(a != b and b[: len(a)] == a for a in choices for b in choices)
