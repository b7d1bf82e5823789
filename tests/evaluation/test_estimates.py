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
from scipy import stats

from mslt_it.evaluation.estimates import Difference, Estimate, Settings, difference, differences, macro
from mslt_it.evaluation.intervals import wilson_interval
from mslt_it.evaluation.matching import Cell
from mslt_it.evaluation.measures import ACCURACY, MEASURES, Measure, f1
from mslt_it.problems import Problem

SETTINGS = Settings(num_bootstrap=1000)
SPAN_F1, CHRF = MEASURES["span_f1"][0], MEASURES["chrf"][0]


def single(measure: Measure, one: Cell, *, settings: Settings) -> Estimate:
    return macro(measure, [one], settings=settings)


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    """Division by zero and the like would be a warning of NumPy's."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def cell(
    right: Sequence[float],
    language: str = "de",
    ids: Sequence[str] | None = None,
    groups: Sequence[str] = (),
) -> Cell:
    """One 0 or 1 (or share) per item. Without ``ids`` all languages' rows are translations of each other."""
    scores = np.asarray(right, dtype=float)
    names = tuple(ids) if ids is not None else tuple(f"test:{i}" for i in range(len(scores)))
    return Cell(language, names, np.stack([scores, np.ones_like(scores)], axis=1), tuple(groups))


def apart(cells: Sequence[Cell]) -> list[Cell]:
    """The same rows with ids of their own in every language."""
    return [replace(c, item_ids=tuple(f"{c.language}:{item}" for item in c.item_ids)) for c in cells]


def placed(cells: Sequence[Cell], parallel: bool) -> list[Cell]:
    return list(cells) if parallel else apart(cells)


def spans(counts: Sequence[Sequence[int]], language: str = "de") -> Cell:
    return Cell(language, tuple(f"test:{i}" for i in range(len(counts))), np.array(counts))


def random_spans(seed: int, n: int, language: str) -> Cell:
    return spans(np.random.default_rng(seed).integers(0, 3, size=(n, 3)), language)


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
    return [
        Cell(c.language, tuple(c.item_ids[i] for i in o), c.counts[o], tuple(c.groups[i] for i in o))
        for c, o in zip(cells, orders, strict=True)
    ]


def compare(a: Sequence[Cell], b: Sequence[Cell], *, settings: Settings = SETTINGS, measure=ACCURACY) -> Difference:
    return difference(measure, a, b, settings=settings)


def mean_of(cells: Sequence[Cell], *, settings: Settings = SETTINGS, measure=ACCURACY) -> Estimate:
    return macro(measure, cells, settings=settings)


# One language and means


def test_one_language_has_wilsons_interval_or_the_bootstraps() -> None:
    found = single(ACCURACY, cell(right(263, 81)), settings=SETTINGS)
    assert (found.value, found.n, found.num_languages, found.num_groups, found.num_shared) == (
        81 / 263,
        263,
        1,
        263,
        263,
    )
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, table I
    assert found.languages_low is found.languages_high is None

    counts = np.random.default_rng(0).integers(0, 3, size=(50, 3))
    wide = single(SPAN_F1, spans(counts), settings=SETTINGS)
    assert wide.value == f1(counts.sum(axis=0))
    rng = np.random.default_rng(7)
    plain = np.quantile([f1(counts[rng.integers(0, 50, size=50)].sum(axis=0)) for _ in range(4000)], [0.025, 0.975])
    factor = 2.009575 / 1.959964 * math.sqrt(50 / 49)  # Student's t with 49 degrees of freedom
    assert (wide.low, wide.high) == pytest.approx(tuple(wide.value + factor * (plain - wide.value)), abs=0.01)


