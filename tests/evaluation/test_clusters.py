"""What is drawn together, and figures of what is drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from mslt_it.config.compose import load_recipe
from mslt_it.evaluation import clusters
from mslt_it.evaluation.clusters import components, percentiles, resampled, spread, values_of
from mslt_it.evaluation.measures import f1, mean

NONE = ("", "", "", "", "", "")


def together(ids: Sequence[Sequence[str]], groups: Sequence[Sequence[str]]) -> list[tuple[tuple[int, ...], list[set]]]:
    """Per component its languages and, of every cluster, the rows as (language, row)."""
    found = []
    for one in components(ids, groups):
        rows: dict[int, set[tuple[int, int]]] = {}
        for language, numbers in zip(one.languages, one.cluster_of, strict=True):
            for row, number in enumerate(numbers):
                rows.setdefault(int(number), set()).add((language, row))
        assert sorted(rows) == list(range(one.num_clusters))
        found.append((one.languages, list(rows.values())))
    return found


def test_three_hypotheses_of_a_premise_are_one_cluster() -> None:
    (one,) = components([["a", "b", "c", "d", "e", "f"]], [["p", "p", "p", "q", "q", "q"]])
    assert one.num_clusters == 2 and one.cluster_of[0].tolist() == [0, 0, 0, 1, 1, 1]
    (alone,) = components([["a", "b"]], [["", ""]])
    assert alone.num_clusters == 2 and alone.cluster_of[0].tolist() == [0, 1]


def test_translations_are_drawn_foundand_languages_without_them_apart() -> None:
    ids = [["1", "2"], ["2", "1"], ["x", "y", "z"]]
    assert together(ids, [NONE[:2], NONE[:2], NONE[:3]]) == [
        ((0, 1), [{(0, 0), (1, 1)}, {(0, 1), (1, 0)}]),
        ((2,), [{(2, 0)}, {(2, 1)}, {(2, 2)}]),
    ]


def test_ids_and_groups_are_chained() -> None:
    """a and b share a passage in the first language; b's translation shares another with c in the second."""
    ids = [["a", "b", "d"], ["b", "c", "e"]]
    found = together(ids, [["p", "p", ""], ["q", "q", ""]])
    assert found == [((0, 1), [{(0, 0), (0, 1), (1, 0), (1, 1)}, {(0, 2)}, {(1, 2)}])]
    # Groups of one name in two languages are two groups: passages are told by the rows that they share.
    apart = together([["a", "b"], ["c", "d"]], [["p", "p"], ["p", "p"]])
    assert apart == [((0,), [{(0, 0), (0, 1)}]), ((1,), [{(1, 0), (1, 1)}])]


def test_languages_hang_foundthrough_a_third() -> None:
    ids = [["1", "2"], ["5", "6"], ["2", "5"], ["9"]]
    assert [one.languages for one in components(ids, [NONE[:2], NONE[:2], NONE[:2], NONE[:1]])] == [(0, 1, 2), (3,)]


def test_rows_of_one_id_are_one_item() -> None:
    (one,) = components([["a", "b", "a"]], [NONE[:3]])
    assert one.num_clusters == 2 and one.cluster_of[0].tolist() == [0, 1, 0]


