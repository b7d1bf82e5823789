"""MaxSum, MaxMin and their measures; votes of nearest neighbours: on cases that are worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics.pairwise import nan_euclidean_distances

from mslt_it.selection import sampling, scorers
from mslt_it.selection.embeddings import votes
from mslt_it.selection.ranking import rank_source_sets
from mslt_it.world.generator import state
from mslt_it.world.inference import sample_pair
from mslt_it.world.languages import grammar

GAP = np.nan


def test_distances_are_euclidean_ones_with_gaps_left_out() -> None:
    values = np.array([[0, 1, GAP, 1], [1, 1, 0, GAP], [1, 0, 1, 0], [GAP, GAP, 1, GAP], [0, GAP, GAP, 1]])
    expected = np.nan_to_num(nan_euclidean_distances(values)) / 2  # over the root of four features
    assert np.allclose(sampling.distances(values), expected)
    assert sampling.distances(values)[3, 4] == 0  # no feature in common


def test_measures_of_a_set() -> None:
    found = sampling.measures(np.array([[0.0, 1.0, GAP], [1.0, 1.0, GAP]]))
    # Entropy 1 bit, 0 and nothing; values included 2, 1 and 0 of 2 each; one of two known values is equal.
    assert found == pytest.approx({"distance": np.sqrt(0.5), "entropy": 1 / 3, "inclusion": 0.5, "overlap": 0.5})


def test_maxmin_takes_the_set_whose_nearest_two_are_farthest() -> None:
    # On a line at 0, 1, 5, 6, 10: MaxSum is content with the two ends and anything; MaxMin wants the middle.
    places = np.array([0.0, 1.0, 5.0, 6.0, 10.0])
    matrix = np.abs(places[:, None] - places)
    sets = np.array([[0, 1, 4], [0, 2, 4], [0, 3, 4]])
    assert list(scorers.over_pairs(matrix, np.minimum)(sets)) == [1, 5, 4]
    assert list(scorers.over_pairs(matrix, np.minimum)(np.array([[0], [1]]))) == [0, 0]


def test_criteria_by_sampling_say_how_diverse_the_first_set_is() -> None:
    found = rank_source_sets(["ar", "de", "en", "es", "zh"], 3, criteria=["maxsum", "maxmin"])
    values = sampling.features(["ara", "deu", "eng", "spa", "zho"])
    matrix = sampling.distances(values)
    (best, *_) = found.criteria["maxsum"].sets
    rows = [found.pool.index(code) for code in best.languages]
    assert best.score == pytest.approx(matrix[np.ix_(rows, rows)].sum() / 2)
    measured = sampling.measures(values[rows])
    assert f"entropy of features {measured['entropy']:.3f} bits" in found.criteria["maxsum"].reason
    smallest = found.criteria["maxmin"].sets[0].score
    assert smallest == max(one.score for one in found.criteria["maxmin"].sets) and smallest <= best.score / 3 + 1e-9
    assert "pairs" in rank_source_sets(["ar", "de"], 1, criteria=["maxsum", "scripts"]).not_computed["maxsum"][0]


def test_votes_go_to_the_nearest_by_direction() -> None:
    sources = [np.array([[1.0, 0.0], [10.0, 1.0]]), np.array([[0.0, 1.0]])]
    targets = [np.array([[3.0, 0.1], [0.1, 0.3], [5.0, 0.0], [9.0, 1.0]]), np.array([[0.0, 0.2]])]
    assert votes(sources, targets).tolist() == [[0.75, 0.25], [0.0, 1.0]]


def test_nn_rank_prefers_the_source_whose_text_the_target_has(tmp_path: Path) -> None:
    import random

    clauses = [sample_pair(random.Random(i)).premise for i in range(30)]
    for code, language in (("ar", "ar"), ("de", "de"), ("zh", "zh"), ("tr", "de")):  # "Turkish" in German words
        (tmp_path / f"{code}.txt").write_text("".join(state(grammar(language), c) + "\n" for c in clauses), "utf-8")
    asked = {"criteria": ["nn_rank"], "text": str(tmp_path), "model": "world"}
    found = rank_source_sets(["ar", "de", "zh"], 1, targets=["tr"], **asked)
    first = found.criteria["nn_rank"].sets[0]
    assert (first.languages, first.score) == (("de",), 1.0) and "de 100.0%" in found.criteria["nn_rank"].reason
    (tmp_path / "tr.txt").write_text("Ein Satz.\n" * 24, "utf-8")
    asked["criteria"] = ["nn_rank", "scripts"]
    reason, remedy = rank_source_sets(["ar", "de"], 1, targets=["tr"], **asked).not_computed["nn_rank"]
    assert "The text of tr has fewer than 25 sentences" in reason and "25 or more lines in tr.txt" in remedy
    (tmp_path / "zh.txt").write_text("一句。\n" * 3, "utf-8")  # all sources would be cut down to three sentences
    reason, _ = rank_source_sets(["ar", "de", "zh"], 1, targets=["tr"], **asked).not_computed["nn_rank"]
    assert "The text of zh, tr has fewer than 25 sentences" in reason
    assert "targets" in rank_source_sets(["ar", "de"], 1, **asked).not_computed["nn_rank"][0]
