"""Scores that count for nothing."""

from __future__ import annotations

import numpy as np
import pytest

from mslt_it.evaluation.measures import why_invalid

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
