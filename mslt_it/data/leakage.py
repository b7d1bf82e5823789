"""Rows that are trained on and scored: the same item in any language, or the same text.

Two rows are the same item when task and id agree (translations share their id). Two rows are the same text when all
their input fields agree after NFKC, case folding and removal of everything but letters, marks, digits and symbols.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mslt_it.problems import Problem
from mslt_it.records import Example


@dataclass(frozen=True)
class Leak:
    """A training row and a scored row that are the same."""

    train: Example
    scored: Example
    kind: Literal["item", "text"]


def find_leaks(train: Iterable[Example], scored: Iterable[Example], *, same_language_only: bool = False) -> list[Leak]:
    """Every scored row that is also trained on, once each, item before text.

    ``same_language_only`` limits the comparison of texts (not of ids) to rows of one language: for the embedded world,
    whose sentences are few.
    """
    by_item: dict[tuple[str, str], Example] = {}
    by_text: dict[tuple[str, ...], Example] = {}
    for example in train:
        by_item.setdefault((example.task, example.id), example)
        if (key := _text_key(example, same_language_only)) is not None:
            by_text.setdefault(key, example)
    leaks = []
    for example in scored:
        if (same := by_item.get((example.task, example.id))) is not None:
            leaks.append(Leak(same, example, "item"))
        elif (key := _text_key(example, same_language_only)) in by_text and key is not None:
            leaks.append(Leak(by_text[key], example, "text"))
    return leaks


def refuse_leaks(leaks: Sequence[Leak]) -> None:
    """A Problem with counts, three examples and the remedy, unless there is no leak."""
    if not leaks:
        return
    items = sum(leak.kind == "item" for leak in leaks)
    shown = "".join(
        f"\n  {leak.kind} {leak.scored.id}: trained on in '{leak.train.language}' "
        f"({leak.train.origin or leak.train.id}), "
        f"scored in '{leak.scored.language}' ({leak.scored.origin or leak.scored.id}): {_excerpt(leak.scored)}"
        for leak in leaks[:3]
    )
    raise Problem(
        f"{len(leaks)} scored rows are also trained on ({items} by item id, {len(leaks) - items} by text), so the "
        "scores would be too good. Train and score on different splits, or remove the rows from the training data. "
        f"First ones:{shown}"
    )


def normalise(text: str) -> str:
    """The text without case, punctuation, spaces and compatibility forms."""
    # Spaces and punctuation go after NFKC, which can make new ones ("…" becomes "...").
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(char for char in folded if unicodedata.category(char)[0] in "LMNS")


def _text_key(example: Example, with_language: bool) -> tuple[str, ...] | None:
    """What two rows of one text share; None where nothing is left of it ("...")."""
    texts = [normalise(text) for _, text in sorted(example.fields.items())]
    return (example.language if with_language else "", *texts) if any(texts) else None


def _excerpt(example: Example) -> str:
    text = " | ".join(example.fields.values())
    return repr(text if len(text) <= 100 else text[:99] + "…")
