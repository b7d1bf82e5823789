"""Which numbers of a text follow from those before them: what a chain of thought works out, in any language.

A number that stands behind "=" is a result. So is a new one that earlier ones give: the sum of several, two of them by
any operation (rounded, or one being a per cent of the other), three by sums and differences, hours and minutes. An old
one is, where the latest result and a number behind it give it ("150 by 3 is 50"). What a sum was made of does not count
beside the sum: 48, 52 and 50 are 150, but 150 / 50 is no result of the text.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Collection, Container, Iterable, Sequence
from decimal import Decimal

WINDOW = 8  # numbers before one that it may follow from
MOST_NUMBERS = 60  # a text that runs away has thousands
AGAIN, NEW, SURE = range(3)
ROUNDED_FROM = 4  # smaller quotients are met by chance


def results(values: Sequence[Decimal]) -> set[Decimal]:
    """What numbers give when they are added, multiplied, or (two of them) subtracted or divided."""
    results = {sum(values, Decimal(0)), _product(values)}
    if len(values) == 2:
        first, second = values
        results |= {first - second, second - first}
        results |= {over / under for over, under in ((first, second), (second, first)) if under}
    return results


def worked_out(
    values: Sequence[Decimal], equated: Container[int], shares: Container[int], given: Sequence[Decimal] = ()
) -> dict[int, int]:
    """The places of the results of a text, and how sure each is: `AGAIN`, `NEW` (also an old one that is what is left
    of the latest result: "70 in all, of 100 that leaves 30") or, where it takes all three numbers from the latest
    result on, `SURE`.

    Args:
        values: of a text's numbers, in their order.
        equated: places of those that stand behind "=".
        shares: places of per cents.
        given: what the question gives; none of it is new.
    """
    found: dict[int, int] = {}
    parts: dict[Decimal, tuple[Decimal, ...]] = {}  # of sums
    for index in range(max(0, len(values) - MOST_NUMBERS), len(values)):
        value, start = values[index], max(0, index - WINDOW)
        is_left = checks = False
        if is_new := value not in values[:index] and value not in given:
            percents = {values[place] for place in range(index) if place in shares}
            is_result = value not in (0, 1) and _follows(value, [*given, *values[start:index]], percents, parts)
            if index in shares:
                is_result |= any(value * whole == 100 * part for part, whole in itertools.pairwise(values[start:index]))
        else:
            pairs = [
                (values[place], other)
                for place in found
                for other in values[max(place + 1, start) : index]
                if other != value
            ]
            is_result = any(value in results(pair) - {sum(pair), _product(pair)} for pair in pairs)
            last = max(found, default=index)
            latest, older = values[last], [*given, *values[max(0, last - WINDOW) : last]]
            behind = [*given, *(other for one, other in pairs if one == latest)] if found else []
            # What alone gave the latest result is given by it: "He had 60. Without those 18 it is 42."
            checks = any(_alone_gave(latest, value, other, older) for other in behind)
            is_left = value != latest and not checks and any(value == abs(latest - other) for other in behind)
        if is_result or is_left or index in equated:
            since = set(values[max(found, default=0) : index])
            is_sure = is_new and len(since) == 3 and _takes_all(value, since)
            is_told = index in equated and not (checks and value in given)
            found[index] = SURE if is_sure else NEW if is_new or is_left or is_told else AGAIN
    return found


def _follows(
    value: Decimal, before: Sequence[Decimal], shares: Container[Decimal], parts: dict[Decimal, tuple[Decimal, ...]]
) -> bool:
    known = [number for number in dict.fromkeys(before) if number not in (0, 1)]
    pairs, threes = (tuple(itertools.combinations(known, count)) for count in (2, 3))
    for terms in (*pairs, *threes, *(before[-count:] for count in range(4, len(before) + 1))):
        if value == sum(terms) and not any(term in parts.get(other, ()) for other in terms for term in terms):
            parts[value] = tuple(terms) if len(terms) > 2 else ()
            return True
    is_whole = value == int(value)
    if is_whole and any(abs(value - number) < 1 for number in known if number != int(number)):
        return True
    for first, second in pairs:
        if first in parts.get(second, ()) or second in parts.get(first, ()):
            if value == abs(first - second):
                return True
            continue
        if value in results((first, second)) - {first + second}:
            return True
        if is_whole and value >= ROUNDED_FROM and abs(value - first / second) < 1:
            return True
        for whole, share in ((first, second), (second, first)):
            if share in shares and value in (part := whole * share / 100, whole - part, whole + part):
                return True
    if any(value in (abs(sum(three) - 2 * one), _product(three)) for three in threes for one in three):
        return True
    return any(value == 60 * first + second for first, second in itertools.pairwise(before))


def _alone_gave(result: Decimal, one: Decimal, other: Decimal, older: Sequence[Decimal]) -> bool:
    """Do two of the older numbers give a result that the others do not give?"""
    others = [number for number in older if number != other]
    return {one, other} <= set(older) and result in results((one, other)) and not _follows(result, others, (), {})


def _takes_all(value: Decimal, three: Collection[Decimal]) -> bool:
    """Are all three added and subtracted, or is it a * b / c ("8 workers need 6 days, 12 of them 4")?"""
    total = sum(three, Decimal(0))
    mixed = any(value == abs(total - 2 * one) or value * one * one == _product(three) for one in three if one)
    return value == total or mixed


def _product(values: Iterable[Decimal]) -> Decimal:
    return functools.reduce(operator.mul, values)
