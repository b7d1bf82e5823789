"""LangRank on a study's own table: NDCG@3 by hand, and an order that no single feature has."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score
from synthetic_study import study_in_memory

from mslt_it.evaluation.estimates import Settings
from mslt_it.study.analyse.findings import Analysis, NotDone
from mslt_it.study.analyse.langrank import OTHERS, chance_of, features_of, langrank, leave_one_out, ndcg, relevance
from mslt_it.study.analyse.resampling import resample


def test_relevance_falls_by_place_and_ties_share_it() -> None:
    assert relevance(np.array([[0.5, 0.9, 0.7, 0.7]])).tolist() == [[7, 10, 9, 9]]
    assert relevance(np.arange(12.0)[None])[0].tolist() == [0, 0, *range(1, 11)]


def test_ndcg_is_that_of_the_first_three() -> None:
    rng = np.random.default_rng(0)
    scores, figures = rng.normal(size=(5, 7)), rng.normal(size=(5, 7))
    relevant = relevance(figures)
    expected = [ndcg_score([2.0**r - 1], [s], k=3) for r, s in zip(relevant, scores, strict=True)]
    assert ndcg(scores, relevant) == pytest.approx(np.array(expected))
    assert ndcg(figures, relevant) == pytest.approx(np.ones(5))
    assert ndcg(scores, np.stack([relevant, relevant[:, ::-1]])).shape == (2, 5)
    drawn = [ndcg(np.argsort(rng.random((5, 7)), axis=1), relevant) for _ in range(4000)]
    assert ndcg(np.zeros((5, 7)), relevant) == pytest.approx(np.mean(drawn, axis=0), abs=0.02)


def test_sources_that_tie_count_alike_in_whatever_order_they_stand() -> None:
    relevant = relevance(np.array([[0.9, 0.8, 0.5, 0.2]]))
    same = np.array([[1.0, 0.0, 1.0, 0.0]])  # the first and the third are preferred, the others tie, too
    by_hand = [ndcg(np.array([order]), relevant) for order in ([4, 2, 3, 1], [4, 1, 3, 2], [3, 2, 4, 1], [3, 1, 4, 2])]
    assert ndcg(same, relevant) == pytest.approx(np.mean(by_hand))
    assert ndcg(same[:, ::-1], relevant[:, ::-1]) == pytest.approx(ndcg(same, relevant))


def test_trees_learn_from_other_targets_what_no_feature_orders_alone() -> None:
    """The nearer the first feature is to 0.5, the better the source; the second says nothing."""
    rng = np.random.default_rng(1)
    features = rng.random((10, 7, 2))
    relevant = relevance(-np.abs(features[..., 0] - 0.5))
    learned = ndcg(leave_one_out(features, relevant, 0), relevant).mean()
    alone = max(ndcg(sign * features[..., i], relevant).mean() for i in (0, 1) for sign in (1, -1))
    assert learned > 0.85 > alone + 0.2
    # A target's own relevance is not looked at.
    other = relevant.copy()
    other[3] = relevant[3, ::-1]
    assert (leave_one_out(features, other, 0)[3] == leave_one_out(features, relevant, 0)[3]).all()


def test_what_is_known_of_pairs_without_training() -> None:
    found = features_of(("ar", "de", "ru"), ("fi", "bg"))
    assert found["same script"].tolist() == [[0, 1, 0], [0, 0, 1]]
    assert {values.shape for values in found.values()} == {(2, 3)} and len(found) == 7  # five parts and their mean


def test_a_figure_is_held_against_that_of_the_names_in_every_other_order() -> None:
    assert chance_of(np.array([0.7, 0.7, 0.5, 0.9])) == 0.75


def test_the_section_stands_beside_what_needs_no_typology() -> None:
    good = {"ar": 0.0, "de": 1.5, "en": 0.7, "zh": -0.5, "fr": 0.3}
    targets = ("fi", "tr", "th", "el")
    study = study_in_memory(
        lambda sources, code: good[sources[0]], sets=[(c,) for c in good], targets=targets, seed_sd=0.01, num_items=400
    )
    found = langrank(resample(study, study.slices[0], Settings(num_bootstrap=100)))
    assert isinstance(found, Analysis)
    values = found.tables[0].frame.set_index("by")["ndcg"]
    assert values[OTHERS] > 0.95 > values["chance"] + 0.2  # one order holds for all targets
    p = found.tables[0].frame.set_index("by")["p_adjusted"]
    assert p.drop(["LangRank", OTHERS, "chance"]).between(0, 1).all() and p[["LangRank", OTHERS]].isna().all()
    few = study_in_memory(lambda sources, code: 0.0, sets=[("ar",), ("de",)])
    assert isinstance(langrank(resample(few, few.slices[0], Settings(num_bootstrap=100))), NotDone)
