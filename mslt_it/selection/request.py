"""What was asked of the selection, checked: candidates, criteria, and which sets are allowed."""

from __future__ import annotations

import itertools

from mslt_it.languages import bare, validated_codes
from mslt_it.problems import Problem, counted, nearest
from mslt_it.selection.criteria import POOLS, Request
from mslt_it.selection.search import Space


def macro_language(code: str) -> str:
    """The language of a code without script and region, its macro-language where CLDR names one: arb -> ar."""
    from langcodes import data_dicts

    return str(data_dicts.NORMALIZED_MACROLANGUAGES.get(bare(code), bare(code)))


def read_pool(request: Request, notes: list[str]) -> tuple[str, ...]:
    """The candidates: named pools spelled out, excluded languages and targets left out."""
    if not request.pool:
        raise Problem(f"pool is empty. Give codes, pool=[ar,de,en,zh], or a name: {', '.join(POOLS)}.")
    own = iter(validated_codes("pool", [code for code in request.pool if code not in POOLS]))
    spelled = (POOLS.get(one) or (next(own),) for one in request.pool)
    candidates = validated_codes("pool", dict.fromkeys(itertools.chain.from_iterable(spelled)))
    required, excluded = validated_codes("must", request.must), validated_codes("exclude", request.exclude)
    for role, codes in (("must", required), ("exclude", excluded)):
        for code in codes:
            if code not in candidates:
                raise Problem(f"{role}: '{code}' is not in the pool. {nearest(code, candidates)}")
    if both := [code for code in required if code in excluded]:
        raise Problem(f"'{both[0]}' is in must and in exclude. Remove it from one of them.")
    languages = {macro_language(code) for code in validated_codes("targets", request.targets)}
    if both := [code for code in required if macro_language(code) in languages]:
        raise Problem(f"'{both[0]}' is in must and in targets; a target is never trained on. Remove it from one.")
    left_out = [c for c in candidates if c not in excluded and macro_language(c) in languages]
    if left_out:
        notes.append(f"Left out of the pool because they are targets: {', '.join(left_out)}.")
    return tuple(c for c in candidates if c not in excluded and c not in left_out)


def read_space(candidates: tuple[str, ...], request: Request) -> Space:
    """Which sets of the candidates are allowed."""
    k, required, max_cost = request.k, validated_codes("must", request.must), request.max_cost
    if len(candidates) < k:
        raise Problem(
            f"The pool has {counted(len(candidates), 'language')} ({', '.join(candidates) or 'none'}), fewer than "
            f"k={k}. Add languages to pool, lower k, or shorten targets and exclude."
        )
    if len(required) > k:
        raise Problem(f"must has {len(required)} languages ({', '.join(required)}), more than k={k}. Raise k.")
    if max_cost is not None and not request.cost:
        raise Problem(f"max_cost={max_cost:g} needs the languages' costs: cost={{{candidates[0]}:2,...}}.")
    priced = dict(zip(validated_codes("cost", list(request.cost)), request.cost.values(), strict=True))
    for code, price in priced.items():
        if code not in candidates:
            raise Problem(f"cost: '{code}' is not in the pool. {nearest(code, candidates)}")
        if not 0 <= price < float("inf"):
            raise Problem(f"cost of {code}={price} is out of range. It must be 0 or more.")
    costs = tuple(float(priced.get(code, 1.0)) for code in candidates) if priced else ()
    return Space(len(candidates), k, tuple(candidates.index(code) for code in required), costs, max_cost)
