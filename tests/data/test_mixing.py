from __future__ import annotations

import dataclasses
import hashlib
import itertools
import random
import re
from collections import Counter

import pytest

from mslt_it.data.mixing import allocate, hash_key, interleave, largest_total, meet, rank, too_few
from mslt_it.problems import Problem
from mslt_it.records import Example

LABELS = ("entailment", "neutral", "contradiction")
TIGHT = {"a": "14", "b": "024", "c": "014", "d": "4"}  # language -> its items


def rows(language: str, number: int, labels: tuple[str, ...] = LABELS) -> list[Example]:
    return [Example(f"train:{i}", language, "toy", "train", {"premise": f"{language} {i}"}, labels[i % len(labels)])
            for i in range(number)]  # fmt: skip


def pool(*languages: str, number: int = 300) -> dict[str, list[Example]]:
    return {code: rows(code, number) for code in languages}


def ids(examples: list[Example]) -> list[str]:
    return [e.id for e in examples]


def choose(examples: dict[str, list[Example]], num_total: int, items: str, seed: int) -> dict[str, list[Example]]:
    """The rows to train on where all are usable, as a build takes them."""
    wanted = allocate(num_total, examples)
    ranked = rank(examples, items, seed)
    if any(len(ranked[code]) < n for code, n in wanted.items()):
        met = meet(wanted, examples, seed) if items == "disjoint" else None
        if met is None:
            raise too_few(wanted, examples, items)
        ranked = met
    return {code: ranked[code][:n] for code, n in wanted.items()}


@pytest.mark.parametrize("total", [3, 10, 1000, 1500])
def test_allocation_is_exact_and_ignores_the_order_of_listing(total: int) -> None:
    shares = allocate(total, ["zh", "ar", "de"])
    assert shares == allocate(total, ["de", "zh", "ar"])
    assert sum(shares.values()) == total and max(shares.values()) - min(shares.values()) <= 1
    assert allocate(1000, ["zh", "ar", "de"]) == {"ar": 334, "de": 333, "zh": 333}


def test_allocation_refuses_less_than_one_row_each() -> None:
    with pytest.raises(Problem, match="num_examples_total=2"):
        allocate(2, ["a", "b", "c"])


def test_disjoint_items_are_labelled_once_and_balanced() -> None:
    chosen = choose(pool("en", "ar", "zh"), 150, "disjoint", seed=0)
    assert {code: len(examples) for code, examples in chosen.items()} == {"en": 50, "ar": 50, "zh": 50}
    everything = [i for examples in chosen.values() for i in ids(examples)]
    assert len(everything) == len(set(everything)) == 150
    for code, examples in chosen.items():
        counts = Counter(e.label for e in examples)
        assert max(counts.values()) - min(counts.values()) <= 1
        assert {e.language for e in examples} == {code}


def test_choice_depends_on_the_seed_only() -> None:
    shuffled = {code: list(reversed(examples)) for code, examples in reversed(pool("en", "ar").items())}
    assert choose(shuffled, 60, "disjoint", 3) == choose(pool("en", "ar"), 60, "disjoint", 3)
    assert choose(pool("en", "ar"), 60, "disjoint", 4) != choose(pool("en", "ar"), 60, "disjoint", 3)


def test_what_is_drawn_is_the_same_in_every_version() -> None:
    """The hashes are reckoned anew here: another name or number in one of them would draw other rows."""

    def key(*parts: object) -> int:
        text = "\0".join(map(str, parts)).encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")

    assert hash_key(3, "en", "train:7") == key(3, "en", "train:7") == 0x75DF3D60C1CEE8FE
    data = {code: rows(code, 40, ("neutral",)) for code in ("en", "ar")}
    every = ids(data["en"])
    owner = {item: max(data, key=lambda code: key(3, code, item)) for item in every}
    for code, found in rank(data, "disjoint", 3).items():
        assert ids(found[:]) == sorted((i for i in every if owner[i] == code), key=lambda i: key(3, code, i))
    assert ids(rank(data, "parallel", 3)["ar"][:]) == sorted(every, key=lambda i: key(3, "parallel", i))
    turns = sorted("abcdef", key=lambda code: key(3, "interleave", code))
    assert interleave({code: [code] for code in "abcdef"}, 3) == turns


