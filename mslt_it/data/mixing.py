"""Spending the labelled budget: which rows of which language, in which order. Everything is decided by hashes.

``disjoint``: each item is owned by one language, the one with the highest hash of (seed, language, item) (rendezvous
hashing): adding a language takes items away from the others and moves none between them. ``parallel``: the same items
in every language. Labels alternate as far as the rows allow.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from mslt_it.config.schema import written
from mslt_it.data.examples import Examples
from mslt_it.problems import Problem
from mslt_it.records import Example

# Labels alternate where they are few; an answer that is nearly unique per row is no class.
MIN_ROWS_PER_LABEL = 5
Row = TypeVar("Row")


def hash_key(*parts: object) -> int:
    """64 bits of a hash of the parts, the same on every machine."""
    *start, last = map(str, parts)
    return next(hash_keys(start, [last]))


def hash_keys(start: Iterable[object], items: Iterable[str]) -> Iterator[int]:
    """`hash_key` of ``start`` and an item, for each of them."""
    begun = hashlib.blake2b(digest_size=8)
    for part in start:
        begun.update(f"{part}\0".encode("utf-8", "surrogatepass"))
    for item in items:
        one = begun.copy()
        one.update(item.encode("utf-8", "surrogatepass"))
        yield int.from_bytes(one.digest(), "big")


def allocate(num_total: int, languages: Iterable[str]) -> dict[str, int]:
    """Rows per language: as equal as possible, summing to ``num_total`` exactly.

    A remainder goes to the first languages by code, so the order of listing does not matter: 1000 over zh, ar, de gives
    ar 334, de 333, zh 333.
    """
    codes = sorted(set(languages))
    if num_total < len(codes):
        raise Problem(f"data.num_examples_total={num_total} is fewer than the {len(codes)} sources. Raise it.")
    base, rest = divmod(num_total, len(codes))
    return {code: base + (i < rest) for i, code in enumerate(codes)}


def rank(examples_by_language: Mapping[str, Sequence[Example]], items: str, seed: int) -> dict[str, Examples]:
    """Each language's candidate rows, best first; a prefix of any length is balanced over the labels. None is made.

    ``disjoint``: no item id is in two lists. ``parallel``: all lists hold the same ids in the same order.
    """
    languages = sorted(examples_by_language)
    found = {code: Examples.of(examples_by_language[code]) for code in languages}
    if items == "disjoint":
        return {code: _balanced(rows, found[code]) for code, rows in _owned(found, seed).items()}
    by_id = {code: {item: number for number, item in enumerate(rows.ids)} for code, rows in found.items()}
    shared = set.intersection(*(set(rows) for rows in by_id.values())) if by_id else set()
    if not shared:
        remedy = "Use parallel data with one id column, or data.items=disjoint."
        raise Problem(f"data.items=parallel, but no item id is in all of {', '.join(languages)}. {remedy}")
    first = languages[0]
    order = _balanced({hash_key(seed, "parallel", i): by_id[first][i] for i in shared}, found[first]).ids
    return {code: rows.at([by_id[code][i] for i in order]) for code, rows in found.items()}


def meet(
    wanted: Mapping[str, int], examples_by_language: Mapping[str, Sequence[Example]], seed: int
) -> dict[str, Examples] | None:
    """Like ``rank`` of disjoint items, with at least ``wanted`` rows of every language; None where no division of the
    items gives that.

    Starts from the hash's division; a language that lacks rows takes items that another owns and does not need, through
    third languages where it must (augmenting paths). So what can be met is met, with the fewest changes.
    """
    ranked = rank(examples_by_language, "disjoint", seed)
    found = {code: Examples.of(examples_by_language[code]) for code in ranked}
    rows = {code: {item: number for number, item in enumerate(found[code].ids)} for code in ranked}
    owner = {item: code for code, owned in ranked.items() for item in owned.ids}
    num_owned = {code: len(owned) for code, owned in ranked.items()}
    # What each language could hand to each other one, the rows that it needs least (the last ranked) on top.
    to_give = {
        (giver, taker): [item for item in owned.ids if item in rows[taker]]
        for giver, owned in ranked.items()
        for taker in ranked
        if taker != giver
    }

    def next_item(giver: str, taker: str) -> str | None:
        stack = to_give[giver, taker]
        while stack and owner[stack[-1]] != giver:
            stack.pop()
        return stack[-1] if stack else None

    for short in ranked:
        while num_owned[short] < wanted[short]:
            path = _path_to_surplus(short, num_owned, wanted, next_item)
            if path is None:
                return None
            for taker, giver in itertools.pairwise(path):
                item = next_item(giver, taker)
                assert item is not None
                owner[item] = taker
                for other in ranked:
                    if other != taker and item in rows[other]:
                        to_give[taker, other].append(item)
            num_owned[path[0]] += 1
            num_owned[path[-1]] -= 1
    return {
        code: _balanced({hash_key(seed, code, i): rows[code][i] for i, by in owner.items() if by == code}, found[code])
        for code in ranked
    }


def _path_to_surplus(
    short: str,
    num_owned: Mapping[str, int],
    wanted: Mapping[str, int],
    next_item: Callable[[str, str], str | None],
) -> list[str] | None:
    """Languages from ``short`` to one with rows to spare, each of which can take an item from the next."""
    paths = [[short]]
    seen = {short}
    for path in paths:
        for giver in sorted(set(num_owned) - seen):
            if next_item(giver, path[-1]) is None:
                continue
            if num_owned[giver] > wanted[giver]:
                return [*path, giver]
            seen.add(giver)
            paths.append([*path, giver])
    return None


def largest_total(examples_by_language: Mapping[str, Sequence[Example]], items: str) -> int:
    """The largest total for which there are enough items, shared as ``allocate`` shares it; 0 where none is."""
    languages = sorted(examples_by_language)
    holders: dict[str, list[str]] = {}
    for code in languages:
        for item in set(Examples.of(examples_by_language[code]).ids):
            holders.setdefault(item, []).append(code)
    kinds = Counter(map(tuple, holders.values()))
    if items == "parallel":
        return len(languages) * kinds[tuple(languages)]
    totals = range(len(languages), len(holders) + 1)  # what fits, fits with a row less
    number = bisect.bisect_left(totals, True, key=lambda total: not _fits(allocate(total, languages), kinds))
    return totals[number - 1] if number else 0


def _fits(wanted: Mapping[str, int], kinds: Mapping[tuple[str, ...], int]) -> bool:
    """Whether items can be given to languages so that each gets what it wants: a flow from items, counted by which
    languages have them, to languages."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import maximum_flow

    of_kind = {kind: i for i, kind in enumerate(kinds, 1)}
    of_code = {code: i for i, code in enumerate(wanted, 1 + len(kinds))}
    source, sink = 0, 1 + len(kinds) + len(wanted)
    edges = [(source, of_kind[kind], n) for kind, n in kinds.items()]
    edges += [(of_kind[kind], of_code[code], n) for kind, n in kinds.items() for code in kind]
    edges += [(of_code[code], sink, n) for code, n in wanted.items()]
    starts, ends, capacities = zip(*edges, strict=True)
    graph = coo_array((capacities, (starts, ends)), shape=(sink + 1, sink + 1), dtype="int32").tocsr()
    return int(maximum_flow(graph, source, sink).flow_value) == sum(wanted.values())


