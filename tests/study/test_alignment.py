"""Measures of alignment against definitions, invariances and cases whose answer is known."""

from __future__ import annotations

import itertools
import math
import sys

import numpy as np
import pytest

from mslt_it.problems import Problem
from mslt_it.study.alignment import (
    bounded_perplexity,
    centred,
    cka,
    cka_pairs,
    grams,
    mixing,
    retrieval,
    tsne,
    umap,
)


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


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


def test_unrelated_spaces_are_near_1_for_the_plain_estimate_and_near_0_for_the_debiased_one() -> None:
    plain, debiased = [], []
    for seed in range(20):
        x, y = noise(seed, 2, 50, 512)
        plain.append(cka(x, y, debiased=False))
        debiased.append(cka(x, y))
    assert min(plain) > 0.85  # 0.904 to 0.92 were seen
    assert np.std(debiased) < 0.04  # 0.028
    assert abs(np.mean(debiased)) < 0.02  # 0.001
    assert abs(debiased[0]) < 0.05


def test_both_estimates_agree_on_many_items_in_few_dimensions() -> None:
    x, y = noise(1, 2000, 4), noise(2, 2000, 4)
    y += x
    assert cka(x, y) == pytest.approx(cka(x, y, debiased=False), abs=0.005)


@pytest.mark.parametrize("debiased", [True, False])
def test_rotation_scale_and_shift_make_no_difference(debiased: bool) -> None:
    x, y = noise(1, 30, 12), noise(2, 30, 7)
    y[:, :5] += x[:, :5]
    expected = cka(x, y, debiased=debiased)
    assert 0.05 < expected < 0.95
    moved = 40 * x @ rotation(12, 3) + 1000
    assert cka(moved, 0.01 * y @ rotation(7, 4), debiased=debiased) == pytest.approx(expected, abs=1e-9)
    assert cka(x, moved, debiased=debiased) == pytest.approx(1, abs=1e-9)
    assert cka(y, x, debiased=debiased) == pytest.approx(expected, abs=1e-12)
    # Not invariant to any linear map: that would make it 1 for all spaces wider than the number of items.
    assert cka(x * np.geomspace(1, 100, 12), y, debiased=debiased) != pytest.approx(expected, abs=0.01)


def test_the_plain_estimate_is_the_same_through_items_and_through_dimensions() -> None:
    x, y = noise(1, 10, 40), noise(2, 10, 30)
    wide = cka(x, y, debiased=False)
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    definition = np.linalg.norm(a.T @ b) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    assert wide == pytest.approx(definition, abs=1e-12)
    # Zeros as further dimensions change nothing, but which of the two ways is taken.
    narrow = x[:, :3], y[:, :2]
    padded = np.pad(narrow[0], ((0, 0), (0, 20))), np.pad(narrow[1], ((0, 0), (0, 20)))
    assert cka(*narrow, debiased=False) == pytest.approx(cka(*padded, debiased=False), abs=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        (noise(1, 3, 5), noise(2, 3, 5), "3 items are too few for a similarity of representations. Give at least 4."),
        (noise(1, 9, 5), noise(2, 8, 5), "x holds 9 items and y 8: row i of both must be the same item."),
        (np.ones((9, 5)) * 0.1, noise(2, 9, 5), "x: all 9 items have the same representation"),
        (noise(1, 9, 5), np.full((9, 5), np.nan), "y: item 0 holds a value that is not finite"),
        (noise(1, 9), noise(1, 9), r"x has the shape (9,), not (items, width)"),
    ],
)
def test_what_has_no_similarity_is_refused(x: np.ndarray, y: np.ndarray, text: str) -> None:
    with pytest.raises(Problem) as caught:
        cka(x, y)
    assert text in str(caught.value)


def test_influences_are_what_leaving_out_an_item_changes() -> None:
    states = noise(1, 3, 9, 6)
    states[1] += states[0]
    states[2] -= 0.5 * states[0]
    found = cka_pairs(grams(states), influence=True)
    for a, b in itertools.combinations(range(3), 2):
        assert found.values[a, b] == pytest.approx(cka(states[a], states[b]), abs=1e-12)
        for item in range(9):
            left = cka(np.delete(states[a], item, axis=0), np.delete(states[b], item, axis=0))
            expected = 8 * (found.values[a, b] - left)
            assert found.influence[a, b, item] == pytest.approx(expected, abs=1e-9)
            assert found.influence[b, a, item] == pytest.approx(expected, abs=1e-9)


