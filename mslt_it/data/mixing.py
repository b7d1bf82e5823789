"""Spending the labelled budget: which rows of which language, in which order. Everything is decided by hashes.

``disjoint``: each item is owned by one language, the one with the highest hash of (seed, language, item) (rendezvous
hashing): adding a language takes items away from the others and moves none between them. ``parallel``: the same items
in every language. Labels alternate as far as the rows allow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from mslt_it.problems import Problem
from mslt_it.records import Example

# Labels alternate where they are few; an answer that is nearly unique per row is no class.
MIN_ROWS_PER_LABEL = 5


def hash_key(*parts: object) -> int:
    """64 bits of a hash of the parts, the same on every machine."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def allocate(num_total: int, languages: Iterable[str]) -> dict[str, int]:
    """Rows per language: as equal as possible, summing to ``num_total`` exactly.

    A remainder goes to the first languages by code, so the order of listing does not matter: 1000 over zh, ar, de gives
    ar 334, de 333, zh 333.
    """
    codes = sorted(set(languages))
    if not codes:
        raise Problem("No source language to spend data.num_examples_total on. Set sources=[en].")
    if num_total < len(codes):
        raise Problem(
            f"data.num_examples_total={num_total} leaves less than one row for each of {len(codes)} languages. "
            "Raise it or name fewer sources."
        )
    base, rest = divmod(num_total, len(codes))
    return {code: base + (i < rest) for i, code in enumerate(codes)}


def rank(examples_by_language: Mapping[str, Sequence[Example]], items: str, seed: int) -> dict[str, list[Example]]:
    """Each language's candidate rows, best first; a prefix of any length is balanced over the labels.

    ``disjoint``: no item id is in two lists. ``parallel``: all lists hold the same ids in the same order.
    """
    languages = sorted(examples_by_language)
    if items == "disjoint":
        owned = _owned(examples_by_language, languages, seed)
        return {code: _balanced(owned[code]) for code in languages}
    if items != "parallel":
        raise Problem(f"data.items='{items}' is unknown. Known: disjoint, parallel.")
    by_id = {code: {e.id: e for e in examples_by_language[code]} for code in languages}
    shared = set.intersection(*(set(rows) for rows in by_id.values())) if by_id else set()
    if not shared:
        raise Problem(
            f"data.items=parallel, but no item id is in all of {', '.join(languages)}. "
            "Use parallel data with one id column, or data.items=disjoint."
        )
    first = by_id[languages[0]]
    order = [e.id for e in _balanced({hash_key(seed, "parallel", i): first[i] for i in shared})]
    return {code: [by_id[code][i] for i in order] for code in languages}


def choose(
    examples_by_language: Mapping[str, Sequence[Example]], num_total: int, items: str, seed: int
) -> dict[str, list[Example]]:
    """The rows to train on, per language: ``allocate`` of them from the head of ``rank``.

    With ``parallel`` and a total that the number of languages does not divide, the languages with one row more have one
    item that the others lack.
    """
    wanted = allocate(num_total, examples_by_language)
    ranked = rank(examples_by_language, items, seed)
    for code, n in wanted.items():
        if len(ranked[code]) < n:
            raise too_few(code, n, len(ranked[code]), items)
    return {code: ranked[code][:n] for code, n in wanted.items()}


def too_few(language: str, wanted: int, available: int, items: str, detail: str = "") -> Problem:
    """The error for a language that cannot fill its share of the budget."""
    other = "parallel (every language may then use every item)" if items == "disjoint" else "disjoint"
    return Problem(
        f"Language '{language}' is to give {wanted} training rows and has {available} to choose from{detail}. "
        f"Lower data.num_examples_total, name fewer sources, use a larger split, or set data.items={other}."
    )


def interleave(chosen: Mapping[str, Sequence[Example]], seed: int) -> list[Example]:
    """One training order: every language spread evenly over it, ties in an order drawn from the seed."""
    placed = [
        ((index + 0.5) / len(rows), hash_key(seed, "interleave", code), index, code)
        for code, rows in chosen.items()
        for index in range(len(rows))
    ]
    return [chosen[code][index] for _, _, index, code in sorted(placed)]


def _owned(
    examples_by_language: Mapping[str, Sequence[Example]], languages: Sequence[str], seed: int
) -> dict[str, dict[int, Example]]:
    """Language -> hash -> the examples it owns."""
    best: dict[str, tuple[int, Example]] = {}
    for code in languages:
        for example in examples_by_language[code]:
            key = hash_key(seed, code, example.id)
            if example.id not in best or key > best[example.id][0]:
                best[example.id] = (key, example)
    owned: dict[str, dict[int, Example]] = {code: {} for code in languages}
    for key, example in best.values():
        owned[example.language][key] = example
    return owned


def _balanced(rows: Mapping[int, Example]) -> list[Example]:
    """Rows in hash order, labels in turn. Rows without a label keep their share of every prefix: they are to be
    counted as dropped in proportion, neither preferred nor hidden."""
    ordered = [rows[key] for key in sorted(rows)]
    by_label: dict[str, list[Example]] = {}
    for example in ordered:
        by_label.setdefault(example.label, []).append(example)
    unlabelled = by_label.pop("", [])
    labelled = [e for e in ordered if e.label]
    if len(by_label) * MIN_ROWS_PER_LABEL <= len(labelled):
        # Labels take turns by the round: (0, first label), (0, second), (1, first), ... in order of first appearance.
        turns = [(i, turn, e) for turn, group in enumerate(by_label.values()) for i, e in enumerate(group)]
        labelled = [e for _, _, e in sorted(turns, key=lambda t: t[:2])]
    if not unlabelled:
        return labelled
    groups = (labelled, unlabelled)
    spread = [((i + 0.5) / len(group), k, e) for k, group in enumerate(groups) for i, e in enumerate(group)]
    return [e for _, _, e in sorted(spread, key=lambda t: t[:2])]