def too_few(
    wanted: Mapping[str, int],
    usable: Mapping[str, Sequence[Example]],
    items: str,
    dropped: Mapping[str, str] | None = None,
) -> Problem:
    """The error for a budget that cannot be met: what every language is to give and has, and what would fit.

    ``usable``: all rows that can be trained on, per language; ``dropped``: language -> why others cannot.
    """
    total = sum(wanted.values())
    has = ", ".join(
        f"{code} {len(usable[code])}"
        + (f", which is {n - len(usable[code])} too few" if n > len(usable[code]) else "")
        + (f" (left out: {why})" if (why := (dropped or {}).get(code)) else "")
        for code, n in sorted(wanted.items())
    )
    num_items = len({item for rows in usable.values() for item in Examples.of(rows).ids})
    if items == "parallel":
        has += f"; only the {largest_total(usable, items) // len(wanted)} items that can be used in all of them count"
    elif num_items < sum(map(len, usable.values())):
        has += f"; an item is labelled in one language only, and there are {num_items}"
    remedy = "Use a larger split"
    if wanted != allocate(total, wanted):
        fault, remedy = f"data.num_examples={written(wanted)} takes more training rows than there are", "Lower it"
    else:
        each = " or ".join(map(str, sorted(set(wanted.values()))))
        fault = f"data.num_examples_total={total} takes {each} training rows of each source"
        if fits := largest_total(usable, items):
            remedy = f"Set data.num_examples_total={fits}, the largest that fits (max takes as many as fit)"
    return Problem(f"{fault}. Rows to choose from: {has}. {remedy}, or name other sources.")


def interleave(chosen: Mapping[str, Sequence[Row]], seed: int) -> list[Row]:
    """One training order: every language spread evenly over it, ties in an order drawn from the seed."""
    return _spread([chosen[code] for code in sorted(chosen, key=lambda code: hash_key(seed, "interleave", code))])


def _owned(examples: Mapping[str, Examples], seed: int) -> dict[str, dict[int, int]]:
    """Language -> hash -> the numbers of the examples it owns."""
    best: dict[str, tuple[int, str, int]] = {}
    for code, rows in examples.items():
        for number, (item, key) in enumerate(zip(rows.ids, hash_keys((seed, code), rows.ids), strict=True)):
            if item not in best or key > best[item][0]:
                best[item] = (key, code, number)
    owned: dict[str, dict[int, int]] = {code: {} for code in examples}
    for key, code, number in best.values():
        owned[code][key] = number
    return owned


def _balanced(rows: Mapping[int, int], examples: Examples) -> Examples:
    """Rows (hash -> number) in hash order, labels in turn. Rows without a label keep their share of every prefix: they
    are to be counted as dropped in proportion, neither preferred nor hidden."""
    ordered = [rows[key] for key in sorted(rows)]
    by_label: dict[str, list[int]] = {}
    for number in ordered:
        by_label.setdefault(examples.labels[number], []).append(number)
    unlabelled = by_label.pop("", [])
    labelled = [number for number in ordered if examples.labels[number]]
    if len(by_label) * MIN_ROWS_PER_LABEL <= len(labelled):
        # Labels take turns by the round: (0, first label), (0, second), (1, first), ... in order of first appearance.
        turns = [(i, turn, e) for turn, group in enumerate(by_label.values()) for i, e in enumerate(group)]
        labelled = [e for _, _, e in sorted(turns)]
    return examples.at(_spread((labelled, unlabelled)))


def _spread(groups: Sequence[Sequence[Row]]) -> list[Row]:
    """Every group evenly over the whole, the first of them first."""
    placed = [((i + 0.5) / len(group), turn, e) for turn, group in enumerate(groups) for i, e in enumerate(group)]
    return [e for _, _, e in sorted(placed)]  # no two have one place and turn, so rows are not compared
