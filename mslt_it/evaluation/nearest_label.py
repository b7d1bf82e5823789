"""A baseline that learns nothing: the label whose word looks most like the text.

It says how much of a classification can be had by the letters that sentences share with the label words in the prompt
("timer" in "cancel the timer"). Stands beside the majority's share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mslt_it.data.leakage import fold
from mslt_it.records import PromptedExample

SIZES = (2, 3, 4)  # characters; a word's beginning and end count as one


def nearest(text: str, words: Mapping[str, str]) -> str:
    """The label of which the text has the largest share of its word's character n-grams; of equal ones the first."""
    found = _grams(text)
    shares = {label: len(own & found) / len(own) for label, word in words.items() if (own := _grams(word))}
    return max(shares, key=lambda label: shares[label])


def nearest_label_share(texts: Iterable[str], items: Iterable[PromptedExample], labels: Iterable[str]) -> float:
    """The share of items that the nearest label gets right; ``items`` have the label words that the model is shown."""
    names = tuple(labels)
    right = [nearest(t, dict(zip(names, i.choices, strict=True))) == i.label for t, i in zip(texts, items, strict=True)]
    return sum(right) / len(right)


def _grams(text: str) -> set[str]:
    padded = f" {fold(text)} "
    return {padded[i : i + size] for size in SIZES for i in range(len(padded) - size + 1)}