def test_adding_a_language_only_takes_items_away() -> None:
    def one_label(*languages: str) -> dict[str, list[Example]]:
        return {code: rows(code, 300, ("neutral",)) for code in languages}

    before = rank(one_label("en", "ar"), "disjoint", 0)
    after = rank(one_label("en", "ar", "zh"), "disjoint", 0)
    for code in ("en", "ar"):
        kept = set(ids(after[code]))
        assert kept < set(ids(before[code]))
        assert ids(after[code]) == [i for i in ids(before[code]) if i in kept]


def test_parallel_gives_the_same_items_everywhere() -> None:
    data = pool("en", "ar", "zh")
    data["zh"] = data["zh"][10:]
    chosen = choose(data, 90, "parallel", seed=1)
    assert ids(chosen["en"]) == ids(chosen["ar"]) == ids(chosen["zh"])
    assert len(chosen["en"]) == 30 and not {f"train:{i}" for i in range(10)} & set(ids(chosen["en"]))
    assert Counter(e.label for e in chosen["ar"]) == {label: 10 for label in LABELS}


@pytest.mark.parametrize("seed", range(5))
def test_a_budget_that_takes_every_item_is_met(seed: int) -> None:
    data = pool("ar", "de", "zh", number=501)
    assert min(len(found) for found in rank(data, "disjoint", seed).values()) < 167  # the hash alone is too uneven
    chosen = choose(data, 501, "disjoint", seed)
    assert {code: len(found) for code, found in chosen.items()} == {"ar": 167, "de": 167, "zh": 167}
    assert len({i for found in chosen.values() for i in ids(found)}) == 501
    shuffled = {code: list(reversed(found)) for code, found in reversed(data.items())}
    assert choose(shuffled, 501, "disjoint", seed) == chosen


