"""Closed forms of uncertainty: published values, by hand, with clusters, and over languages."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from mslt_it.evaluation.clusters import components
from mslt_it.evaluation.intervals import (
    ItemShares,
    RightShare,
    design_effect,
    effective_number,
    holm,
    languages_interval,
    p_above,
    student_quantile,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        # Newcombe 1998, table I, method 3 (score method without continuity correction)
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_equals_published_values(right: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(right, n, 0.95) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_the_ends_and_in_general() -> None:
    assert wilson_interval(0, 5, 0.95)[0] == 0.0 and wilson_interval(5, 5, 0.95)[1] == 1.0
    for n in (1, 7, 400):
        for right in range(0, n + 1, max(1, n // 7)):
            low, high = wilson_interval(right, n, 0.95)
            assert 0.0 <= low <= right / n <= high <= 1.0
            mirrored = wilson_interval(n - right, n, 0.95)
            assert mirrored == pytest.approx((1 - high, 1 - low))
            narrow = wilson_interval(right, n, 0.5)
            assert low <= narrow[0] and narrow[1] <= high
            wide = wilson_interval(right, n, 0.95, quantile=4.0)
            assert wide[0] <= low and high <= wide[1]


# Clusters


def scores(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def test_design_effect_by_hand() -> None:
    # Pairs of (1, 1), (0, 0), (1, 0); mean 1/2. Squares of rows: 6 / 4; of pairs: 1 + 1 + 0; 3/2 and 5/6 for n - 1.
    pairs = np.array([0, 0, 1, 1, 2, 2])
    assert design_effect(scores(1, 1, 0, 0, 1, 0), pairs) == pytest.approx(2 / 1.5 * 3 / 2 * 5 / 6)
    # One right in each: fewer differences between pairs than by lot, which counts as none.
    assert design_effect(scores(1, 0, 0, 1, 1, 0), pairs) == 1.0
    # All right: as if every pair were one row.
    assert design_effect(scores(1, 1, 1, 1, 1, 1), pairs) == 2.0
    # Everything in one cluster is the same: n rows tell as much as the clusters do, but for the n - 1.
    many = np.repeat(np.random.default_rng(0).random(50) < 0.5, 4).astype(float)
    assert design_effect(many, np.repeat(np.arange(50), 4)) == pytest.approx(4 * 50 / 49 * 199 / 200)


def test_students_quantiles_are_those_of_the_tables() -> None:
    found = [student_quantile(0.95, freedom) for freedom in (1, 10, math.inf)]
    assert found == pytest.approx([12.7062, 2.22814, 1.95996], rel=1e-5)


def test_rows_alone_have_the_normal_quantile_and_clusters_students() -> None:
    right = (np.random.default_rng(1).random(60) < 0.7).astype(float)
    alone = RightShare.of(right, np.arange(60))
    assert (alone.n, alone.freedom) == (60, math.inf)
    threes = np.repeat(np.arange(20), 3)
    clustered = RightShare.of(right, threes)
    assert clustered.n == pytest.approx(60 / design_effect(right, threes)) and clustered.freedom == 19


def test_rows_alone_are_above_a_bar_by_the_exact_binomial_test() -> None:
    for num_right, n, bar in ((5, 10, 0.14), (41, 100, 1 / 3), (10, 10, 0.7), (1, 40, 0.5)):
        right = np.arange(n) < num_right
        expected = stats.binomtest(num_right, n, bar, alternative="greater").pvalue
        assert p_above(right.astype(float), np.arange(n), bar) == pytest.approx(expected)
    assert p_above(np.zeros(9), np.arange(9), 0.1) == 1.0 and p_above(np.ones(9), np.arange(9), 1.0) == 1.0


def test_clusters_count_as_no_more_rows_than_they_show_to_be() -> None:
    pairs = np.repeat(np.arange(20), 2)
    whole = np.repeat(np.arange(20) < 9, 2).astype(float)  # right or wrong as a whole: 20 rows
    assert p_above(whole, pairs, 0.2) == pytest.approx(stats.binomtest(9, 20, 0.2, alternative="greater").pvalue)
    # The same number right, each in another pair: more is known, of few clusters no more than the bound says.
    spread = np.zeros(40)
    spread[:36:2] = 1
    alone = stats.binomtest(18, 40, 0.2, alternative="greater").pvalue
    assert alone < p_above(spread, pairs, 0.2) < p_above(whole, pairs, 0.2)
    effect = design_effect(spread, pairs) * 19 / stats.chi2.ppf(0.05, 19)  # the variance's upper bound
    expected = stats.beta.cdf(0.2, 18 / effect, 22 / effect + 1)  # the tail of a binomial of as many rows
    assert 1 < effect < 2 and p_above(spread, pairs, 0.2) == pytest.approx(expected)
    # 68 % right in 14 templates of 1 to 10 rows beside a majority of 14 %, in one of 26 languages.
    sizes = np.array([10, 6, 5, 4, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1])
    templates = np.repeat(np.arange(14), sizes)
    right = np.isin(templates, (0, 2, 3, 5, 6, 8, 9, 10, 11)).astype(float)
    assert right.mean() == pytest.approx(0.675)
    assert p_above(right, templates, 0.14) < 0.025 / 26
    # One cluster alone shows nothing more than one row could.
    assert p_above(np.ones(40), np.zeros(40, dtype=int), 0.14) == pytest.approx(0.14)


def shares(right: Sequence[np.ndarray], ids: Sequence[Sequence[str]], groups: Sequence[Sequence[str]] | None = None):
    groups = [[""] * len(one) for one in ids] if groups is None else groups
    return ItemShares.of(right, components(ids, groups))


def named(prefix: str, n: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(n)]


def test_one_language_of_clusters_is_wilsons_with_fewer_rows_and_students_quantile() -> None:
    right = np.repeat(np.random.default_rng(2).random(30) < 0.6, 3).astype(float)
    groups = [f"g{number // 3}" for number in range(90)]
    n = 90 / design_effect(right, np.repeat(np.arange(30), 3))
    assert n < 32
    found = shares([right], [named("i", 90)], [groups]).interval(0.95)
    assert found == pytest.approx(wilson_interval(right.mean() * n, n, 0.95, quantile=stats.t.ppf(0.975, 29)))


@pytest.mark.parametrize(("value", "end"), [(1.0, 1), (0.0, 0)])
def test_all_right_or_wrong_in_clusters(value: float, end: int) -> None:
    groups = [f"g{number // 3}" for number in range(60)]
    found = shares([np.full(60, value)], [named("i", 60)], [groups]).interval(0.95)
    expected = wilson_interval(20 * value, 20, 0.95, quantile=stats.t.ppf(0.975, 19))
    assert found == pytest.approx(expected) and found[end] == value


def test_two_clusters_and_one_say_little() -> None:
    right = scores(*[1] * 30, *[0] * 10, *[1] * 20)
    two = shares([right], [named("i", 60)], [["a"] * 30 + ["b"] * 30]).interval(0.95)
    assert 0 <= two[0] < 0.2 and 0.95 < two[1] <= 1  # t with one degree of freedom
    one = shares([right], [named("i", 60)], [["a"] * 60]).interval(0.95)
    assert one[0] < 0.3 and one[1] > 0.95


def test_a_small_language_keeps_its_width_among_large_ones() -> None:
    """10 of 10 right: what is seen does not vary, but what could have been does."""
    large = np.array([1.0] * 255 + [0.0] * 45)
    found = shares([np.ones(10), large, large], [named("a", 10), named("b", 300), named("c", 300)])
    low, high = found.interval(0.95)
    alone = wilson_interval(10, 10, 0.95)
    assert high - low > 0.9 * (alone[1] - alone[0]) / 3
    assert found.value == pytest.approx((1 + 0.85 + 0.85) / 3) and low < found.value < high


def test_two_languages_that_share_nothing_by_hand() -> None:
    """Each is as skewed as Wilson's interval says to the part that it has in the mean, its share of the variance."""
    right, n = np.array([10, 24]), np.array([10, 60])
    found = shares([np.arange(m) < k for k, m in zip(right, n, strict=True)], [named("a", 10), named("b", 60)])
    ends = np.array([wilson_interval(k, m, 0.95) for k, m in zip(right, n, strict=True)])
    value, half = right / n, (ends[:, 1] - ends[:, 0]) / 2
    part = half**2 / (half**2).sum()
    wald = stats.norm.ppf(0.975) ** 2 * value * (1 - value) / (n - 1)
    width = np.sqrt((wald + part * (half**2 - wald)).sum()) / 2
    centre = value.mean() + (part * (ends.mean(axis=1) - value)).mean()
    assert found.interval(0.95) == pytest.approx((centre - width, centre + width))


