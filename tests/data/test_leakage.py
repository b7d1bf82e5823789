from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from toy_world import WORLD, toy_rows

from mslt_it.data import leakage
from mslt_it.data.leakage import find_leaks, normalise, refuse_leaks
from mslt_it.problems import Problem
from mslt_it.records import Example

Make = Callable[..., Example]


def examples(language: str, number: int, start: int = 0, split: str = "train") -> list[Example]:
    return [
        Example(f"{split}:{start + i}", language, "toy", split, {"premise": p, "hypothesis": h}, label)
        for i, (p, h, label) in enumerate(toy_rows(language, number, start))
    ]


def test_an_item_is_found_in_any_language() -> None:
    train = examples("en", 60)
    for code in WORLD:
        leaks = find_leaks(train, examples(code, 60))
        assert len(leaks) == 60 and {leak.kind for leak in leaks} == {"item"}


def test_a_text_is_found_under_another_id_and_in_another_dress(example: Make) -> None:
    train = [example("The dog, in the garden…", "Ｙｅｓ  it is", id="train:1", language="en")]
    scored = [example("the DOG in the garden", "yes: it IS!", id="test:9", language="de")]
    assert [leak.kind for leak in find_leaks(train, scored)] == ["text"]
    assert find_leaks(train, scored, same_language_only=True) == []
    same = [example("the DOG in the garden", "yes: it IS!", id="test:9")]
    assert [leak.kind for leak in find_leaks(train, same, same_language_only=True)] == ["text"]


def test_different_rows_are_no_leak(example: Make) -> None:
    train = examples("en", 100)
    assert find_leaks(train, examples("en", 100, start=100, split="test")) == []
    assert find_leaks([example("A", "B", id="a:1")], [example("A", "C", id="b:1")]) == []
    assert find_leaks([example("AB", "C", id="a:1")], [example("A", "BC", id="b:1")]) == []
    assert find_leaks([example("...", "?", id="a:1")], [example("!", "…", id="b:1")]) == []  # nothing left to compare
    assert find_leaks([example(task="one")], [example("x", "y", task="two")]) == []


def test_marks_are_part_of_the_text() -> None:
    assert normalise("की") != normalise("का")
    assert normalise("Straße") == normalise("STRASSE")
    assert normalise("1 + 1") != normalise("1 - 1")
    assert normalise("İĞDIR") == normalise("iğdır")  # Turkish: İ is the capital of i, I of ı


def test_refusal_has_counts_and_examples() -> None:
    refuse_leaks([])
    leaks = find_leaks(examples("en", 5), examples("ru", 5))
    with pytest.raises(Problem, match=r"5 scored rows are also trained on \(5 by item id, 0 by text\)") as caught:
        refuse_leaks(leaks)
    assert str(caught.value).count("\n") == 3 and "trained on in 'en'" in str(caught.value)


def test_n_grams_are_counted_as_a_plain_search_counts_them(example: Make) -> None:
    """Against a search of all pairs with sets: boilerplate in many texts, repeats, near copies, nothing alike."""
    rng = random.Random(0)
    words = [f"word{number}" for number in range(60)]
    opening = " ".join(words[:9])
    train = [" ".join([opening, *rng.choices(words, k=rng.randint(3, 20))]) for _ in range(80)]
    scored = [
        " ".join([*text.split()[rng.randint(0, 9) :], *rng.choices(words, k=rng.randint(0, 9))]) for text in train
    ]
    limit = min(leakage.MAX_MAX_TEXTS, max(leakage.MIN_MAX_TEXTS, leakage.MAX_TEXTS_SHARE * len(set(train))))
    counts = Counter(gram for text in set(train) for gram in leakage.ngrams(text))
    common = {gram for gram, number in counts.items() if number > limit}
    least = leakage._WORDS.min_ngrams
    expected = []
    for text in scored:
        own = leakage.ngrams(text) - common
        sizes = [(len(own & (grams := leakage.ngrams(one) - common)), min(len(own), len(grams))) for one in train]
        found = (i for i, (n, size) in enumerate(sizes) if size >= least and n >= leakage.MIN_SHARE * size)
        expected.append(next(found, None))
    rows = [example(text, "", id=f"a:{number}") for number, text in enumerate(train)]
    index = leakage.LeakIndex(rows)
    said = [index.find(example(text, "", id=f"b:{number}")) for number, text in enumerate(scored)]
    assert [one and rows.index(one[0]) for one in said] == expected
    assert 20 < sum(one is not None for one in expected) < 80


@pytest.mark.parametrize(
    ("language", "long", "number"), [("en", 14, 10), ("ko", 14, 10), ("zh", 25, 17), ("ja", 25, 17), ("th", 62, 41)]
)
def test_a_text_is_judged_by_n_grams_from_a_length_on(language: str, long: int, number: int) -> None:
    first, joint = {"en": ("a", " "), "ko": ("가", " "), "zh": ("一", ""), "ja": ("ぁ", ""), "th": ("\u0e01", "")}[
        language
    ]
    units = [chr(ord(first) + i) * (2 if joint else 1) for i in range(long)]
    assert len(leakage.ngrams(joint.join(units))) == number
    assert not leakage.ngrams(joint.join(units[1:]))
    words = [f"word{i}" for i in range(13)]  # a third of the letters decides the writing
    assert len(leakage.ngrams(" ".join([*words, first]))) == 10


@pytest.mark.parametrize(("num_texts", "kinds"), [(5, ["n-gram"]), (6, [])])
def test_what_more_than_five_texts_hold_is_no_leak(example: Make, num_texts: int, kinds: list[str]) -> None:
    opening = " ".join(f"word{i}" for i in range(14))
    train = [example(f"{opening} end{i}", "", id=f"a:{i}") for i in range(num_texts)]
    assert [leak.kind for leak in find_leaks(train, [example(f"{opening} other", "", id="b:1")])] == kinds


@pytest.mark.parametrize(("num_same", "kinds"), [(10, ["n-gram"]), (9, [])])
def test_from_three_fifths_on_shared_n_grams_are_a_leak(example: Make, num_same: int, kinds: list[str]) -> None:
    """Of 14 words 10 n-grams of 5: the first 10 words hold 6 of them, the first 9 hold 5."""
    words = [f"word{i}" for i in range(14)]
    other = words[:num_same] + [f"other{i}" for i in range(num_same, 14)]
    train, scored = example(" ".join(words), "", id="a:1"), example(" ".join(other), "", id="b:1")
    assert [leak.kind for leak in find_leaks([train], [scored])] == kinds