def test_where_the_hash_gives_enough_it_decides() -> None:
    data = pool("ar", "de", "zh")
    ranked = rank(data, "disjoint", 0)
    most = 3 * min(map(len, ranked.values()))
    assert choose(data, most, "disjoint", 0) == {code: found[: most // 3] for code, found in ranked.items()}
    more = choose(data, most + 3, "disjoint", 0)  # and beyond, only what is missing moves
    for code, found in more.items():
        moved = set(ids(found)) - set(ids(ranked[code]))
        assert len(moved) == max(0, most // 3 + 1 - len(ranked[code]))


def test_items_are_handed_on_through_a_third_language() -> None:
    """ar has items 0 to 19, de 10 to 29, zh 20 to 39: ar and zh share none, and all 40 items are needed."""
    data = {code: rows(code, 40)[start : start + 20] for code, start in (("ar", 0), ("de", 10), ("zh", 20))}
    for seed in range(5):
        chosen = choose(data, 40, "disjoint", seed)
        assert [len(chosen[code]) for code in ("ar", "de", "zh")] == [14, 13, 13]
        assert len({i for found in chosen.values() for i in ids(found)}) == 40


@pytest.mark.parametrize("seed", range(10))
def test_an_item_that_was_handed_on_may_be_handed_on_again(seed: int) -> None:
    """d has item 4 only, so a has 1, then c has 0, then b has 2: no other division gives each one."""
    data = {code: [rows(code, 5)[int(i)] for i in has] for code, has in TIGHT.items()}
    met = meet(dict.fromkeys(TIGHT, 1), data, seed)
    assert met is not None
    assert {code: ids(found[:]) for code, found in met.items()} == {
        "a": ["train:1"], "b": ["train:2"], "c": ["train:0"], "d": ["train:4"]
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_what_any_division_meets_is_met_and_nothing_else(seed: int) -> None:
    """Against Hall's condition on random data: every set of languages has as many items as it wants."""
    rng = random.Random(seed)
    codes = ("a", "b", "c", "d")[: rng.randint(2, 4)]
    data = {code: [e for e in rows(code, 30) if rng.random() < rng.random()] or rows(code, 1) for code in codes}
    most = largest_total(data, "disjoint")
    for total in range(len(codes), 31):
        wanted = allocate(total, codes)
        fits = all(
            len({e.id for code in some for e in data[code]}) >= sum(wanted[code] for code in some)
            for size in range(1, len(codes) + 1)
            for some in itertools.combinations(codes, size)
        )
        assert fits == (total <= most)
        if not fits:
            with pytest.raises(Problem, match="the largest that fits"):
                choose(data, total, "disjoint", seed)
            continue
        chosen = choose(data, total, "disjoint", seed)
        assert {code: len(found) for code, found in chosen.items()} == wanted
        assert len({i for found in chosen.values() for i in ids(found)}) == total


def number_named(problem: Problem) -> int:
    return int(re.search(r"Set data\.num_examples_total=(\d+), the largest", str(problem))[1])  # type: ignore[index]


@pytest.mark.parametrize("items", ["disjoint", "parallel"])
def test_a_shortage_is_told_by_language_with_a_number_that_works(items: str) -> None:
    data = {"ar": rows("ar", 100), "de": rows("de", 300), "sw": rows("sw", 40)}
    with pytest.raises(Problem, match=r"ar 100, de 300, sw 40, which is 60 too few") as caught:
        choose(data, 300, items, 0)
    fits = number_named(caught.value)
    assert fits == {"disjoint": 122, "parallel": 120}[items]  # 41 of ar and de, 40 of sw; parallel: 40 of each
    assert sum(map(len, choose(data, fits, items, 0).values())) == fits
    with pytest.raises(Problem, match=str(fits)):
        choose(data, fits + 1, items, 0)


def test_items_of_one_language_only_are_counted_by_language() -> None:
    data = {code: [dataclasses.replace(e, id=f"{code}:{e.id}") for e in rows(code, 50)] for code in ("ar", "de")}
    assert sum(map(len, choose(data, 100, "disjoint", 0).values())) == 100
    with pytest.raises(Problem) as caught:
        choose(data, 102, "disjoint", 0)
    assert "labelled in one language only" not in str(caught.value) and number_named(caught.value) == 100
    assert largest_total({**data, "zh": []}, "disjoint") == 0


def test_parallel_items_are_those_of_all_languages() -> None:
    assert len(choose({"en": rows("en", 300), "ar": rows("ar", 300)}, 400, "parallel", 0)["ar"]) == 200
    with pytest.raises(Problem, match="no item id is in all"):
        choose({"en": rows("en", 3), "ar": [e for e in rows("ar", 9) if e.id > "train:5"]}, 4, "parallel", 0)


def test_rows_without_a_label_keep_their_share_of_every_prefix() -> None:
    examples = rows("en", 300, (*LABELS, *LABELS, *LABELS, ""))  # one in ten
    head = rank({"en": examples}, "disjoint", 0)["en"][:100]
    assert 9 <= sum(not e.label for e in head) <= 11


def test_unbalanced_source_uses_what_there_is() -> None:
    examples = rows("en", 100, ("neutral",) * 9 + ("entailment",))
    counts = Counter(e.label for e in choose({"en": examples}, 30, "disjoint", 0)["en"])
    assert counts == {"neutral": 20, "entailment": 10}


def test_interleaving_spreads_every_language_evenly() -> None:
    chosen = choose(pool("en", "ar", "zh"), 90, "disjoint", 0)
    order = interleave(chosen, seed=0)
    assert order == interleave(dict(reversed(chosen.items())), seed=0)
    assert Counter(e.language for e in order[:30]) == {"en": 10, "ar": 10, "zh": 10}
    assert len({(e.language, e.id) for e in order}) == 90
    assert "".join(interleave({"a": "1234", "b": "x"}, seed=0)) == "12x34"
