"""Retrieval and mixing of languages whose items lie as we put them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mslt_it.representations import mixing as module
from mslt_it.representations.mixing import centred, mixing, unit


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def retrieval(x: np.ndarray, y: np.ndarray, *, centre: bool = True, csls: int = 0) -> tuple[np.ndarray, np.ndarray]:
    both = np.stack([x, y])
    x, y = unit(centred(both, "language") if centre else both)
    return module.retrieval(x, y, csls=csls)


def accuracy(found: tuple[np.ndarray, np.ndarray]) -> float:
    return float((found[0].mean() + found[1].mean()) / 2)


def test_translations_are_found_in_both_directions() -> None:
    x = noise(1, 40, 10)
    exact = retrieval(x, 3 * x)
    assert accuracy(exact) == 1
    # Two of y's items trade places: those two are wrong, in both directions.
    y = x.copy()
    y[[4, 9]] = y[[9, 4]]
    swapped = retrieval(x, y)
    assert np.flatnonzero(swapped[0] == 0).tolist() == [4, 9]
    assert accuracy(swapped) == pytest.approx(38 / 40)


def test_unrelated_sentences_are_found_by_chance_alone() -> None:
    found = [accuracy(retrieval(*noise(seed, 2, 50, 20))) for seed in range(60)]
    assert np.mean(found) == pytest.approx(1 / 50, abs=0.006)


def test_ties_count_what_a_random_choice_gives() -> None:
    flat = np.full((8, 5), 0.3)
    assert retrieval(flat, noise(1, 8, 5))[0].tolist() == [1 / 8] * 8
    uncentred = retrieval(flat, noise(1, 8, 5), centre=False)
    assert uncentred[1].tolist() == [1 / 8] * 8
    assert uncentred[0].tolist().count(1.0) == 1  # all find the same one, and one of them is right
    x = noise(1, 8, 5)
    y = x.copy()
    y[3] = y[2]  # the same sentence twice
    assert retrieval(x, y, centre=False)[0][2] == pytest.approx(1 / 2)


def test_centring_takes_away_what_all_sentences_of_a_language_share() -> None:
    # Every language has its own direction, and one item of y lies far along x's.
    x, y = noise(1, 60, 10), noise(1, 60, 10)
    x[:, 0] += 12
    y[:, 1] += 12
    y[7, 0] += 12
    assert accuracy(retrieval(x, y, centre=True)) > 0.9
    assert accuracy(retrieval(x, y, centre=False)) < 0.6


def test_csls_discounts_a_hub() -> None:
    x = 0.3 * noise(1, 60, 20) + 1.0
    y = x + 0.4 * noise(2, 60, 20)
    y[0] = 1.0  # the middle of everything: nearest to most of x, while only its own item looks for another
    plain, discounted = (retrieval(x, y, centre=False, csls=k) for k in (0, 10))
    assert plain[0].mean() < 0.5 < plain[1].mean()
    assert discounted[0].mean() > plain[0].mean() + 0.3


def test_csls_is_its_formula() -> None:
    x, y = noise(1, 12, 4), noise(2, 12, 4)
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y))
    expected = []
    for i in range(12):
        near_x = sorted(a[i] @ b.T)[-3:]
        scores = [2 * a[i] @ b[j] - np.mean(near_x) - np.mean(sorted(b[j] @ a.T)[-3:]) for j in range(12)]
        expected.append(float(np.argmax(scores) == i))
    assert 0 < sum(expected) < 12
    assert retrieval(x, y, centre=False, csls=3)[0].tolist() == expected


def test_languages_in_one_cloud_mix_perfectly_and_apart_not_at_all() -> None:
    together = mixing(noise(1, 4, 150, 8))
    assert together[0].shape == (4, 150)
    assert together[0].mean() == pytest.approx(1, abs=0.02)
    assert together[1].mean() == pytest.approx(1, abs=0.02)
    apart = noise(1, 4, 50, 8) + 100 * np.eye(4, 8)[:, None]
    assert mixing(apart)[0].max() == 0 and mixing(apart)[1].max() == 0


def test_entropy_tells_mixing_with_all_from_mixing_with_one() -> None:
    two_clouds = noise(1, 4, 60, 8)
    two_clouds[2:, :, 0] += 100
    found = mixing(two_clouds)
    # Of the neighbours 60 of 119 are the other language's, where 3 of 4 would be at random.
    assert found[0].mean() == pytest.approx(0.5 / 0.75, abs=0.03)
    assert found[1].mean() == pytest.approx(math.log(2) / math.log(4), abs=0.06)


def test_own_translations_are_neighbours_only_where_asked() -> None:
    items = noise(1, 40, 8) * 10
    close = np.stack([items, items + 0.01 * noise(2, 40, 8), items + 0.01 * noise(3, 40, 8)])
    kept = mixing(close, neighbours=2, own_translations=True)
    assert kept[0].tolist() == [[pytest.approx(1 / (80 / 119))] * 40] * 3
    left_out = mixing(close, neighbours=3)
    assert left_out[0].mean() == pytest.approx(1, abs=0.1)  # the next item comes in all three languages


def test_neighbours_that_tie_share_the_places() -> None:
    same = np.ones((3, 20, 4))
    found = mixing(same, neighbours=5)
    assert found[0] == pytest.approx(np.ones((3, 20)))


def test_one_neighbour_has_no_entropy() -> None:
    found = mixing(noise(1, 3, 20, 4), neighbours=1)
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[0]).all()


def test_mixing_in_blocks_is_mixing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    states = noise(1, 3, 17, 5)
    whole = mixing(states)
    monkeypatch.setattr("mslt_it.representations.mixing.BLOCK", 7)
    parts = mixing(states)
    assert np.allclose(parts[0], whole[0], atol=1e-12) and np.allclose(parts[1], whole[1], atol=1e-12)


def test_centrings() -> None:
    states = noise(1, 3, 20, 5) + 4
    assert np.abs(centred(states, "language").mean(axis=1)).max() < 1e-12
    by_all = centred(states, "all")
    assert np.abs(by_all.mean(axis=(0, 1))).max() < 1e-12 and np.abs(by_all.mean(axis=1)).max() > 0.01
