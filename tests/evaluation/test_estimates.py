"""Estimates of one language and of means: worked by hand, degenerate, permuted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, replace

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
    random_spans,
    right,
    shuffled,
    single,
    spans,
)
from scipy import stats

from mslt_it.evaluation.intervals import wilson_interval
from mslt_it.evaluation.matching import Cell, Matched
from mslt_it.evaluation.measures import ACCURACY, Measure, f1

pytestmark = pytest.mark.filterwarnings("error")  # division by zero and the like are warnings of NumPy's


# One language and means


def test_one_language_has_wilsons_interval_or_the_bootstraps() -> None:
    found = single(ACCURACY, cell(right(263, 81)), settings=SETTINGS)
    assert (found.value, found.n, found.num_groups, found.num_shared) == (81 / 263, 263, 263, 263)
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
        assert found.n == 460
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
    assert alone.value == together.value == 0.5 and alone.n == together.n == 200
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


@pytest.mark.parametrize("n", [3, 8])
def test_few_rows_widen_the_bootstrap_as_students_t_and_the_n_minus_1_do(n: int) -> None:
    pair = [[cell(np.linspace(*ends, n))] for ends in ((0.47, 0.53), (0.54, 0.46))]
    drawn = [Matched.of({"": rows}).resampled(CHRF, num_bootstrap=1000, seed=0)[0, 0] for rows in pair]
    factor = stats.t.ppf(0.975, n - 1) / stats.norm.ppf(0.975) * math.sqrt(n / (n - 1))
    found = mean_of(pair[0], measure=CHRF), compare(*pair, measure=CHRF)
    for one, draws in zip(found, (drawn[0], drawn[0] - drawn[1]), strict=True):
        ends = factor * (np.quantile(draws, [0.025, 0.975], method="weibull") - draws.mean())
        assert (one.low, one.high) == pytest.approx(tuple(one.value + ends))


def test_systems_that_differ_on_few_of_many_rows() -> None:
    """Hesterberg's sqrt(1 + (z^2 + 3) / 2m) of the three rows on which they do."""
    one, other = np.full(200, 0.5), np.full(200, 0.5)
    other[:3] = 0.3, 0.6, 0.45
    pair = [cell(one)], [cell(other)]
    drawn = np.subtract(*Matched.of({"a": pair[0], "b": pair[1]}).resampled(CHRF, num_bootstrap=1000, seed=0)[0])
    ends = math.sqrt(1 + (1.959964**2 + 3) / 6) * (np.quantile(drawn, [0.025, 0.975], method="weibull") - drawn.mean())
    found = compare(*pair, measure=CHRF)
    assert (found.low, found.high) == pytest.approx(tuple(found.value + ends))


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
