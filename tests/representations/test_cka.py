"""Debiased CKA against its definition, invariances and cases whose answer is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from mslt_it.representations.alikeness import cka_pairs, grams


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def cka(x: np.ndarray, y: np.ndarray) -> float:
    with np.errstate(all="ignore"):  # of four items no three are left to tell what each contributes
        return float(cka_pairs(np.concatenate([grams(x[None]), grams(y[None])]))[0][0, 1])


def rotation(width: int, seed: int) -> np.ndarray:
    return np.linalg.qr(noise(seed, width, width))[0]


def hsic_by_definition(k: np.ndarray, m: np.ndarray) -> float:
    """The mean over all ordered choices of four different items."""
    terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in itertools.permutations(range(len(k)), 4)]
    return float(np.mean(terms))


def cka_by_definition(x: np.ndarray, y: np.ndarray) -> float:
    k, m = x @ x.T, y @ y.T
    return hsic_by_definition(k, m) / math.sqrt(hsic_by_definition(k, k) * hsic_by_definition(m, m))


def test_the_debiased_similarity_is_the_mean_over_quadruples_of_different_items() -> None:
    for n in (4, 5, 8):
        x, y = noise(n, n, 3) + 5, noise(n + 50, n, 6)
        y[:, :3] += 1.5 * x
        assert cka(x, y) == pytest.approx(cka_by_definition(x, y), abs=1e-10)


def test_unrelated_spaces_are_near_0() -> None:
    found = [cka(*noise(seed, 2, 50, 512)) for seed in range(20)]
    assert np.std(found) < 0.04  # 0.028
    assert abs(np.mean(found)) < 0.02  # 0.001


def test_rotation_scale_and_shift_make_no_difference() -> None:
    x, y = noise(1, 30, 12), noise(2, 30, 7)
    y[:, :5] += x[:, :5]
    expected = cka(x, y)
    assert 0.05 < expected < 0.95
    moved = 40 * x @ rotation(12, 3) + 1000
    assert cka(moved, 0.01 * y @ rotation(7, 4)) == pytest.approx(expected, abs=1e-9)
    assert cka(x, moved) == pytest.approx(1, abs=1e-9)
    assert cka(y, x) == pytest.approx(expected, abs=1e-12)
    # Not invariant to any linear map: that would make it 1 for all spaces wider than the number of items.
    assert cka(x * np.geomspace(1, 100, 12), y) != pytest.approx(expected, abs=0.01)


def test_influences_are_what_leaving_out_an_item_changes() -> None:
    states = noise(1, 3, 9, 6)
    states[1] += states[0]
    states[2] -= 0.5 * states[0]
    found = cka_pairs(grams(states))
    for a, b in itertools.combinations(range(3), 2):
        assert found[0][a, b] == pytest.approx(cka(states[a], states[b]), abs=1e-12)
        for item in range(9):
            left = cka(np.delete(states[a], item, axis=0), np.delete(states[b], item, axis=0))
            expected = 8 * (found[0][a, b] - left)
            assert found[1][a, b, item] == pytest.approx(expected, abs=1e-9)
            assert found[1][b, a, item] == pytest.approx(expected, abs=1e-9)


def test_influences_give_the_standard_error() -> None:
    values, errors = [], []
    for seed in range(400):
        states = noise(seed, 60, 8) + noise(seed + 10_000, 2, 60, 8)
        found = cka_pairs(grams(states))
        values.append(found[0][0, 1])
        errors.append(found[1][0, 1].std() / math.sqrt(60))
    # 0.0471 against 0.0423: the jackknife errs on the safe side (Efron and Stein 1981).
    assert 1 < np.mean(errors) / np.std(values) < 1.25


def test_drawing_items_twice_brings_the_bias_back() -> None:
    drawn = []
    for seed in range(20):
        items = np.random.default_rng(seed).integers(0, 50, 50)
        unrelated = noise(seed, 2, 50, 512)[:, items]
        drawn.append(cka(*unrelated))
    assert min(drawn) > 0.85


def test_a_language_whose_items_are_all_equal_has_no_similarity() -> None:
    states = noise(1, 3, 8, 5)
    states[1] = states[1, 0] * (1 + 1e-7 * noise(2, 8, 1))  # equal but for rounding
    values = cka_pairs(grams(states))[0]
    assert np.isnan(values[1]).all() and np.isnan(values[:, 1]).all()
    assert np.isfinite(values[0, 2])
