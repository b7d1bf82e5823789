"""What another word for a label probably means: filled into the line that an error shows, for the user to check."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence

# What data sets of the same kind call the labels of ours.
_OTHER_WORDS = {
    "entailment": "e entail entails entailed supports supported support yes true",
    "neutral": "n nei not_enough_info not_enough_information unknown undetermined unrelated neither maybe",
    "contradiction": "c contradict contradicts contradictory refutes refuted refute no false",
    "paraphrase": "yes true same duplicate equivalent is_paraphrase",
    "different": "no false not_paraphrase not_duplicate not_equivalent",
    "first": "a choice1 option1 left one",
    "second": "b choice2 option2 right two",
    "PER": "person people pers",
    "ORG": "organization organisation corporation company group",
    "LOC": "location gpe place geo",
}
_SAME = {"true": "1", "false": "0", "1": "true", "0": "false"}  # what one writer calls 1 is true with another
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_CUTOFF, _STRICT_CUTOFF = 0.6, 0.85  # likeness from which on two words may be one


def guessed(values: Sequence[str], names: Sequence[str], *, strict: bool = False) -> dict[str, str]:
    """Value -> the label it probably means. ``strict``: only where they are nearly spelled alike, for labels of the
    user's own; else every value gets one, if need be whichever is left."""
    if not names:
        return {}
    by_key = {_key(name): name for name in names}
    if all(_SAME.get(value, "") in by_key for value in values):
        return {value: by_key[_SAME[value]] for value in values}
    if numbered := _by_number(values, names):
        return numbered
    found = {value: name for value in values if (name := _alike(value, names, strict))}
    for value in values:
        if not strict and value not in found:
            left = [name for name in names if name not in found.values()]
            found[value] = (left or names)[0]
    return found


def other_word(value: str, names: Sequence[str]) -> str:
    """The one of ``names`` that a word probably means, or ""."""
    return _alike(value, names, strict=False)


def _by_number(values: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Integers as positions from 0 or from 1, else in their order; {} where there are others."""
    if not all(_INTEGER.fullmatch(v) for v in values) or any(_INTEGER.fullmatch(n) for n in names):
        return {}
    for first in (0, 1):
        if all(0 <= int(v) - first < len(names) for v in values):
            return {v: names[int(v) - first] for v in values}
    ordered = sorted(values, key=int)
    return dict(zip(ordered, names, strict=True)) if len(ordered) == len(names) else {}


def _alike(value: str, names: Sequence[str], strict: bool) -> str:
    key = _key(value)
    by_key = {_key(name): name for name in names}
    if key in by_key:
        return by_key[key]
    if not strict:
        for name in names:
            if key in map(_key, _OTHER_WORDS.get(name, "").split()):
                return name
        begin = [
            n for k, n in by_key.items() if key and k and (k.startswith(key) or (len(k) > 2 and key.startswith(k)))
        ]
        if len(begin) == 1:
            return begin[0]
    if number_key(value):
        return ""  # a number that looks like another is another
    cutoff = _STRICT_CUTOFF if strict else _CUTOFF
    return next((by_key[k] for k in difflib.get_close_matches(key, by_key, n=1, cutoff=cutoff)), "")


def number_key(text: str) -> str:
    """The same for one number written in several ways ("-1", "−1", "-1,0"); "" for what is none."""
    plain = unicodedata.normalize("NFKC", text).strip().replace("\N{MINUS SIGN}", "-").replace(",", ".")
    return f"{float(plain):g}" if _NUMBER.fullmatch(plain) else ""


def _key(text: str) -> str:
    # A sign or a point is part of a number, never ornament: -1 is not 1, and 1.5 not 15.
    return number_key(text) or re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).casefold()
