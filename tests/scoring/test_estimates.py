"""Estimates, paired differences and families of them: worked by hand, degenerate, permuted, and by simulation."""

from __future__ import annotations

import importlib.util
import math
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from functools import cache
from itertools import combinations
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from mslt_it.scoring.metrics import wilson_interval
from mslt_it.scoring.resampling import bootstrap

from mslt_it.problems import Problem
from mslt_it.scoring.estimates import Cell, Difference, Settings, difference, differences, macro, single
from mslt_it.scoring.measures import ACCURACY, MEASURES, f1

SETTINGS = Settings(num_bootstrap=1000)
PERCENTILE = replace(SETTINGS, interval="percentile")
SPAN_F1, CHRF = MEASURES["span_f1"][0], MEASURES["chrf"][0]


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    """Division by zero and the like would be a warning of NumPy's."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def cell(right: Sequence[float], language: str = "de", ids: Sequence[str] | None = None) -> Cell:
    """One 0 or 1 (or share) per item."""
    scores = np.asarray(right, dtype=float)
    names = tuple(ids) if ids is not None else tuple(f"test:{i}" for i in range(len(scores)))
    return Cell(language, names, np.stack([scores, np.ones_like(scores)], axis=1))


def spans(counts: Sequence[Sequence[int]], language: str = "de") -> Cell:
    return Cell(language, tuple(f"test:{i}" for i in range(len(counts))), np.array(counts))


def right(n: int, num_right: int) -> list[int]:
    return [1] * num_right + [0] * (n - num_right)


def correlated(seed: int, n: int = 200, languages: Sequence[str] = ("de", "sw"), num_systems: int = 2):
    """Per system one cell per language; items are as hard for all systems and languages, the first system is best."""
    rng = np.random.default_rng(seed)
    hard = rng.standard_normal(n)
    return [
        [cell(hard + 0.3 * rng.standard_normal(n) < 0.8 - 0.2 * system, code) for code in languages]
        for system in range(num_systems)
    ]


def shuffled(cells: Sequence[Cell], seed: int) -> list[Cell]:
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(c.item_ids)) for c in cells]
    return [Cell(c.language, tuple(c.item_ids[i] for i in o), c.counts[o]) for c, o in zip(cells, orders, strict=True)]


def compare(
    a: Sequence[Cell], b: Sequence[Cell], *, parallel: bool = False, settings: Settings = SETTINGS, measure=ACCURACY
):
    return difference(measure, a, b, parallel=parallel, settings=settings, name="x")


# One language and means


def test_one_language_has_wilsons_interval_or_the_bootstraps() -> None:
    found = single(ACCURACY, cell(right(263, 81)), settings=SETTINGS)
    assert (found.value, found.n, found.num_languages, found.num_unmatched) == (81 / 263, 263, 1, 0)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, table I

    counts = np.random.default_rng(0).integers(0, 3, size=(50, 3))
    plain = single(SPAN_F1, spans(counts), settings=PERCENTILE)
    assert plain.value == f1(counts.sum(axis=0))
    options = {"confidence": 0.95, "num_bootstrap": 1000, "seed": 0, "name": "span_f1 de"}
    assert (plain.low, plain.high) == bootstrap([counts], lambda s: f1(s[0]), **options)
    wider = single(SPAN_F1, spans(counts), settings=SETTINGS)
    factor = math.sqrt(1 + (1.959964**2 + 3) / 100)  # 50 units
    assert wider.low - wider.value == pytest.approx(factor * (plain.low - plain.value))
    assert wider.high - wider.value == pytest.approx(factor * (plain.high - plain.value))


def test_a_mean_of_shares_counts_as_many_items_as_are_independent() -> None:
    halves = [cell(right(100, 50), code) for code in ("de", "sw")]
    apart = macro(ACCURACY, halves, parallel=False, settings=SETTINGS, name="mean")
    assert (apart.low, apart.high) == pytest.approx(wilson_interval(100, 200, 0.95))
    # The same items right in both languages: the second says nothing new.
    together = macro(ACCURACY, halves, parallel=True, settings=SETTINGS, name="mean")
    assert (together.low, together.high) == pytest.approx(wilson_interval(50, 100, 0.95))
    assert apart.value == together.value == 0.5 and apart.n == together.n == 200 and apart.num_languages == 2
    alone = macro(ACCURACY, halves[:1], parallel=True, settings=SETTINGS, name="mean")
    assert astuple(alone) == pytest.approx(astuple(single(ACCURACY, halves[0], settings=SETTINGS)))


def test_a_mean_is_over_languages_and_not_over_items() -> None:
    cells = [cell(right(10, 9), "de"), cell(right(90, 9), "sw")]
    for settings in (SETTINGS, PERCENTILE):
        found = macro(ACCURACY, cells, parallel=False, settings=settings, name="mean")
        assert found.value == pytest.approx(0.5) and found.n == 100
        assert found.low < 0.5 < found.high


@pytest.mark.parametrize("settings", [SETTINGS, PERCENTILE])
def test_a_mean_of_parallel_languages_is_over_the_items_that_all_have(settings: Settings) -> None:
    cells = [cell([1, 1, 0, 0], "de", "abcd"), cell([0, 1, 1], "sw", "bcx")]
    found = macro(ACCURACY, cells, parallel=True, settings=settings, name="mean")
    # b and c: de has 1 and 0, sw 0 and 1.
    assert (found.value, found.n, found.num_unmatched) == (0.5, 4, 3)
    apart = macro(ACCURACY, cells, parallel=False, settings=settings, name="mean")
    assert (apart.value, apart.n, apart.num_unmatched) == (pytest.approx((1 / 2 + 2 / 3) / 2), 7, 0)


def test_means_where_all_is_right_or_wrong() -> None:
    for share, bounds in ((1, (0.9, 1.0)), (0, (0.0, 0.1))):
        for parallel in (True, False):
            cells = [cell([share] * 40, code) for code in ("de", "sw")]
            found = macro(ACCURACY, cells, parallel=parallel, settings=SETTINGS, name="mean")
            n = 40 if parallel else 80
            assert (found.low, found.high) == pytest.approx(wilson_interval(share * n, n, 0.95))
            assert bounds[0] <= found.low <= found.value == share <= found.high <= bounds[1]
    nothing = [spans([[0, 0, 0]] * 5, code) for code in ("de", "sw")]
    assert macro(SPAN_F1, nothing, parallel=False, settings=SETTINGS, name="mean").high == 0.0


# Differences


def test_a_difference_of_shares_worked_by_hand() -> None:
    # 10 items: 4 that only a has right, 1 that only b has, 5 that both have.
    a, b = cell([1, 1, 1, 1, 0, 1, 1, 1, 1, 1]), cell([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    found = compare([a], [b])
    assert (found.value_a, found.value_b, found.value) == (0.9, 0.6, pytest.approx(0.3))
    # Bonett & Price: 5/12 - 2/12 = 0.25, and the root of (7/12 - 0.25^2) / 12 is 0.208333
    assert (found.low, found.high) == pytest.approx((0.25 - 0.408326, 0.25 + 0.408326), abs=1e-5)
    assert (found.name_a, found.name_b, found.n, found.num_languages) == ("a", "b", 10, 1)
    assert (found.num_unmatched, found.unmatched_languages) == (0, ())
    turned = compare([b], [a])
    assert turned.value == -found.value and (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    assert turned.p == pytest.approx(found.p, abs=0.06)  # other draws; four standard errors


def test_p_is_the_share_of_resamples_as_far_from_the_difference_as_that_is_from_0() -> None:
    n, only_a, only_b = 40, 7, 2
    same = [1] * (n - only_a - only_b)
    a, b = cell([1] * only_a + [0] * only_b + same), cell([0] * only_a + [1] * only_b + same)
    exact = 0.0
    for more in range(n + 1):
        for less in range(n + 1 - more):
            if abs((more - less) - (only_a - only_b)) >= only_a - only_b:
                ways = math.comb(n, more) * math.comb(n - more, less)
                exact += ways * (only_a / n) ** more * (only_b / n) ** less * (len(same) / n) ** (n - more - less)
    found = compare([a], [b], settings=Settings(num_bootstrap=40_000))
    assert found.p == pytest.approx(exact, abs=4 * math.sqrt(exact / 40_000))  # four standard errors
    assert found.p_adjusted == found.p


def test_p_is_never_0_and_not_below_what_swapping_could_give() -> None:
    assert compare([cell([1] * 4)], [cell([0] * 4)]).p == 1 / 8
    assert compare([cell([1])], [cell([0])]).p == 1.0
    assert compare([cell([1] * 50)], [cell([0] * 50)]).p == 1 / 1001
    # An item of a parallel benchmark is swapped in all its languages at once.
    a, b = ([cell([share] * 4, code) for code in ("de", "sw")] for share in (1, 0))
    assert compare(a, b, parallel=True).p == 1 / 8 and compare(a, b).p == 1 / 128


def test_percentiles_of_a_difference_are_those_of_paired_resamples() -> None:
    a, b = correlated(1, languages=["de"])
    joined = np.hstack([a[0].counts, b[0].counts])
    options = {"confidence": 0.95, "num_bootstrap": 1000, "seed": 0, "name": "gain accuracy x"}
    expected = bootstrap([joined], lambda s: (s[0][:, 0] - s[0][:, 2]) / len(joined), **options)
    found = compare(a, b, settings=PERCENTILE)
    assert (found.low, found.high) == pytest.approx(expected)
    closed = compare(a, b)
    assert (closed.low, closed.high) == pytest.approx(expected, abs=0.01)
    assert closed.p == found.p


@pytest.mark.parametrize("parallel", [True, False])
def test_percentiles_over_languages_draw_parallel_items_at_once(parallel: bool) -> None:
    """Streams and order of columns are those of the first runs, so that their figures can be computed again."""
    a, b = correlated(1, n=80)
    blocks = [np.hstack([x.counts, y.counts]) for x, y in zip(a, b, strict=True)]

    def gain(sums: Sequence[np.ndarray]) -> np.ndarray:
        each = np.split(sums[0], 2, axis=1) if parallel else sums
        return np.mean([(part[:, 0] - part[:, 2]) / 80 for part in each], axis=0)

    def mean(sums: Sequence[np.ndarray]) -> np.ndarray:
        each = np.split(sums[0], 2, axis=1) if parallel else sums
        return np.mean([part[:, 0] / 80 for part in each], axis=0)

    options = {"confidence": 0.95, "num_bootstrap": 1000, "seed": 0}
    found = compare(a, b, parallel=parallel, settings=PERCENTILE)
    groups = [np.hstack(blocks)] if parallel else blocks
    assert (found.low, found.high) == pytest.approx(bootstrap(groups, gain, **options, name="gain accuracy x"))
    average = macro(ACCURACY, a, parallel=parallel, settings=PERCENTILE, name="x")
    groups = [x.counts for x in a]
    groups = [np.hstack(groups)] if parallel else groups
    assert (average.low, average.high) == pytest.approx(bootstrap(groups, mean, **options, name="accuracy x"))
    # Items are as hard in both languages: drawn at once, their errors add up.
    apart = macro(ACCURACY, a, parallel=not parallel, settings=PERCENTILE, name="x")
    assert (average.high - average.low > apart.high - apart.low) == parallel


@pytest.mark.parametrize("settings", [SETTINGS, PERCENTILE])
@pytest.mark.parametrize("parallel", [True, False])
def test_pairing_makes_intervals_narrow_where_systems_agree(settings: Settings, parallel: bool) -> None:
    a, b = correlated(2)
    paired = compare(a, b, parallel=parallel, settings=settings)
    # The same answers, given to other items.
    strangers = [replace(c, item_ids=s.item_ids) for c, s in zip(b, shuffled(b, 0), strict=True)]
    apart = compare(a, strangers, parallel=parallel, settings=settings)
    assert paired.value == apart.value
    assert 1.5 * (paired.high - paired.low) < apart.high - apart.low
    assert paired.p < apart.p


@pytest.mark.parametrize("parallel", [True, False])
def test_the_order_of_items_does_not_matter(parallel: bool) -> None:
    a, b = correlated(3)
    expected = compare(a, b, parallel=parallel)
    assert expected.value > 0 and expected.p < 1
    assert compare(shuffled(a, 1), shuffled(b, 2), parallel=parallel) == expected
    mean = macro(ACCURACY, a, parallel=parallel, settings=PERCENTILE, name="mean")
    assert macro(ACCURACY, shuffled(a, 1), parallel=parallel, settings=PERCENTILE, name="mean") == mean
    # Fractions add up to the same but for rounding.
    parts = [[replace(c, counts=c.counts * [[1 / 3, 1]]) for c in cells] for cells in (a, b)]
    one = compare(*parts, parallel=parallel, measure=CHRF)
    two = compare(shuffled(parts[0], 1), shuffled(parts[1], 2), parallel=parallel, measure=CHRF)
    assert astuple(one)[2:13] == pytest.approx(astuple(two)[2:13])


def test_only_what_both_have_is_compared_and_the_rest_is_counted() -> None:
    a = [cell([1, 1, 0, 1], "de", "abcd"), cell([1, 1], "sw", "ab"), cell([1], "th", "a")]
    b = [cell([1, 1], "ja", "ab"), cell([0, 0, 1], "de", "dax")]
    found = compare(a, b)
    assert (found.value_a, found.value_b, found.n, found.num_languages) == (1.0, 0.0, 2, 1)
    # b, c and x of de; two items of sw, one of th, two of ja
    assert (found.num_unmatched, found.unmatched_languages) == (8, ("sw", "th", "ja"))


def test_f1_resamples_sentences_and_sums_before_it_divides() -> None:
    a, b = spans([[1, 0, 0], [0, 3, 4]] * 30), spans([[1, 0, 0], [0, 4, 4]] * 30)
    found = compare([a], [b], measure=SPAN_F1)
    assert found.value == pytest.approx(2 / 9 - 2 / 10)
    assert 0 < found.low < found.value < found.high and found.p == 1 / 1001
    # 30 of the 60 sentences differ.
    plain = compare([a], [b], measure=SPAN_F1, settings=PERCENTILE)
    factor = math.sqrt(1 + (1.959964**2 + 3) / 60)
    assert found.high - found.value == pytest.approx(factor * (plain.high - plain.value))


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("settings", [SETTINGS, PERCENTILE])
def test_the_same_answers_differ_by_nothing(parallel: bool, settings: Settings) -> None:
    some = correlated(4)[0]
    for a in (some, [cell([1] * 9, "de"), cell([1] * 9, "sw")], [cell([0] * 9, "de")]):
        found = compare(a, a, parallel=parallel, settings=settings)
        assert (found.value, found.p, found.p_adjusted) == (0.0, 1.0, 1.0)
        assert -1 <= found.family_low <= found.low <= 0 <= found.high <= found.family_high <= 1
    # 20 items without a difference do not show that there is none.
    ends = compare([cell(right(20, 12))], [cell(right(20, 12))], settings=settings)
    assert (ends.high > 0.05) == (settings is SETTINGS)
    for counts in ([[0, 0, 0]] * 4, [[2, 1, 0]] * 4, [[1, 0, 2], [0, 0, 0]]):
        found = compare([spans(counts)], [spans(counts)], measure=SPAN_F1, settings=settings)
        assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


# Families


def test_a_family_of_one_is_a_difference() -> None:
    a, b = correlated(5)
    one = difference(ACCURACY, a, b, parallel=True, settings=SETTINGS, name="family", name_a="left", name_b="right")
    systems = {"left": a, "right": b, "asked for nothing": [cell([1], "de", ["other"])]}
    assert differences(ACCURACY, systems, [("left", "right")], parallel=True, settings=SETTINGS) == [one]
    assert one.p == one.p_adjusted and one.name_a == "left"
    assert differences(ACCURACY, systems, [], parallel=True, settings=SETTINGS) == []


def test_a_family_gives_each_pair_its_own_figures() -> None:
    names = ("a", "b", "c", "d")
    systems = dict(zip(names, correlated(6, num_systems=4), strict=True))
    found = differences(ACCURACY, systems, combinations(names, 2), parallel=True, settings=SETTINGS)
    assert [(row.name_a, row.name_b) for row in found] == list(combinations(names, 2))
    for row in found:
        alone = compare(systems[row.name_a], systems[row.name_b], parallel=True)
        assert (row.value, row.low, row.high, row.n) == (alone.value, alone.low, alone.high, alone.n)
        assert row.p == pytest.approx(alone.p, abs=0.03)
        assert row.family_low < row.low < row.high < row.family_high
        assert row.p <= row.p_adjusted <= min(1.0, 6 * row.p) + 0.05
    # The adjusted p keep the order of the evidence.
    standard = [abs(row.value) / (row.family_high - row.family_low) for row in found]
    by_evidence = [found[i].p_adjusted for i in np.argsort(standard)[::-1]]
    assert by_evidence == sorted(by_evidence)


def test_comparisons_that_say_the_same_cost_nothing_and_others_cost_what_they_should() -> None:
    rng = np.random.default_rng(7)
    scores = rng.random(60)
    a, b = [cell(scores)], [cell(scores - rng.normal(0.045, 0.15, size=60))]
    other_a, other_b = ([replace(c, language="sw") for c in cells] for cells in (a, b))
    settings = Settings(num_bootstrap=20_000)
    copies = {"a": a, "b": b, "copy of a": a, "copy of b": b}
    same = differences(CHRF, copies, [("a", "b"), ("copy of a", "copy of b")], parallel=False, settings=settings)
    assert 0.01 < same[0].p < 0.3
    assert [row.p_adjusted for row in same] == [same[0].p, same[0].p]
    # In another language, drawn by itself: two independent tests with the same p.
    systems = {"a": a, "b": b, "c": other_a, "d": other_b}
    independent = differences(CHRF, systems, [("a", "b"), ("c", "d")], parallel=False, settings=settings)
    expected = 1 - (1 - independent[0].p) * (1 - independent[1].p)
    assert independent[0].p_adjusted == pytest.approx(expected, rel=0.1)


def test_the_step_down_lets_later_comparisons_pay_for_fewer() -> None:
    rng = np.random.default_rng(8)
    clear = [cell(right(200, 190), code) for code in ("de",)], [cell(right(200, 90), code) for code in ("de",)]
    hard = rng.standard_normal(200)
    close = [[cell(hard + rng.standard_normal(200) < bar, "sw")] for bar in (0.6, 0.2)]
    systems = dict(zip(("a", "b", "c", "d"), (*clear, *close), strict=True))
    found = differences(ACCURACY, systems, [("a", "b"), ("c", "d")], parallel=False, settings=SETTINGS)
    assert found[0].p == 1 / 1001 and found[0].p_adjusted < 0.01 < found[1].p
    assert found[1].p_adjusted == found[1].p  # the clear one is off the list


def test_a_family_compares_each_pair_in_the_languages_it_has() -> None:
    a = [cell([1, 1, 0, 1], code) for code in ("de", "sw", "th")]
    b = [cell([0, 1, 0, 0], code) for code in ("sw", "de")]
    c = [cell([0, 0, 0], "th", ["test:3", "test:0", "test:9"])]
    for parallel, n in ((False, (8, 2)), (True, (4, 2))):
        found = differences(
            ACCURACY, {"a": a, "b": b, "c": c}, [("a", "b"), ("a", "c")], parallel=parallel, settings=SETTINGS
        )
        assert [(row.n, row.num_languages) for row in found] == [(n[0], 2), (n[1], 1)]
        assert [row.unmatched_languages for row in found] == [("th",), ("de", "sw")]
        # 12 items of a and b, 13 of a and c (test:9 is c's own)
        assert [row.num_unmatched for row in found] == [12 - n[0], 13 - n[1]]
        assert found[0].value == (0.5 if not parallel else pytest.approx(1.0)) and found[1].value == 1.0


def test_figures_repeat_and_depend_on_seed_and_name() -> None:
    rng = np.random.default_rng(10)
    a, b = ([cell(rng.random(50), code) for code in ("de", "sw")] for _ in range(2))  # fractions: no two draws tie

    def drawn(seed: int = 0, name: str = "x") -> Difference:
        settings = Settings(num_bootstrap=500, seed=seed)
        return difference(CHRF, a, b, parallel=True, settings=settings, name=name)

    assert drawn() == drawn()
    assert drawn().low != drawn(seed=1).low and drawn().low != drawn(name="y").low
    for measure in (CHRF, ACCURACY):
        narrow, wide = (
            compare(a, b, settings=Settings(confidence, num_bootstrap=500), measure=measure)
            for confidence in (0.5, 0.99)
        )
        assert wide.low < narrow.low < narrow.high < wide.high
        assert wide.family_low < narrow.family_low and narrow.family_high < wide.family_high


# What is refused


def refused(text: str):
    return pytest.raises(Problem, match=text)


def test_what_cannot_be_compared_is_named() -> None:
    de, sw = cell([1, 0], "de"), cell([1, 0], "sw")
    with refused(r"'a' and 'b' cannot be compared: they have no language in common \('a': de; 'b': sw\). Score both"):
        compare([de], [sw])
    with refused(r"'a': none; 'b': sw"):
        compare([], [sw])
    with refused(
        r"no item in common in de \(in 'de', 'a' has 'test:0' and others, 'b' 'dev:1' and others\). "
        "Score both on the same split"
    ):
        compare([de], [cell([1], "de", ["dev:1"])])
    systems = {
        "one": [cell([1, 0], "de", "xy")],
        "two": [cell([1, 0], "de", "yz")],
        "three": [cell([1, 0], "de", "zx")],
    }
    with refused("'one' and 'two' cannot be compared in this family: no item of de that both have is in three too"):
        differences(ACCURACY, systems, combinations(systems, 2), parallel=False, settings=SETTINGS)
    with refused(r"Pair \('one', 'tow'\): there is no system 'tow'. Did you mean 'two'\? Known: one, three, two"):
        differences(ACCURACY, systems, [("one", "tow")], parallel=False, settings=SETTINGS)
    with refused(r"Pair \('one', 'one'\): a system cannot be compared with itself"):
        differences(ACCURACY, systems, [("one", "one")], parallel=False, settings=SETTINGS)


def test_cells_that_say_nothing_are_refused() -> None:
    with refused("Language 'de' has no items"):
        cell([])
    with refused(r"Language 'de': 3 items, but counts of shape \(2, 2\). Give one row of counts per item"):
        Cell("de", ("a", "b", "c"), np.ones((2, 2)))
    with refused(r"Language 'de', item 'b': counts \[nan, 1.0\] are not finite \(1 such items\)"):
        cell([1, math.nan], ids="ab")
    twice = cell([1, 0, 1], ids="aba")
    with refused("'a', language 'de': item 'a' is there twice, so items cannot be paired. Give every item its own id"):
        compare([twice], [cell([1, 0], ids="ab")])
    # Where every system has the same list, its positions tell.
    same = compare([twice], [cell([0, 0, 0], ids="aba")])
    assert (same.n, same.num_unmatched) == (3, 0)
    with refused("'b' has language 'de' twice. Give one cell per language"):
        compare([cell([1])], [cell([1]), cell([0])])
    with refused("'mean': no language to take the mean of"):
        macro(ACCURACY, [], parallel=False, settings=SETTINGS, name="mean")


def test_settings_that_make_no_sense_are_refused() -> None:
    with refused("confidence=95 is no share between 0 and 1. Write 0.95 for 95 %"):
        Settings(confidence=95)
    with refused("num_bootstrap=0 draws nothing"):
        Settings(num_bootstrap=0)
    with refused("There is no interval 'percentiles'. Did you mean 'percentile'"):
        Settings(interval="percentiles")


# By simulation


@cache
def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_benchmark", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


SIMULATION = {"num_samples": 2000, "num_bootstrap": 500, "seed": 1}


@pytest.mark.slow
@pytest.mark.parametrize("population", benchmark().POPULATIONS, ids=lambda population: population.name)
def test_coverage(population) -> None:
    """95 % intervals hold the truth 95 ± 2 times in 100; 2,000 samples tell that to 0.5 (a standard error)."""
    share = benchmark().coverage(population, **SIMULATION)["coverage"]
    assert share >= 0.93 and (share <= 0.97 or population.may_be_wide)


@pytest.mark.slow
@pytest.mark.parametrize("population", benchmark().FAMILIES, ids=lambda population: population.name)
def test_family_error(population) -> None:
    found = benchmark().family(population, **SIMULATION)
    assert found["family_error"] <= 0.07 < found["unadjusted"]
    assert found["all_held"] >= 0.93


def test_coverage_of_a_few_samples() -> None:
    """The simulation itself, quickly: truths are as computed, and a few samples cover about as they should."""
    bench = benchmark()
    population = next(p for p in bench.POPULATIONS if p.name == "difference of F1, 1 language of 100")
    large = replace(population, sizes=(50_000,))
    (a,), (b,) = large.draw(np.random.default_rng(0))
    assert f1(a.counts.sum(axis=0)) == pytest.approx(large.truth(0), abs=0.006)
    assert f1(b.counts.sum(axis=0)) == pytest.approx(large.truth(1), abs=0.006)
    found = bench.coverage(population, num_samples=100, num_bootstrap=200, seed=0)
    assert 0.88 <= found["coverage"] <= 1.0
    assert found["coverage"] + found["above"] + found["below"] == pytest.approx(1)
