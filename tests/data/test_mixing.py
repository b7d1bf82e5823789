from __future__ import annotations

from collections import Counter

import pytest

from mslt_it.data.mixing import allocate, choose, interleave, rank
from mslt_it.problems import Problem
from mslt_it.records import Example

LABELS = ("entailment", "neutral", "contradiction")


def rows(language: str, number: int, labels: tuple[str, ...] = LABELS) -> list[Example]:
    return [Example(f"train:{i}", language, "toy", "train", {"premise": f"{language} {i}"}, labels[i % len(labels)])
            for i in range(number)]  # fmt: skip


def pool(*languages: str, number: int = 300) -> dict[str, list[Example]]:
    return {code: rows(code, number) for code in languages}


def ids(examples: list[Example]) -> list[str]:
    return [e.id for e in examples]


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


def test_shortage_names_language_wanted_and_available() -> None:
    with pytest.raises(Problem, match=r"Language 'ar' is to give 200 .* has \d+ .*data\.items=parallel"):
        choose({"en": rows("en", 300), "ar": rows("ar", 300)}, 400, "disjoint", 0)
    with pytest.raises(Problem, match="no item id is in all"):
        choose({"en": rows("en", 3), "ar": [e for e in rows("ar", 9) if e.id > "train:5"]}, 4, "parallel", 0)
    with pytest.raises(Problem, match="Known: disjoint, parallel"):
        choose(pool("en"), 4, "both", 0)


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