def test_influences_give_the_standard_error() -> None:
    values, errors = [], []
    for seed in range(400):
        states = noise(seed, 60, 8) + noise(seed + 10_000, 2, 60, 8)
        found = cka_pairs(grams(states), influence=True)
        values.append(found.values[0, 1])
        errors.append(found.influence[0, 1].std() / math.sqrt(60))
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
    values = cka_pairs(grams(states), influence=True).values
    assert np.isnan(values[1]).all() and np.isnan(values[:, 1]).all()
    assert np.isfinite(values[0, 2])


def test_translations_are_found_in_both_directions() -> None:
    x = noise(1, 40, 10)
    exact = retrieval(x, 3 * x)
    assert exact.accuracy == 1
    # Two of y's items trade places: those two are wrong, in both directions.
    y = x.copy()
    y[[4, 9]] = y[[9, 4]]
    swapped = retrieval(x, y)
    assert np.flatnonzero(swapped.forward == 0).tolist() == [4, 9]
    assert swapped.accuracy == pytest.approx(38 / 40)


def test_unrelated_sentences_are_found_by_chance_alone() -> None:
    found = [retrieval(*noise(seed, 2, 50, 20)).accuracy for seed in range(60)]
    assert np.mean(found) == pytest.approx(1 / 50, abs=0.006)


def test_ties_count_what_a_random_choice_gives() -> None:
    flat = np.full((8, 5), 0.3)
    assert retrieval(flat, noise(1, 8, 5)).forward.tolist() == [1 / 8] * 8
    uncentred = retrieval(flat, noise(1, 8, 5), centre=False)
    assert uncentred.backward.tolist() == [1 / 8] * 8
    assert uncentred.forward.tolist().count(1.0) == 1  # all find the same one, and one of them is right
    x = noise(1, 8, 5)
    y = x.copy()
    y[3] = y[2]  # the same sentence twice
    assert retrieval(x, y, centre=False).forward[2] == pytest.approx(1 / 2)


def test_centring_takes_away_what_all_sentences_of_a_language_share() -> None:
    # Every language has its own direction, and one item of y lies far along x's.
    x, y = noise(1, 60, 10), noise(1, 60, 10)
    x[:, 0] += 12
    y[:, 1] += 12
    y[7, 0] += 12
    assert retrieval(x, y, centre=True).accuracy > 0.9
    assert retrieval(x, y, centre=False).accuracy < 0.6


def test_csls_discounts_a_hub() -> None:
    x = 0.3 * noise(1, 60, 20) + 1.0
    y = x + 0.4 * noise(2, 60, 20)
    y[0] = 1.0  # the middle of everything: nearest to most of x, while only its own item looks for another
    plain, discounted = (retrieval(x, y, centre=False, csls=k) for k in (0, 10))
    assert plain.forward.mean() < 0.5 < plain.backward.mean()
    assert discounted.forward.mean() > plain.forward.mean() + 0.3


def test_csls_is_its_formula() -> None:
    x, y = noise(1, 12, 4), noise(2, 12, 4)
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y))
    expected = []
    for i in range(12):
        near_x = sorted(a[i] @ b.T)[-3:]
        scores = [2 * a[i] @ b[j] - np.mean(near_x) - np.mean(sorted(b[j] @ a.T)[-3:]) for j in range(12)]
        expected.append(float(np.argmax(scores) == i))
    assert 0 < sum(expected) < 12
    assert retrieval(x, y, centre=False, csls=3).forward.tolist() == expected


def test_retrieval_refuses_what_is_not_parallel() -> None:
    with pytest.raises(Problem, match=r"x has the shape \(5, 3\) and y \(4, 3\)"):
        retrieval(noise(1, 5, 3), noise(1, 4, 3))
    with pytest.raises(Problem, match=r"csls=6 is out of range: 0 \(plain cosine\) to 5"):
        retrieval(noise(1, 5, 3), noise(1, 5, 3), csls=6)


def test_languages_in_one_cloud_mix_perfectly_and_apart_not_at_all() -> None:
    together = mixing(noise(1, 4, 150, 8))
    assert together.share.shape == (4, 150)
    assert together.share.mean() == pytest.approx(1, abs=0.02)
    assert together.entropy.mean() == pytest.approx(1, abs=0.02)
    apart = noise(1, 4, 50, 8) + 100 * np.eye(4, 8)[:, None]
    assert mixing(apart).share.max() == 0 and mixing(apart).entropy.max() == 0