def test_the_mean_is_that_of_the_languages_figures_whatever_they_share() -> None:
    """300, 40 and 120 rows: the mean of 7 %, 20 % and 11 2/3 % and nothing else."""
    figures = ((300, 21), (40, 8), (120, 14))
    for ids in (lambda code, n: [f"{code}:{i}" for i in range(n)], lambda code, n: [str(i) for i in range(n)]):
        cells = [
            cell(right(n, k), code, ids(code, n)) for code, (n, k) in zip(("sw", "tr", "de"), figures, strict=True)
        ]
        found = mean_of(cells)
        assert found.value == pytest.approx((0.07 + 0.2 + 14 / 120) / 3)
        assert (found.n, found.num_languages) == (460, 3)
        own = [single(ACCURACY, one, settings=SETTINGS).value for one in cells]
        assert found.value == pytest.approx(np.mean(own))
        assert found.low < found.value < found.high
    # The last ones were numbered alike: the 40 that all have are one item each.
    assert (found.num_groups, found.num_shared) == (300, 40)
    assert (mean_of(apart(cells)).num_groups, mean_of(apart(cells)).num_shared) == (460, 0)
    counts = [random_spans(n, n, code) for n, code in ((300, "sw"), (40, "tr"), (120, "de"))]
    assert mean_of(counts, measure=SPAN_F1).value == pytest.approx(
        np.mean([f1(one.counts.sum(axis=0)) for one in counts])
    )


def test_a_mean_of_shares_is_as_certain_as_its_items_are_independent() -> None:
    halves = [cell(right(100, 50), code) for code in ("de", "sw")]
    alone = mean_of(apart(halves))
    assert (alone.low, alone.high) == pytest.approx(wilson_interval(100, 200, 0.95), abs=5e-4)
    # The same items right in both languages: the second says nothing new.
    together = mean_of(halves)
    assert (together.low, together.high) == pytest.approx(wilson_interval(50, 100, 0.95), abs=2e-3)
    assert alone.value == together.value == 0.5 and alone.n == together.n == 200 and alone.num_languages == 2
    assert (alone.num_groups, alone.num_shared, together.num_groups, together.num_shared) == (200, 0, 100, 100)
    of_one = mean_of(halves[:1])
    assert astuple(of_one) == pytest.approx(astuple(single(ACCURACY, halves[0], settings=SETTINGS)))


@pytest.mark.parametrize("measure", [ACCURACY, CHRF])
def test_a_mean_is_over_languages_and_not_over_items(measure: Measure) -> None:
    found = mean_of(apart([cell(right(10, 9), "de"), cell(right(90, 9), "sw")]), measure=measure)
    assert found.value == pytest.approx(0.5) and found.n == 100
    assert found.low < 0.5 < found.high


def test_means_where_all_is_right_or_wrong() -> None:
    for share, bounds in ((1, (0.9, 1.0)), (0, (0.0, 0.1))):
        cells = [cell([share] * 40, code) for code in ("de", "sw")]
        together, alone = mean_of(cells), mean_of(apart(cells))
        expected = wilson_interval(share * 40, 40, 0.95)
        assert (together.low, together.high) == pytest.approx(expected, abs=6e-3)  # t with 39 degrees, not normal
        for found in (together, alone):
            assert bounds[0] <= found.low <= found.value == share <= found.high <= bounds[1]
        assert alone.high - alone.low < 0.9 * (together.high - together.low)


@pytest.mark.parametrize("counts", [[1, 0, 0], [0, 1, 1], [0, 0, 0]])
def test_what_no_resample_moves_is_not_certain(counts: Sequence[int]) -> None:
    """Seven sentences that are all right, or all wrong, say as little about F1 as about a share of right ones."""
    one = single(SPAN_F1, spans([counts] * 7), settings=SETTINGS)
    assert one.value == counts[0]
    assert (one.low, one.high) == pytest.approx(wilson_interval(one.value * 7, 7, 0.95))
    codes = ("de", "sw", "tr")
    cells = [spans([counts] * 7, code) for code in codes]
    together, alone = mean_of(cells, measure=SPAN_F1), mean_of(apart(cells), measure=SPAN_F1)
    assert (together.low, together.high) == pytest.approx((one.low, one.high))
    assert alone.high - alone.low == pytest.approx((one.high - one.low) / math.sqrt(3))
    # A language that is moved is put together with one that is not, which alone would have a third of its own width.
    moved = [spans([[1, 0, 0], [0, 1, 1]] * 50, "de"), *cells[1:]]
    found = mean_of(apart(moved), measure=SPAN_F1)
    assert found.high - found.low > math.sqrt(2) / 3 * (one.high - one.low)
    # Groups: 14 rows of 7 passages are not 14 alone.
    rows = replace(spans([counts] * 14), groups=tuple(f"p{i // 2}" for i in range(14)))
    few = single(SPAN_F1, rows, settings=SETTINGS)
    assert few.high - few.low > one.high - one.low