def random_counts(seed: int, n: int, share_right: float = 0.6) -> np.ndarray:
    """(n, 3) counts of sentences with 0 to 4 gold spans, of which each is found with a fixed probability."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 5, size=n)
    right = rng.binomial(gold, share_right)
    return np.stack([right, rng.poisson(0.5, size=n), gold - right], axis=1)


def drawn(counts: np.ndarray, groups: Sequence[str] = (), *, order: np.ndarray | None = None, **more) -> np.ndarray:
    """(resamples,) F1 of one language."""
    ids = np.array([f"i{number}" for number in range(len(counts))])
    names = np.array(groups if len(groups) else [""] * len(counts))
    order = np.arange(len(counts)) if order is None else order
    (one,) = components([ids[order]], [names[order]])
    options = {"num_bootstrap": 2000, "seed": 0, "name": "x"} | more
    return resampled(one, [counts[order, None].astype(float)], f1, **options)[0, 0]


def test_what_is_drawn_equals_a_plain_loop() -> None:
    counts = random_counts(3, 60)
    rng = np.random.default_rng(11)
    plain = [float(f1(counts[rng.integers(0, 60, size=60)].sum(axis=0))) for _ in range(4000)]
    found = drawn(counts, num_bootstrap=4000)
    assert np.quantile(found, [0.025, 0.5, 0.975]) == pytest.approx(np.quantile(plain, [0.025, 0.5, 0.975]), abs=0.006)


def test_clusters_are_drawn_whole() -> None:
    counts = random_counts(3, 60)
    groups = [f"g{number // 4}" for number in range(60)]
    whole = counts.reshape(15, 4, 3).sum(axis=1)
    rng = np.random.default_rng(11)
    plain = [float(f1(whole[rng.integers(0, 15, size=15)].sum(axis=0))) for _ in range(4000)]
    found = drawn(counts, groups, num_bootstrap=4000)
    assert np.quantile(found, [0.025, 0.5, 0.975]) == pytest.approx(np.quantile(plain, [0.025, 0.5, 0.975]), abs=0.008)


def test_draws_repeat_whatever_the_order_of_rows_and_depend_on_seed_and_name() -> None:
    counts = random_counts(4, 97)
    groups = [f"g{number % 30}" for number in range(97)]
    first = drawn(counts, groups)
    assert np.array_equal(first, drawn(counts, groups))
    assert np.array_equal(first, drawn(counts, groups, order=np.random.default_rng(0).permutation(97)))
    assert not np.array_equal(first, drawn(counts, groups, name="y"))
    assert not np.array_equal(first, drawn(counts, groups, seed=1))
    assert (drawn(np.array([[2, 0, 0]] * 9)) == 1).all() and (drawn(np.zeros((9, 3))) == 0).all()


def test_a_system_is_drawn_alike_whatever_stands_beside_it() -> None:
    a, b = (random_counts(seed, 50).astype(float) for seed in (1, 2))
    (one,) = components([[f"i{n}" for n in range(50)]], [[""] * 50])
    options = {"num_bootstrap": 300, "seed": 0, "name": "x"}
    both = resampled(one, [np.stack([a, b], axis=1)], f1, **options)
    assert np.array_equal(both[0, 1], resampled(one, [b[:, None]], f1, **options)[0, 0])
    # The same rows drawn for both: of two equal systems nothing is left.
    same = resampled(one, [np.stack([a, a], axis=1)], f1, **options)
    assert np.array_equal(same[0, 0], same[0, 1])


def test_translations_are_drawn_at_once() -> None:
    rng = np.random.default_rng(0)
    right = np.stack([rng.random(80) < 0.6, np.ones(80)], axis=1).astype(float)
    ids = [f"i{n}" for n in range(80)]
    (one,) = components([ids, ids[::-1]], [[""] * 80, [""] * 80])
    found = resampled(one, [right[:, None], right[::-1, None]], mean, num_bootstrap=300, seed=0, name="x")
    assert np.array_equal(found[0], found[1])


def test_few_draws_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = random_counts(5, 80)
    whole = drawn(counts)
    monkeypatch.setattr(clusters, "MAX_DRAWS", 700)
    assert np.array_equal(drawn(counts), whole)


def test_where_nothing_of_a_language_was_drawn_its_figure_stands() -> None:
    """Two passages of which one alone has rows of the small language."""
    sums, whole = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([3.0, 6.0])
    assert values_of(sums, whole, mean).tolist() == [0.75, 0.5]
    ids = [["a", "b"], ["a"]]
    (one,) = components(ids, [["", ""], [""]])
    counts = [np.array([[[1.0, 1.0]], [[0.0, 1.0]]]), np.array([[[1.0, 1.0]]])]
    found = resampled(one, counts, mean, num_bootstrap=200, seed=0, name="x")
    assert np.isfinite(found).all() and set(found[1, 0]) == {1.0} and set(found[0, 0]) == {0.0, 0.5, 1.0}


def test_percentiles_cut_the_same_share_off_both_ends() -> None:
    assert percentiles(np.arange(1.0, 100.0), 0.9) == pytest.approx((5.0, 95.0))
    # As often as they say, a further draw lies between them, however few there were.
    rng = np.random.default_rng(0)
    inside = [low <= rng.random() <= high for low, high in (percentiles(rng.random(59), 0.9) for _ in range(4000))]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.015)


@pytest.mark.parametrize(("recipe", "field"), [("xnli_3src", "premise"), ("tydiqa_3src", "context")])
def test_shipped_benchmarks_know_what_their_rows_share(recipe: str, field: str) -> None:
    task = load_recipe(recipe).task
    one, other = ({name: f"{name} {number}" for name in task.input_fields} for number in (1, 2))
    assert task.group_key(one) == task.group_key(other | {field: f"{field} 1"}) != task.group_key(other)


@pytest.mark.parametrize(("n", "rate"), [(5, 0.8), (10, 0.5), (10, 0.95), (30, 0.95)])
def test_draws_of_few_items_hold_the_truth_once_they_are_spread(n: int, rate: float) -> None:
    """Of shares and of differences of two systems alike; percentiles of the draws themselves hold it too seldom."""
    found = components([[str(i) for i in range(n)]], [[""] * n])
    held, number = np.zeros((2, 2)), 300
    for draw in range(number):
        rng = np.random.default_rng([draw, n])
        hard = rng.normal(size=n)
        right = (0.6**0.5 * hard + 0.4**0.5 * rng.normal(size=(2, n)) < stats.norm.ppf(rate)).astype(float)
        point = right.mean(axis=1)[:, None]
        drawn = (rng.multinomial(n, np.full(n, 1 / n), size=400) / n @ right.T)[:, :, None]
        for kind, one in enumerate((drawn, spread(point, drawn, found, ["de"], seed=draw))):
            for what, values, truth in ((0, one[:, 0, 0], rate), (1, one[:, 0, 0] - one[:, 1, 0], 0.0)):
                low, high = percentiles(values, 0.95)
                held[kind, what] += low - 1e-9 <= truth <= high + 1e-9
    assert (held[1] >= 0.92 * number).all()
    assert rate == 0.5 or held[0, 0] < 0.85 * number


def test_each_system_is_spread_by_the_rows_that_its_own_draws_tell_of() -> None:
    """Half of 40 rows right, in 20 passages: draws of one system vary as those of 40 rows alone do, of the other as 20.

    Variance: Student's t of 19 degrees of freedom, and that of the two rows of which nothing is known.
    """
    found = components([[str(i) for i in range(40)]], [[f"passage {i // 2}" for i in range(40)]])
    normal = np.random.default_rng(0).normal(size=(40_000, 2))
    drawn = 0.5 + np.sqrt(0.25 / np.array([40, 20])) * (normal - normal.mean(axis=0)) / normal.std(axis=0)
    variance = spread(np.full((2, 1), 0.5), drawn[:, :, None], found, ["de"], seed=0).var(axis=0)[:, 0]
    assert variance == pytest.approx([0.25 / 40 * 20 / 17 + 1 / 42**2, 0.25 / 20 * 20 / 17 + 1 / 22**2], rel=0.03)


def test_what_no_draw_moves_is_not_certain() -> None:
    """All of ten items right: Wilson's interval begins at 72 %; by rows of one passage nothing is known."""
    for num_groups, low, high in ((10, 0.68, 0.8), (1, 0.0, 0.45)):
        groups = [f"passage {i % num_groups}" for i in range(10)]
        found = components([[str(i) for i in range(10)]], [groups])
        moved = spread(np.ones((2, 1)), np.ones((4000, 2, 1)), found, ["de"], seed=0)[:, :, 0]
        assert low <= percentiles(moved[:, 0], 0.95)[0] <= high
        none = spread(np.zeros((2, 1)), np.zeros((4000, 2, 1)), found, ["de"], seed=0)[:, :, 0]
        assert low <= 1 - percentiles(none[:, 0], 0.95)[1] <= high  # none right is its mirror image
        assert moved.mean() == pytest.approx(1, abs=0.02)  # many languages' mean stays where it is
        assert percentiles(moved[:, 0] - moved[:, 1], 0.95)[0] < -0.15
