"""The vectorised ranking against plain loops, constraints, ties, and the greedy search."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from mslt_it.problems import Problem
from mslt_it.selection import scorers, search
from mslt_it.selection.search import Space, all_sets, rank_exact, score_all, search_greedy


def random_matrix(n: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).random((n, n))
    matrix = values + values.T
    np.fill_diagonal(matrix, 0.0)
    return matrix


def total(weights: np.ndarray) -> search.Scorer:
    return lambda sets: weights[sets].sum(axis=1)


def ranked(scorer: search.Scorer, space: Space) -> list[tuple[tuple[int, ...], float, int]]:
    sets = all_sets(space)
    found = rank_exact(sets, score_all(scorer, sets))
    rows = zip(found.sets.tolist(), found.scores.tolist(), found.ranks.tolist(), strict=True)
    return [(tuple(one), score, rank) for one, score, rank in rows]


@pytest.mark.parametrize(("n", "k", "seed"), [(7, 3, 0), (9, 2, 1), (10, 4, 2), (6, 6, 3), (8, 1, 4)])
def test_over_pairss_agree_with_a_plain_loop(n: int, k: int, seed: int) -> None:
    matrix = random_matrix(n, seed)
    plain = [
        (one, sum(matrix[a, b] for a, b in itertools.combinations(one, 2)))
        for one in itertools.combinations(range(n), k)
    ]
    plain.sort(key=lambda item: -round(item[1], 9))
    found = ranked(scorers.over_pairs(matrix), Space(n, k))
    assert [one for one, _, _ in found] == [one for one, _ in plain]
    assert np.allclose([score for _, score, _ in found], [score for _, score in plain], atol=1e-8)
    assert len(found) == math.comb(n, k)


@pytest.mark.parametrize("seed", range(4))
def test_coverage_agrees_with_sets_of_python(seed: int) -> None:
    rng = np.random.default_rng(seed)
    members = rng.random((8, 500)) < rng.random((8, 1)) * 0.5
    vocabularies = [set(np.flatnonzero(row)) for row in members]
    pool = set().union(*vocabularies)
    for one, score, _ in ranked(scorers.coverage(members), Space(8, 3)):
        assert score == pytest.approx(len(set().union(*(vocabularies[i] for i in one))) / len(pool), abs=1e-6)


def test_coverage_in_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    members = np.random.default_rng(5).random((9, 200)) < 0.3
    whole = ranked(scorers.coverage(members), Space(9, 4))
    monkeypatch.setattr(search, "CHUNK", 7)
    assert ranked(scorers.coverage(members), Space(9, 4)) == whole


@pytest.mark.parametrize("seed", range(3))
def test_facility_location_agrees_with_a_plain_loop(seed: int) -> None:
    similarity = np.random.default_rng(seed).random((5, 8))
    for one, score, _ in ranked(scorers.facility_location(similarity), Space(8, 3)):
        assert score == pytest.approx(sum(max(row[i] for i in one) for row in similarity) / 5, abs=1e-8)


def test_distinct() -> None:
    sets = np.array([[0, 1, 2], [0, 2, 3]])
    assert scorers.distinct(["Latn", "Latn", "Arab", "Hani"])(sets).tolist() == [2, 3]


def test_ties_have_equal_ranks() -> None:
    found = ranked(total(np.array([1.0, 1.0, 1.0, 0.0])), Space(4, 2))
    assert [rank for _, _, rank in found] == [1, 1, 1, 4, 4, 4]
    assert [one for one, _, _ in found] == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]


def test_sums_in_another_order_are_ties() -> None:
    weights = np.array([0.1, 0.2, 0.3, 0.6])  # 0.1 + 0.2 + 0.3 is not 0.6 to the last bit
    scores = score_all(lambda sets: np.array([weights[:3].sum(), weights[3]]), np.array([[0], [1]]))
    assert weights[:3].sum() != weights[3] and scores[0] == scores[1]


def test_compulsory_languages() -> None:
    found = all_sets(Space(6, 3, must=(4, 1)))
    assert found.tolist() == [[0, 1, 4], [1, 2, 4], [1, 3, 4], [1, 4, 5]]
    assert all_sets(Space(6, 2, must=(4, 1))).tolist() == [[1, 4]]


def test_a_budget() -> None:
    cost = (1.0, 2.0, 3.0, 4.0)
    found = all_sets(Space(4, 2, cost=cost, max_cost=4.0))
    assert found.tolist() == [[0, 1], [0, 2]]
    with pytest.raises(Problem, match=r"^No set costs at most max_cost=2\.5, the cheapest costs 3\. Raise max_cost"):
        all_sets(Space(4, 2, cost=cost, max_cost=2.5))
    with pytest.raises(Problem, match="No set costs at most max_cost=4, the cheapest costs 5"):
        search_greedy(total(np.ones(4)), Space(4, 2, (3,), cost, 4.0))


@pytest.mark.parametrize("seed", range(6))
def test_greedy_finds_the_best_of_small_pools(seed: int) -> None:
    scorer, space = scorers.over_pairs(random_matrix(12, seed)), Space(12, 4, must=(2,))
    exact = ranked(scorer, space)
    greedy = search_greedy(scorer, space)
    assert tuple(greedy.sets[0].tolist()) == exact[0][0]
    assert greedy.scores[0] == pytest.approx(exact[0][1])
    assert all(2 in row for row in greedy.sets.tolist())


def test_greedy_keeps_the_budget_and_its_seed() -> None:
    rng = np.random.default_rng(0)
    cost = tuple(rng.integers(1, 5, 30).tolist())
    scorer = scorers.over_pairs(random_matrix(30, 1))
    space = Space(30, 5, must=(3,), cost=cost, max_cost=9.0)
    found = search_greedy(scorer, space, seed=4)
    assert all(sum(cost[i] for i in row) <= 9 for row in found.sets.tolist())
    again = search_greedy(scorer, space, seed=4)
    assert np.array_equal(found.sets, again.sets) and np.array_equal(found.scores, again.scores)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


def test_which_spaces_are_exact() -> None:
    assert Space(100, 3).is_exact and Space(100, 3).num_sets == 161_700
    assert not Space(100, 5).is_exact
    assert Space(100, 5, must=(0, 1)).is_exact
