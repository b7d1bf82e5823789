"""The interval of an accuracy against known values, and scores that count for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from mslt_it.scoring.metrics import why_invalid, wilson_interval


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
