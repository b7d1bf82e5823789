"""Retrieval and mixing of languages whose items lie as we put them."""

from __future__ import annotations

import numpy as np
import pytest

from mslt_it.representations import alikeness as module
from mslt_it.representations.alikeness import centred, mixing, unit


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def retrieval(x: np.ndarray, y: np.ndarray, *, centre: bool = True) -> tuple[np.ndarray, np.ndarray]:
    both = np.stack([x, y])
    x, y = unit(centred(both, "language") if centre else both)
    return module.retrieval(x, y)


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


def test_languages_in_one_cloud_mix_perfectly_and_apart_not_at_all() -> None:
    together = mixing(noise(1, 4, 150, 8))
    assert together.shape == (4, 150)
    assert together.mean() == pytest.approx(1, abs=0.02)
    apart = noise(1, 4, 50, 8) + 100 * np.eye(4, 8)[:, None]
    assert mixing(apart).max() == 0


def test_own_translations_are_no_neighbours() -> None:
    items = noise(1, 40, 8) * 10
    close = np.stack([items, items + 0.01 * noise(2, 40, 8), items + 0.01 * noise(3, 40, 8)])
    assert mixing(close, neighbours=3).mean() == pytest.approx(1, abs=0.1)  # the next item comes in all three languages


def test_half_of_the_clouds_mix() -> None:
    two_clouds = noise(1, 4, 60, 8)
    two_clouds[2:, :, 0] += 100
    # Of the neighbours 60 of 119 are the other language's, where 3 of 4 would be at random.
    assert mixing(two_clouds).mean() == pytest.approx(0.5 / 0.75, abs=0.03)


def test_neighbours_that_tie_share_the_places() -> None:
    same = np.ones((3, 20, 4))
    found = mixing(same, neighbours=5)
    assert found == pytest.approx(np.ones((3, 20)))


def test_mixing_in_blocks_is_mixing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    states = noise(1, 3, 17, 5)
    whole = mixing(states)
    monkeypatch.setattr("mslt_it.representations.alikeness.BLOCK", 7)
    parts = mixing(states)
    assert np.allclose(parts, whole, atol=1e-12)


def test_centrings() -> None:
    states = noise(1, 3, 20, 5) + 4
    assert np.abs(centred(states, "language").mean(axis=1)).max() < 1e-12
    by_all = centred(states, "all")
    assert np.abs(by_all.mean(axis=(0, 1))).max() < 1e-12 and np.abs(by_all.mean(axis=1)).max() > 0.01
