"""Paired differences and families of them: worked by hand, degenerate, permuted."""

from __future__ import annotations

import math
from dataclasses import astuple, replace
from itertools import combinations

import numpy as np
import pytest
from made_cells import (
    CHRF,
    SETTINGS,
    SPAN_F1,
    apart,
    cell,
    compare,
    correlated,
    mean_of,
    placed,
    right,
    shuffled,
    spans,
)
from scipy import stats

from mslt_it.evaluation.estimates import Difference, Settings, difference, differences, macro
from mslt_it.evaluation.matching import Matched
from mslt_it.evaluation.measures import ACCURACY, Measure
from mslt_it.problems import Problem

pytestmark = pytest.mark.filterwarnings("error")  # division by zero and the like are warnings of NumPy's


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
    assert (one.family_low, one.family_high) == (one.low, one.high)  # what a run's table calls the gain's interval


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


def test_a_family_by_its_draws() -> None:
    """Two languages that share nothing: p, the step-down p and the simultaneous intervals, each worked out apart."""
    rng = np.random.default_rng(9)
    a, b = ([cell(mean + rng.normal(0, 0.1, 20), code) for code in ("de", "sw")] for mean in (0.54, 0.5))
    a, b = apart(a), apart(b)
    found = differences(CHRF, {"a": a, "b": b}, [("a", "b")], settings=SETTINGS, per_language=True)
    drawn = Matched.of({"a": a, "b": b}).resampled(CHRF, num_bootstrap=1000, seed=0)
    value = np.array([one.value for one in found])
    factor = stats.t.ppf(0.975, 19) / stats.norm.ppf(0.975) * math.sqrt(20 / 19)
    moved = factor * np.abs(drawn[:, 0] - drawn[:, 1] - value[:, None])
    p = (1 + (moved >= np.abs(value)[:, None]).sum(axis=1)) / 1001
    error = factor * (drawn[:, 0] - drawn[:, 1]).std(axis=1)
    largest, first = (moved / error[:, None]).max(axis=0), int(p.argmin())
    stepwise = (1 + (largest >= abs(value[first]) / error[first]).sum()) / 1001
    assert [one.p for one in found] == pytest.approx(p) and 0.001 < p.min() < p.max() < 0.5
    assert found[first].p_adjusted == pytest.approx(stepwise) and stepwise > p[first] + 0.001
    assert found[1 - first].p_adjusted == pytest.approx(max(stepwise, p[1 - first]))
    half = np.quantile(largest, 0.95, method="weibull") * error
    assert [one.family_high for one in found] == pytest.approx(np.maximum(value + half, [one.high for one in found]))
    assert [one.family_low for one in found] == pytest.approx(np.minimum(value - half, [one.low for one in found]))


def test_the_step_down_lets_later_comparisons_pay_for_fewer() -> None:
    rng = np.random.default_rng(8)
    clear = [cell(right(200, 190), code) for code in ("de",)], [cell(right(200, 90), code) for code in ("de",)]
    hard = rng.standard_normal(200)
    close = [[cell(hard + rng.standard_normal(200) < bar, "de")] for bar in (0.6, 0.2)]
    systems = dict(zip(("a", "b", "c", "d"), (*clear, *close), strict=True))
    found = differences(ACCURACY, systems, [("a", "b"), ("c", "d")], settings=SETTINGS)
    assert found[0].p == 1 / 1001 and found[0].p_adjusted < 0.01 < found[1].p
    assert found[1].p_adjusted == found[1].p  # the clear one is off the list


@pytest.mark.parametrize("num_few", [1, 4])
def test_a_language_of_few_rows_takes_no_corrected_p_from_the_others(num_few: int) -> None:
    """All its rows differ, so no resample moves it; its p is 2^(1 - rows), and that of the clear language its own."""
    a, b = (apart([cell(right(60, n), "de"), cell([few] * num_few, "hi")]) for n, few in ((54, 1), (6, 0)))
    de, hi = differences(ACCURACY, {"a": a, "b": b}, [("a", "b")], settings=SETTINGS, per_language=True)
    assert (hi.p, hi.p_adjusted) == (2.0 ** (1 - num_few),) * 2
    assert (de.p, de.p_adjusted) == (1 / 1001, 1 / 1001)


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
        with refused("'a' and 'b' cannot be compared: they were asked different items or languages. Score both"):
            compare([de], other)
    # Where an id is there twice, its position tells.
    assert compare([cell([1, 0, 1], ids="aba")], [cell([0, 0, 0], ids="aba")]).n == 3
