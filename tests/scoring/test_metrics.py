"""Intervals against known values, bootstrap that repeats and covers, and scores that count for nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mslt_it.scoring.metrics import bootstrap_mean, paired_gain, why_invalid, wilson_interval

SETTINGS = {"confidence": 0.95, "num_bootstrap": 2000, "seed": 0}


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
    with pytest.raises(ValueError, match="at least one item"):
        wilson_interval(0, 0, 0.95)


def test_the_bootstrap_repeats_and_depends_on_seed_and_name() -> None:
    values = (np.arange(100) % 3 == 0).astype(float)
    first = bootstrap_mean(values, **SETTINGS, name="en")
    assert first == bootstrap_mean(values, **SETTINGS, name="en")
    assert first == bootstrap_mean(values[::-1], **SETTINGS, name="en")  # items have no order
    uneven = np.random.default_rng(1).normal(size=97)
    base = bootstrap_mean(uneven, **SETTINGS, name="en")
    assert base != bootstrap_mean(uneven, **SETTINGS, name="de")
    assert base != bootstrap_mean(uneven, **(SETTINGS | {"seed": 1}), name="en")


def test_the_bootstrap_is_close_to_the_normal_interval() -> None:
    values = (np.arange(400) < 240).astype(float)
    low, high = bootstrap_mean(values, **SETTINGS, name="x")
    half = 1.96 * math.sqrt(0.6 * 0.4 / 400)
    assert (low, high) == pytest.approx((0.6 - half, 0.6 + half), abs=0.006)


def test_the_bootstrap_covers_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for trial in range(200):
        sample = (rng.random(200) < 0.45).astype(float)
        low, high = bootstrap_mean(sample, confidence=0.9, num_bootstrap=500, seed=trial, name="x")
        covered += low <= 0.45 <= high
    assert 0.83 <= covered / 200 <= 0.96  # 0.90 and three standard errors


def test_the_gain_is_paired() -> None:
    right = np.array([True] * 60 + [False] * 40)
    base = right.copy()
    base[:10] = False
    gain, low, high = paired_gain(right, base, **SETTINGS, name="x")
    assert gain == pytest.approx(0.10) and 0.04 <= low < 0.1 < high <= 0.17
    # Unpaired, two accuracies of 0.6 and 0.5 on 100 items would leave zero inside.
    assert paired_gain(right, right, **SETTINGS, name="x") == (0.0, 0.0, 0.0)


def test_the_gain_over_languages_resamples_items_not_cells() -> None:
    column = np.array([True, False] * 50)
    columns = np.stack([column] * 5, axis=1)
    nothing = np.zeros_like(columns)
    one = paired_gain(column, nothing[:, 0], **SETTINGS, name="x")
    assert paired_gain(columns, nothing, **SETTINGS, name="x") == pytest.approx(one)  # copies add no information


GOOD = np.array([[-1.0, -2.0, -3.0], [-2.0, -1.0, -3.0], [-1.5, -2.5, -0.5]])


def test_good_scores_are_valid() -> None:
    assert why_invalid(GOOD) == ""
    assert why_invalid(GOOD[:1]) == ""  # a single item is the same as itself
    tied = GOOD.copy()
    tied[0] = -1.0
    assert why_invalid(tied) == ""  # one tie is no fault


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "2 of 3 items have a score that is NaN"),
        (float("-inf"), "2 of 3 items have an infinite score"),
        (float("inf"), "2 of 3 items have an infinite score"),
    ],
)
def test_scores_that_are_no_numbers(value: float, reason: str) -> None:
    scores = GOOD.copy()
    scores[0, 1] = scores[2, 0] = scores[2, 1] = value
    assert why_invalid(scores) == reason


def test_scores_that_say_nothing() -> None:
    per_item = np.repeat([[-1.0], [-2.0], [-3.0]], 3, axis=1)
    assert "same score for all its choices" in why_invalid(per_item)
    over_items = np.repeat([[-1.0, -2.0, -3.0]], 4, axis=0)
    assert "same scores, whatever they ask" in why_invalid(over_items)
    assert why_invalid(np.zeros((0, 3))) == "no items"
