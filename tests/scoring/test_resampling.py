"""Bootstrap of figures that are functions of summed counts: F1 of a corpus, paired gains, several groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from mslt_it.scoring.resampling import bootstrap, percentiles, resampled_sums

from mslt_it.scoring import resampling
from mslt_it.scoring.measures import f1, mean

SETTINGS = {"confidence": 0.95, "num_bootstrap": 2000, "seed": 0}


def f1_of_first(sums: Sequence[np.ndarray]) -> np.ndarray:
    return f1(sums[0])


def gain(sums: Sequence[np.ndarray]) -> np.ndarray:
    return f1(sums[0][:, :3]) - f1(sums[0][:, 3:])


def random_counts(seed: int, n: int, share_right: float = 0.6) -> np.ndarray:
    """(n, 3) counts of sentences with 0 to 4 gold spans, of which each is found with a fixed probability."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 5, size=n)
    right = rng.binomial(gold, share_right)
    return np.stack([right, rng.poisson(0.5, size=n), gold - right], axis=1)


def test_f1_sums_before_it_divides() -> None:
    counts = np.array([[1, 0, 0], [0, 3, 4]])
    assert f1(counts.sum(axis=0)) == pytest.approx(2 / 9)  # the mean of the items' F1 would be 1/2
    assert f1(np.zeros(3)) == 0.0
    assert mean(np.array([1.5, 2.0])) == 0.75


def test_the_interval_equals_a_plain_loop() -> None:
    counts = random_counts(3, 60)
    rng = np.random.default_rng(11)
    plain = [float(f1(counts[rng.integers(0, 60, size=60)].sum(axis=0))) for _ in range(4000)]
    low, high = bootstrap([counts], f1_of_first, confidence=0.95, num_bootstrap=4000, seed=0, name="x")
    assert (low, high) == pytest.approx(tuple(np.quantile(plain, [0.025, 0.975])), abs=0.006)
    assert low < f1(counts.sum(axis=0)) < high


def test_the_interval_repeats_and_depends_on_seed_and_name() -> None:
    counts = random_counts(4, 97)
    first = bootstrap([counts], f1_of_first, **SETTINGS, name="en")
    assert first == bootstrap([counts], f1_of_first, **SETTINGS, name="en")
    assert first == bootstrap([counts[::-1]], f1_of_first, **SETTINGS, name="en")  # items have no order
    assert first != bootstrap([counts], f1_of_first, **SETTINGS, name="de")
    assert first != bootstrap([counts], f1_of_first, **(SETTINGS | {"seed": 1}), name="en")
    narrow = bootstrap([counts], f1_of_first, **(SETTINGS | {"confidence": 0.5}), name="en")
    assert first[0] < narrow[0] < narrow[1] < first[1]
    assert bootstrap([np.array([[2, 0, 0]] * 9)], f1_of_first, **SETTINGS, name="en") == (1.0, 1.0)
    assert bootstrap([np.zeros((9, 3))], f1_of_first, **SETTINGS, name="en") == (0.0, 0.0)


def test_resampled_sums_are_what_the_interval_is_made_of() -> None:
    groups = [random_counts(6, 40), random_counts(7, 50)[:, :2]]
    sums = resampled_sums(groups, num_bootstrap=2000, seed=0, name="x")
    assert [part.shape for part in sums] == [(2000, 3), (2000, 2)]
    for part, counts in zip(sums, groups, strict=True):  # as many items as there are, so the sums vary about theirs
        error = counts.std(axis=0) * np.sqrt(len(counts) / 2000)
        assert (np.abs(part.mean(axis=0) - counts.sum(axis=0)) < 4 * error).all()
        assert part.std(axis=0) == pytest.approx(counts.std(axis=0) * np.sqrt(len(counts)), rel=0.1)
    assert bootstrap(groups, f1_of_first, **SETTINGS, name="x") == percentiles(f1(sums[0]), 0.95)
    again = resampled_sums([group[::-1] for group in groups], num_bootstrap=2000, seed=0, name="x")
    assert all((a == b).all() for a, b in zip(sums, again, strict=True))


def test_percentiles_cut_the_same_share_off_both_ends() -> None:
    assert percentiles(np.arange(101.0), 0.9) == pytest.approx((5.0, 95.0))


def test_few_draws_at_a_time_cover_the_same_range(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = random_counts(5, 80)
    whole = bootstrap([counts], f1_of_first, **SETTINGS, name="x")
    monkeypatch.setattr(resampling, "MAX_DRAWS", 700)
    assert bootstrap([counts], f1_of_first, **SETTINGS, name="x") == whole


def test_the_interval_covers_about_as_often_as_it_says() -> None:
    truth = f1(random_counts(0, 400_000).sum(axis=0))
    covered = 0
    for trial in range(200):
        counts = random_counts(1000 + trial, 150)
        low, high = bootstrap([counts], f1_of_first, confidence=0.9, num_bootstrap=400, seed=trial, name="x")
        covered += low <= truth <= high
    assert 0.83 <= covered / 200 <= 0.96  # 0.90 and three standard errors


def test_a_gain_of_counts_side_by_side_is_paired() -> None:
    counts = random_counts(5, 200)
    worse = counts.copy()
    worse[np.flatnonzero(counts[:, 0])[:20]] += [-1, 0, 1]
    low, high = bootstrap([np.hstack([counts, worse])], gain, **SETTINGS, name="x")
    assert 0 < low < f1(counts.sum(axis=0)) - f1(worse.sum(axis=0)) < high
    # As two groups the items are drawn apart, and zero is inside.
    apart = bootstrap([counts, worse], lambda s: f1(s[0]) - f1(s[1]), **SETTINGS, name="x")
    assert apart[0] < 0 and apart[1] - apart[0] > 2 * (high - low)
    assert bootstrap([np.hstack([counts, counts])], gain, **SETTINGS, name="x") == (0.0, 0.0)


def test_groups_are_resampled_by_themselves() -> None:
    groups = [random_counts(seed, n) for seed, n in ((6, 80), (7, 90), (8, 100))]

    def average(sums: Sequence[np.ndarray]) -> np.ndarray:
        return np.mean([f1(s) for s in sums], axis=0)

    low, high = bootstrap(groups, average, **SETTINGS, name="x")
    widths = [np.diff(bootstrap([group], f1_of_first, **SETTINGS, name="x"))[0] for group in groups]
    # Independent errors: the mean's is the root of the summed squares over three.
    assert high - low == pytest.approx(np.sqrt(np.square(widths).sum()) / 3, rel=0.1)