def test_equal_languages_that_share_nothing_are_like_one_of_all_rows() -> None:
    """The same share in each: pooled rows are right then."""
    right = np.array([1.0] * 160 + [0.0] * 40)
    found = shares([right] * 4, [named(code, 200) for code in "abcd"]).interval(0.95)
    assert found == pytest.approx(wilson_interval(640, 800, 0.95), abs=5e-4)
    perfect = shares([np.ones(100)] * 4, [named(code, 100) for code in "abcd"]).interval(0.95)
    assert perfect[1] == 1.0 and wilson_interval(200, 200, 0.95)[0] < perfect[0] < wilson_interval(500, 500, 0.95)[0]


def test_what_languages_share_makes_the_mean_less_certain() -> None:
    right = (np.random.default_rng(3).random(200) < 0.6).astype(float)
    ids = named("i", 300)
    widths = []
    for start in (0, 50, 100, 200):  # of the second language in the list of both
        other = np.concatenate([right[start:], right[:start]])
        both = ids[:200], (ids + named("j", 200))[start : start + 200]
        low, high = shares([right, other], both).interval(0.95)
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
    alone = shares([right], [ids[:200]]).interval(0.95)
    assert widths[0] == pytest.approx(alone[1] - alone[0], rel=0.01)  # the second says nothing new
    assert widths[-1] == pytest.approx((alone[1] - alone[0]) / math.sqrt(2), rel=0.02)