def test_entropy_tells_mixing_with_all_from_mixing_with_one() -> None:
    two_clouds = noise(1, 4, 60, 8)
    two_clouds[2:, :, 0] += 100
    found = mixing(two_clouds)
    # Of the neighbours 60 of 119 are the other language's, where 3 of 4 would be at random.
    assert found.share.mean() == pytest.approx(0.5 / 0.75, abs=0.03)
    assert found.entropy.mean() == pytest.approx(math.log(2) / math.log(4), abs=0.06)


def test_own_translations_are_neighbours_only_where_asked() -> None:
    items = noise(1, 40, 8) * 10
    close = np.stack([items, items + 0.01 * noise(2, 40, 8), items + 0.01 * noise(3, 40, 8)])
    kept = mixing(close, neighbours=2, own_translations=True)
    assert kept.share.tolist() == [[pytest.approx(1 / (80 / 119))] * 40] * 3
    left_out = mixing(close, neighbours=3)
    assert left_out.share.mean() == pytest.approx(1, abs=0.1)  # the next item comes in all three languages


def test_neighbours_that_tie_share_the_places() -> None:
    same = np.ones((3, 20, 4))
    found = mixing(same, neighbours=5)
    assert found.share == pytest.approx(np.ones((3, 20)))


def test_one_neighbour_has_no_entropy() -> None:
    found = mixing(noise(1, 3, 20, 4), neighbours=1)
    assert np.isnan(found.entropy).all()
    assert np.isfinite(found.share).all()


def test_mixing_in_blocks_is_mixing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    states = noise(1, 3, 17, 5)
    whole = mixing(states)
    monkeypatch.setattr("mslt_it.study.alignment.BLOCK", 7)
    parts = mixing(states)
    assert np.allclose(parts.share, whole.share, atol=1e-12) and np.allclose(parts.entropy, whole.entropy, atol=1e-12)


def test_mixing_refuses_what_it_cannot_do() -> None:
    with pytest.raises(Problem, match=r"Mixing needs \(languages >= 2, items, width\), not the shape \(1, 9, 4\)"):
        mixing(noise(1, 1, 9, 4))
    with pytest.raises(Problem, match="neighbours=17 is out of range: 1 to 16, the number of other items"):
        mixing(noise(1, 2, 9, 4), neighbours=17)


def test_centrings() -> None:
    states = noise(1, 3, 20, 5) + 4
    assert np.abs(centred(states, "language").mean(axis=1)).max() < 1e-12
    by_all = centred(states, "all")
    assert np.abs(by_all.mean(axis=(0, 1))).max() < 1e-12 and np.abs(by_all.mean(axis=1)).max() > 0.01
    assert centred(states, "none") is states
    with pytest.raises(Problem, match=r"Centring 'languages' is not known\. Did you mean 'language'\?"):
        centred(states, "languages")


def test_a_map_keeps_clusters_apart_and_is_the_same_each_time() -> None:
    points = noise(1, 3, 20, 10) + 30 * np.eye(3, 10)[:, None]
    found = tsne(points.reshape(60, 10), perplexity=10, seed=3)
    assert found.shape == (60, 2) and np.isfinite(found).all()
    middles = found.reshape(3, 20, 2).mean(axis=1)
    radius = np.linalg.norm(found.reshape(3, 20, 2) - middles[:, None], axis=2).max()
    distance = min(np.linalg.norm(a - b) for a, b in itertools.combinations(middles, 2))
    assert distance > 1.5 * radius
    assert np.array_equal(tsne(points.reshape(60, 10), perplexity=10, seed=3), found)


def test_a_map_of_few_points_takes_a_smaller_perplexity() -> None:
    assert bounded_perplexity(10, 30) == 3
    assert bounded_perplexity(1000, 30) == 30
    assert tsne(noise(1, 4, 5), perplexity=30).shape == (4, 2)
    with pytest.raises(Problem, match="3 points are too few for a t-SNE map"):
        tsne(noise(1, 3, 5))
    with pytest.raises(Problem, match="perplexity=0 is out of range"):
        tsne(noise(1, 9, 5), perplexity=0)


def test_umap_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(Problem, match=r"pip install 'mslt_it\[umap\]', or take the t-SNE map \(map=tsne\)"):
        umap(noise(1, 20, 5))


def test_umap_gives_coordinates_where_it_is_installed() -> None:
    pytest.importorskip("umap")
    points = noise(1, 40, 5)
    found = umap(points, seed=1)
    assert found.shape == (40, 2) and np.array_equal(umap(points, seed=1), found)