# Groups


def grouped(seed: int, n: int = 240, size: int = 4, codes: Sequence[str] = ("de",)) -> list[list[Cell]]:
    """Of two systems; rows of one passage are right or wrong together, each system's own."""
    rng = np.random.default_rng(seed)
    names = [f"p{i // size}" for i in range(n)]
    return [
        [cell(np.repeat(rng.random(n // size) < rate, size) ^ (rng.random(n) < 0.1), c, None, names) for c in codes]
        for rate in (0.7, 0.65)
    ]


@pytest.mark.parametrize("measure", [ACCURACY, CHRF])
def test_groups_are_counted_and_make_everything_less_certain(measure: Measure) -> None:
    (a,), (b,) = grouped(0)
    alone = [replace(one, groups=()) for one in (a, b)]
    whole, rows = (single(measure, one, settings=SETTINGS) for one in (a, alone[0]))
    assert (whole.value, whole.n, whole.num_groups, rows.num_groups) == (rows.value, 240, 60, 240)
    assert 1.4 < (whole.high - whole.low) / (rows.high - rows.low) < 2.2  # four rows of a passage tell as one, nearly
    both, each = compare([a], [b], measure=measure), compare(alone[:1], alone[1:], measure=measure)
    assert (both.value, both.num_groups, each.num_groups) == (each.value, 60, 240)
    assert both.high - both.low > 1.4 * (each.high - each.low) and both.p > each.p


def test_passages_with_translations_are_one_cluster_in_all_languages() -> None:
    a, b = grouped(1, codes=("de", "sw"))
    found = compare(a, b)
    assert (found.n, found.num_groups) == (480, 60)
    assert compare(apart(a), apart(b)).num_groups == 120
    assert mean_of(a).num_groups == 60 and mean_of(a).num_shared == 240


def test_a_permutation_changes_nothing_with_groups() -> None:
    for measure in (ACCURACY, CHRF):
        a, b = grouped(2, codes=("de", "sw"))
        assert astuple(mean_of(shuffled(a, 1), measure=measure)) == pytest.approx(astuple(mean_of(a, measure=measure)))
        one, two = (compare(*cells, measure=measure) for cells in ((shuffled(a, 1), shuffled(b, 1)), (a, b)))
        assert astuple(one)[2:12] == pytest.approx(astuple(two)[2:12])


def test_two_groups_and_one_are_never_called_certain() -> None:
    counts = np.random.default_rng(0).integers(0, 3, size=(40, 3))
    other = np.random.default_rng(1).integers(0, 3, size=(40, 3))
    for names, least in ((["p"] * 20 + ["q"] * 20, 0.02), (["p"] * 40, 0.99)):
        one, two = (replace(spans(rows), groups=tuple(names)) for rows in (counts, other))
        found = single(SPAN_F1, one, settings=SETTINGS)
        assert found.num_groups == len(set(names)) and found.high - found.low >= least
        assert compare([one], [two], measure=SPAN_F1).p >= 0.5  # swapping two groups has no rarer outcome
        assert single(ACCURACY, cell([1] * 40, groups=names), settings=SETTINGS).low < 0.5


def test_groups_of_a_part_of_the_rows() -> None:
    found = single(ACCURACY, cell(right(6, 3), "de", None, ["p", "p", "", "", "q", "q"]), settings=SETTINGS)
    assert found.num_groups == 4


# Languages as a sample


def test_the_second_interval_is_students_over_languages() -> None:
    values = [0.5, 0.6, 0.55, 0.7]
    cells = apart([cell(right(200, round(200 * v)), code) for v, code in zip(values, "abcd", strict=True)])
    found = mean_of(cells)
    expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (found.languages_low, found.languages_high) == pytest.approx(expected)
    assert found.languages_low < found.low < found.high < found.languages_high


@pytest.mark.parametrize("measure", [ACCURACY, CHRF])
def test_items_that_languages_share_widen_the_second_interval(measure: Measure) -> None:
    """What makes the items hard for all languages alike does not show in the spread of the languages."""
    rng = np.random.default_rng(3)
    hard = rng.standard_normal(150)
    cells = [cell(hard + 0.5 * rng.standard_normal(150) < 0.3, code) for code in "abcde"]
    widths = [e.languages_high - e.languages_low for e in (mean_of(c, measure=measure) for c in (cells, apart(cells)))]
    assert widths[0] > 1.3 * widths[1]
    for found in (mean_of(cells, measure=measure), mean_of(apart(cells), measure=measure)):
        assert found.languages_low <= found.low <= found.value <= found.high <= found.languages_high


def test_a_difference_has_both_intervals() -> None:
    a, b = correlated(1, languages=("de", "sw", "th", "tr"))
    found = compare(apart(a), apart(b))
    gains = [float(x.counts[:, 0].mean() - y.counts[:, 0].mean()) for x, y in zip(a, b, strict=True)]
    low, high = stats.t.interval(0.95, 3, loc=np.mean(gains), scale=stats.sem(gains))
    assert found.languages_low == pytest.approx(min(low, found.low))
    assert found.languages_high == pytest.approx(max(high, found.high))
    assert compare(a[:1], b[:1]).languages_low is None


# Differences


def test_a_difference_of_shares_worked_by_hand() -> None:
    # 10 items: 4 that only a has right, 1 that only b has, 5 that both have.
    a, b = cell([1, 1, 1, 1, 0, 1, 1, 1, 1, 1]), cell([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    found = compare([a], [b])
    assert (found.value_a, found.value_b, found.value) == (0.9, 0.6, pytest.approx(0.3))
    # Bonett & Price: 5/12 - 2/12 = 0.25, and the root of (7/12 - 0.25^2) / 12 is 0.208333
    assert (found.low, found.high) == pytest.approx((0.25 - 0.408326, 0.25 + 0.408326), abs=1e-5)
    assert (found.name_a, found.name_b, found.n, found.num_languages) == ("a", "b", 10, 1)
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
    assert compare(a, b).p == 1 / 8 and compare(apart(a), apart(b)).p == 1 / 128
    # As are all rows of a passage.
    groups = ["p", "p", "q", "r"]
    assert compare([cell([1] * 4, groups=groups)], [cell([0] * 4, groups=groups)]).p == 1 / 4


@pytest.mark.parametrize("parallel", [True, False])
def test_what_languages_share_is_drawn_at_once(parallel: bool) -> None:
    """Beside a plain loop; items are as hard in both languages, so drawn at once their errors add up."""
    a, _ = correlated(1, n=80)
    cells = placed(a, parallel)
    found = mean_of(cells, measure=CHRF)
    rng = np.random.default_rng(5)
    scores = [one.counts[:, 0] for one in cells]
    plain = []
    for _ in range(4000):
        rows = rng.integers(0, 80, size=(2, 80))
        plain.append(np.mean([one[rows[0 if parallel else i]].mean() for i, one in enumerate(scores)]))
    factor = math.sqrt(1 + 6.84 / (160 if parallel else 320))
    width = factor * float(np.diff(np.quantile(plain, [0.025, 0.975]))[0])
    assert found.high - found.low == pytest.approx(width, rel=0.1)
    closed = mean_of(cells)
    assert closed.high - closed.low == pytest.approx(width, rel=0.1)


@pytest.mark.parametrize("measure", [ACCURACY, CHRF])
@pytest.mark.parametrize("parallel", [True, False])
def test_pairing_makes_intervals_narrow_where_systems_agree(measure: Measure, parallel: bool) -> None:
    a, b = (placed(cells, parallel) for cells in correlated(2))
    paired = compare(a, b, measure=measure)
    # The same answers, given to other items.
    strangers = [replace(c, counts=s.counts) for c, s in zip(b, shuffled(b, 0), strict=True)]
    unpaired = compare(a, strangers, measure=measure)
    assert paired.value == pytest.approx(unpaired.value)
    assert 1.5 * (paired.high - paired.low) < unpaired.high - unpaired.low
    assert paired.p < unpaired.p


@pytest.mark.parametrize("parallel", [True, False])
def test_the_order_of_items_does_not_matter(parallel: bool) -> None:
    a, b = (placed(cells, parallel) for cells in correlated(3))
    expected = compare(a, b)
    assert expected.value > 0 and expected.p < 1
    assert compare(shuffled(a, 1), shuffled(b, 1)) == expected
    assert mean_of(shuffled(a, 1)) == mean_of(a)
    # Fractions add up to the same but for rounding.
    parts = [[replace(c, counts=c.counts * [[1 / 3, 1]]) for c in cells] for cells in (a, b)]
    one, two = compare(*parts, measure=CHRF), compare(shuffled(parts[0], 1), shuffled(parts[1], 1), measure=CHRF)
    assert astuple(one)[2:12] == pytest.approx(astuple(two)[2:12])
    assert astuple(one)[-2:] == pytest.approx(astuple(two)[-2:])


@pytest.mark.parametrize("measure", [ACCURACY, CHRF])
def test_a_figure_has_the_same_interval_wherever_it_is_shown(measure: Measure) -> None:
    """In another order of languages, beside other systems, under another name."""
    a, b, c = correlated(3, num_systems=3)
    whole = compare(a, b, measure=measure)
    turned = compare(a[::-1], b[::-1], measure=measure)
    for one in (turned, differences(measure, {"x": c, "y": b, "z": a}, [("z", "y"), ("x", "y")], settings=SETTINGS)[0]):
        assert (one.value, one.low, one.high, one.p) == pytest.approx((whole.value, whole.low, whole.high, whole.p))
    mean, again = (macro(measure, cells, settings=SETTINGS) for cells in (a, a[::-1]))
    assert astuple(mean) == pytest.approx(astuple(again))


def test_f1_resamples_sentences_and_sums_before_it_divides() -> None:
    a, b = spans([[1, 0, 0], [0, 3, 4]] * 30), spans([[1, 0, 0], [0, 4, 4]] * 30)
    found = compare([a], [b], measure=SPAN_F1)
    assert found.value == pytest.approx(2 / 9 - 2 / 10)
    assert 0 < found.low < found.value < found.high and found.p == 1 / 1001


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("measure", [ACCURACY, CHRF])
def test_the_same_answers_differ_by_nothing(parallel: bool, measure: Measure) -> None:
    some = correlated(4)[0]
    for cells in (some, [cell([1] * 9, "de"), cell([1] * 9, "sw")], [cell([0] * 9, "de")]):
        a = placed(cells, parallel)
        found = compare(a, a, measure=measure)
        assert (found.value, found.p, found.p_adjusted) == (0.0, 1.0, 1.0)
        assert -1 <= found.family_low <= found.low <= 0 <= found.high <= found.family_high <= 1
    # 20 items without a difference do not show that there is none.
    assert compare([cell(right(20, 12))], [cell(right(20, 12))]).high > 0.05
    for counts in ([[0, 0, 0]] * 4, [[2, 1, 0]] * 4, [[1, 0, 2], [0, 0, 0]]):
        found = compare([spans(counts)], [spans(counts)], measure=SPAN_F1)
        assert (found.value, found.p) == (0.0, 1.0)
        of_shares = compare([cell([1] * len(counts))], [cell([1] * len(counts))])
        assert (found.low, found.high) == pytest.approx((of_shares.low, of_shares.high))


# Families


def test_a_family_of_one_is_a_difference() -> None:
    a, b, other = correlated(5, num_systems=3)
    one = difference(ACCURACY, a, b, settings=SETTINGS)
    systems = {"left": a, "right": b, "compared with nothing": other}
    (found,) = differences(ACCURACY, systems, [("left", "right")], settings=SETTINGS)
    assert astuple(found)[2:] == astuple(one)[2:] and one.p == one.p_adjusted and found.name_a == "left"


def test_every_language_is_a_comparison_of_its_own() -> None:
    a, b, c = correlated(3, num_systems=3)
    systems = {"a": a, "b": b, "c": c}
    found = differences(ACCURACY, systems, [("a", "b"), ("a", "c")], settings=SETTINGS, per_language=True)
    assert [(d.name_b, d.language) for d in found] == [("b", "de"), ("b", "sw"), ("c", "de"), ("c", "sw")]
    alone = [compare([x], [y]) for x, y in ((a[0], b[0]), (a[1], b[1]), (a[0], c[0]), (a[1], c[1]))]
    assert [d.value for d in found] == [d.value for d in alone]
    assert [(d.low, d.high) for d in found] == [(d.low, d.high) for d in alone]
    for one, other in zip(found, alone, strict=True):
        assert one.p_adjusted >= one.p == pytest.approx(other.p, abs=0.02)
        assert one.family_low < one.low and one.family_high > one.high
        assert (one.n, one.num_languages) == (200, 1)
    assert not differences(ACCURACY, systems, [("a", "b")], settings=SETTINGS)[0].language


def test_a_family_gives_each_pair_its_own_figures() -> None:
    names = ("a", "b", "c", "d")
    systems = dict(zip(names, correlated(6, num_systems=4), strict=True))
    found = differences(ACCURACY, systems, list(combinations(names, 2)), settings=SETTINGS)
    assert [(row.name_a, row.name_b) for row in found] == list(combinations(names, 2))
    for row in found:
        alone = compare(systems[row.name_a], systems[row.name_b])
        assert (row.value, row.low, row.high, row.n) == (alone.value, alone.low, alone.high, alone.n)
        assert row.p == alone.p
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
    other_a, other_b = (apart([replace(c, language="sw") for c in cells]) for cells in (a, b))
    nothing, other_nothing = [cell([0] * 60)], apart([cell([0] * 60, "sw")])
    settings = Settings(num_bootstrap=20_000)
    copies = {"a": a, "b": b, "copy of a": a, "copy of b": b}
    same = differences(CHRF, copies, [("a", "b"), ("copy of a", "copy of b")], settings=settings)
    assert 0.01 < same[0].p < 0.3
    assert [row.p_adjusted for row in same] == [same[0].p, same[0].p]
    # In another language, drawn by itself: two independent tests with the same p.
    systems = {"a": a + other_nothing, "b": b + other_nothing, "c": nothing + other_a, "d": nothing + other_b}
    independent = differences(CHRF, systems, [("a", "b"), ("c", "d")], settings=settings)
    expected = 1 - (1 - independent[0].p) * (1 - independent[1].p)
    assert independent[0].p_adjusted == pytest.approx(expected, rel=0.1)


def test_the_step_down_lets_later_comparisons_pay_for_fewer() -> None:
    rng = np.random.default_rng(8)
    clear = [cell(right(200, 190), code) for code in ("de",)], [cell(right(200, 90), code) for code in ("de",)]
    hard = rng.standard_normal(200)
    close = [[cell(hard + rng.standard_normal(200) < bar, "de")] for bar in (0.6, 0.2)]
    systems = dict(zip(("a", "b", "c", "d"), (*clear, *close), strict=True))
    found = differences(ACCURACY, systems, [("a", "b"), ("c", "d")], settings=SETTINGS)
    assert found[0].p == 1 / 1001 and found[0].p_adjusted < 0.01 < found[1].p
    assert found[1].p_adjusted == found[1].p  # the clear one is off the list


def test_figures_repeat_and_depend_on_the_seed() -> None:
    rng = np.random.default_rng(10)
    a, b = ([cell(rng.random(50), code) for code in ("de", "sw")] for _ in range(2))  # fractions: no two draws tie

    def drawn(seed: int = 0) -> Difference:
        return compare(a, b, settings=Settings(num_bootstrap=500, seed=seed), measure=CHRF)

    assert drawn() == drawn()
    assert drawn().low != drawn(seed=1).low
    for measure in (CHRF, ACCURACY):
        narrow, wide = (
            compare(a, b, settings=Settings(confidence, num_bootstrap=500), measure=measure)
            for confidence in (0.5, 0.99)
        )
        assert wide.low < narrow.low < narrow.high < wide.high
        assert wide.family_low < narrow.family_low and narrow.family_high < wide.family_high


def test_one_draw_is_poor_but_no_fault() -> None:
    a, b = correlated(5)
    for measure in (ACCURACY, CHRF):
        found = compare(a, b, measure=measure, settings=Settings(num_bootstrap=1))
        assert np.isfinite([found.low, found.high, found.family_low, found.family_high, found.languages_low]).all()
        assert 0 < found.p <= 1
    assert np.isfinite(mean_of(a, measure=CHRF, settings=Settings(num_bootstrap=1)).low)


# What is refused


def refused(text: str):
    return pytest.raises(Problem, match=text)


def test_systems_that_were_asked_something_else_are_not_compared() -> None:
    de, sw = cell([1, 0], "de"), cell([1, 0], "sw")
    for other in ([sw], [de, sw], [cell([1, 0], "de", ["dev:0", "dev:1"])], [cell([1], "de")]):
        with refused("'a' and 'b' cannot be compared: they were asked other items or languages. Score both"):
            compare([de], other)
    # Where an id is there twice, its position tells.
    assert compare([cell([1, 0, 1], ids="aba")], [cell([0, 0, 0], ids="aba")]).n == 3


def test_settings_that_make_no_sense_are_refused() -> None:
    with refused("confidence=95 is no share between 0 and 1. Write 0.95 for 95 %"):
        Settings(confidence=95)
    with refused("num_bootstrap=0 draws nothing"):
        Settings(num_bootstrap=0)


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


SIMULATION = {"num_samples": 400, "num_bootstrap": 400, "seed": 1}  # a standard error of 1.1 % of a coverage


def by_name(population) -> str:
    return population.name


@pytest.mark.slow
@pytest.mark.parametrize("population", benchmark().POPULATIONS, ids=by_name)
def test_coverage(population) -> None:
    """95 % intervals hold the truth 95 ± 2 times in 100, and the samples are few; the benchmark draws more."""
    share = benchmark().coverage(population, **SIMULATION)["coverage"]
    assert share >= 0.91 and (share <= 0.985 or population.may_be_wide)


@pytest.mark.slow
@pytest.mark.parametrize("population", benchmark().NULLS, ids=by_name)
def test_what_the_test_finds_where_nothing_is(population) -> None:
    assert benchmark().coverage(population, **SIMULATION)["p_at_most_5_percent"] <= 0.085


@pytest.mark.slow
@pytest.mark.parametrize("population", benchmark().LANGUAGES, ids=by_name)
def test_coverage_of_the_mean_over_all_languages_like_these(population) -> None:
    found = benchmark().coverage(population, **SIMULATION)
    assert 0.91 <= found["languages_coverage"] <= 0.985
    assert found["coverage"] < 0.91  # of other items alone


@pytest.mark.slow
@pytest.mark.parametrize("population", benchmark().FAMILIES, ids=by_name)
def test_family_error(population) -> None:
    found = benchmark().family(population, **SIMULATION)
    assert found["family_error"] <= 0.085 and found["unadjusted"] > 0.085
    assert found["all_held"] >= 0.91


@pytest.mark.parametrize("measure", ["F1", "MACRO_F1", "ACCURACY"])
def test_the_simulations_truth(measure: str) -> None:
    """A large sample has the figure that is computed, with groups and without."""
    bench = benchmark()
    one = bench.Population("large", getattr(bench, measure), ((0.7,), (0.6,)), (50_000,))
    for population in (one, replace(one, group_rows=(3, 3), group_variance=0.2)):
        for system, (found,) in enumerate(population.draw(np.random.default_rng(0))):
            assert population.measure.value(found.counts.sum(axis=0)) == pytest.approx(
                population.truth(system), abs=0.01
            )


def test_coverage_of_a_few_samples() -> None:
    """The simulation itself, quickly: a few samples cover about as they should, and worse if groups are not told."""
    bench = benchmark()
    population = replace(bench.NULLS[0], group_rows=(8, 8), group_variance=0.6, sizes=(160,))
    found = bench.coverage(population, num_samples=100, num_bootstrap=200, seed=0)
    assert 0.88 <= found["coverage"] <= 1.0 and found["p_at_most_5_percent"] <= 0.14
    assert found["coverage"] + found["above"] + found["below"] == pytest.approx(1)
    assert found["ungrouped_coverage"] < 0.85 and found["ungrouped_p_at_most_5_percent"] > 0.15