def test_languages_that_are_right_where_others_are_wrong_are_taken_as_apart() -> None:
    """Their mean is one half of every item. It was 0 to 1, from 0 / 0."""
    right = scores(1, 1, 1, 0, 0, 0)
    same, other = named("i", 6), named("j", 6)
    found = shares([right, 1 - right], [same, same], None)
    apart = shares([right, 1 - right], [same, other], None)
    assert found.covariance == pytest.approx(apart.covariance)
    low, high = found.interval(0.95)  # by Student's t of five degrees of freedom, as the six items are shared
    assert low + high == pytest.approx(1) and 0.15 < low < apart.interval(0.95)[0] < 0.25


def test_the_languages_that_vary_most_decide_how_much_is_known() -> None:
    found = components([["a", "b"], ["c", "d"]], [["", ""], ["", ""]])
    # Satterthwaite: (3 + 1)^2 / (3^2 / 5 + 1^2 / 20)
    assert effective_number(np.diag([3.0, 1.0]), [5, 20], found) == pytest.approx(16 / (9 / 5 + 1 / 20))
    assert effective_number(np.diag([3.0, 0.0]), [5, 0], found) == pytest.approx(5)
    assert effective_number(np.zeros((2, 2)), [5, 5], found) == math.inf
    joined = components([["a", "b"], ["a", "b"]], [["", ""], ["", ""]])
    assert effective_number(np.ones((2, 2)), [7, 7], joined) == pytest.approx(7)


def test_a_difference_without_clusters_is_bonett_and_prices() -> None:
    # 10 items: 4 that only a has right, 1 that only b has: 5/12 - 2/12 = 0.25, the root of (7/12 - 0.25^2) / 12
    differs = scores(1, 1, 1, 1, -1, 0, 0, 0, 0, 0)
    centre, error = RightShare.of(differs, np.arange(10)).bonett_price(2)
    assert (centre, error) == pytest.approx((0.25, math.sqrt((7 / 12 - 0.0625) / 12)))
    found = shares([differs], [named("i", 10)]).difference_interval(0.95)
    assert found == pytest.approx((0.25 - 1.959964 * error, 0.25 + 1.959964 * error))


# Languages


def test_languages_that_share_nothing_have_students_interval() -> None:
    values = [0.60, 0.66, 0.58, 0.71, 0.64]
    found = languages_interval(values, np.diag([1e-4] * 5), 0.95, within=(0.63, 0.645))
    assert found == pytest.approx(stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values)))


def test_what_common_items_do_to_all_languages_is_added() -> None:
    values = [0.60, 0.66, 0.58, 0.71, 0.64]
    common = np.full((5, 5), 2e-4) + np.diag([3e-4] * 5)
    of_languages = stats.sem(values) ** 2
    variance = of_languages + 2e-4
    freedom = 4 * (variance / of_languages) ** 2  # the added part is known well
    half = stats.t.ppf(0.975, freedom) * math.sqrt(variance)
    mean = np.mean(values)
    found = languages_interval(values, common, 0.95, within=(0.63, 0.645))
    assert found == pytest.approx((mean - half, mean + half))


def test_other_languages_never_make_the_interval_narrower_nor_leave_the_scale() -> None:
    assert languages_interval([0.8, 0.8], np.zeros((2, 2)), 0.95, within=(0.7, 0.9)) == (0.7, 0.9)
    assert languages_interval([0.2, 0.9], np.zeros((2, 2)), 0.95, within=(0.5, 0.6)) == (0.0, 1.0)
    assert languages_interval([-0.2, 0.9], np.zeros((2, 2)), 0.95, within=(0.3, 0.4), least=-1.0) == (-1.0, 1.0)
    assert languages_interval([0.8], np.zeros((1, 1)), 0.95, within=(0.7, 0.9)) is None


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.5]) == [1.0, 1.0]
    assert holm([]) == []
