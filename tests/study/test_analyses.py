"""Analyses of synthetic studies: effects that are there are found, none is found where there is none."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from synthetic_study import POOL, TARGETS, by_size, no_effect, study_in_memory, write_study

from mslt_it.evaluation.estimates import Settings
from mslt_it.problems import Problem
from mslt_it.study.analyse import comparisons, composition, gains, renaming, transfer
from mslt_it.study.analyse.analyses import Findings, analyse, main_size
from mslt_it.study.analyse.claims import corrected, is_equal, is_found, sentence, verdict
from mslt_it.study.analyse.criteria import Orders, criteria
from mslt_it.study.analyse.findings import Analysis, Claim, Evidence, NotDone
from mslt_it.study.analyse.further import further_sections
from mslt_it.study.analyse.resampling import SetFigures, resample
from mslt_it.study.analyse.tables import Table, with_holm
from mslt_it.study.collect import Slice, collect

SETTINGS = Settings(num_bootstrap=300)
SINGLES = [(code,) for code in POOL]
TRIPLES = list(itertools.combinations(POOL, 3))
ALL = [*SINGLES, *TRIPLES]


def with_figures(effect, sets=ALL, **more) -> SetFigures:
    study = study_in_memory(effect, sets=sets, **{"num_items": 150, "num_seeds": 2, **more})
    return resample(study, study.slices[0], SETTINGS)


def column(table: Table, key: str) -> list:
    return table.frame[key].tolist()


def done(one: Analysis | NotDone) -> Analysis:
    assert isinstance(one, Analysis), one
    return one


@pytest.fixture(scope="module")
def null() -> SetFigures:
    return with_figures(no_effect)


# ---------------------------------------------------------------- each analysis


def test_several_sources_against_one(null: SetFigures) -> None:
    figures = with_figures(by_size)
    found = done(comparisons.single_or_several(figures, 3))
    claim = found.claims[0]
    assert claim.low > 0.05 and claim.tested.p < 0.01
    assert claim.value == pytest.approx(claim.value_a - claim.value_b)
    assert column(found.tables[0], "num_sets") == [7, 35]
    assert column(found.tables[1], "difference") == [one.value for one in found.claims[:3]]
    # Per language: the mean of the differences is the whole difference.
    assert np.mean(column(found.tables[2], "difference")) == pytest.approx(claim.value)
    figures = null
    none = done(comparisons.single_or_several(figures, 3)).claims[0]
    assert none.low < 0 < none.high and none.tested.p > 0.05


def test_three_comparisons_of_several_sources() -> None:
    """One language is bad alone and harmless in a set: sets beat the mean of singles, and none of the others."""
    figures = with_figures(lambda s, t: -1.5 * (s == ("zh",)), seed_sd=0.05, num_items=400)
    of_mean, of_member, of_best, english = done(comparisons.single_or_several(figures, 3)).claims
    assert [one.name for one in (of_mean, of_member, of_best, english)] == [
        "mslt_mean", "mslt_member", "mslt_best", "mslt_en",
    ]  # fmt: skip
    assert of_mean.low > 0.02 and abs(of_member.value) < 0.02 and abs(of_best.value) < 0.03
    # For these sets it is sure; without zh it would not be there, so for other languages it is not.
    assert of_mean.others is not None and of_mean.others[0] < 0 and of_mean.tested.p > 0.05
    assert of_mean.value == pytest.approx(figures.mean[7:].mean() - figures.mean[:7].mean())
    assert english.others is None and "these very sets" in english.tested.by
    without = gains.gain(figures, figures.of_size(3), "mean", "zh")
    assert without is not None and abs(figures.mean @ without) < 0.02 and without[6] == 0
    assert np.count_nonzero(without > 0) == 20


def test_sets_are_compared_with_their_own_members() -> None:
    figures = with_figures(no_effect, sets=[("ar",), ("de",), ("en",), ("ar", "de"), ("ar", "zh")])
    weights = {against: gains.gain(figures, [3, 4], against) for against in gains.AGAINST}
    assert weights["mean"].tolist() == [-0.5, -0.5, 0, 1, 0]  # zh alone is not there
    best = int(figures.mean[:2].argmax())
    assert weights["member"][best] == -1 and weights["best"][int(figures.mean[:3].argmax())] == -1
    assert gains.gain(figures, [4], "mean") is None
    claim = gains.claim(figures, "x", "", lambda code: gains.gain(figures, [3, 4], "mean", code))
    assert claim is not None and claim.others is None  # without ar there is no set


def test_number_of_sources() -> None:
    pool = POOL[:4]
    sets = [one for k in range(1, 5) for one in itertools.combinations(pool, k)]
    figures = with_figures(lambda s, t: 0.4 * min(len(s), 3), sets=sets)
    found = done(comparisons.number_of_sources(figures, 3))
    assert column(found.tables[0], "num_sources") == [1, 2, 3, 4]
    steps, p = column(found.tables[0], "step"), column(found.tables[0], "p_adjusted")
    assert np.isnan(steps[0]) and steps[1] > 0.03 < steps[2] and max(p[1], p[2]) < 0.05 < p[3]
    # Only 5 sets of 4 languages: they could have gained as much as the margin.
    assert verdict(found.claims[0]) == "not shown here"
    equal = dataclasses.replace(found.claims[0].tested, p_equal=0.01)
    assert verdict(dataclasses.replace(found.claims[0], tested=equal)) == "as in the paper"
    assert len(found.figures[0].dots) == len(sets)


def test_scripts() -> None:
    latin = {"de", "en", "es", "fr"}
    figures = with_figures(lambda s, t: 0.35 * (len(set(s) - latin) + bool(set(s) & latin)))
    found = done(composition.scripts(figures, 3))
    # Of 35 sets: 4 all Latin; the other three languages have a script each.
    assert column(found.tables[0], "num_sets") == [4, 18, 13]
    assert [c.name for c in found.claims] == ["scripts_2_1", "scripts_3_1", "scripts_3_2"]
    assert all(claim.low > 0 for claim in found.claims)


def test_diversity_follows_the_order_that_it_is_given(null: SetFigures) -> None:
    scores = {tuple(sorted(one)): float(number) for number, one in enumerate(TRIPLES)}
    figures = with_figures(lambda s, t: 0.02 * scores.get(tuple(sorted(s)), 0.0))
    found = done(composition.diversity(figures, 3, lambda k: (scores, "")))
    assert found.claims[0].low > 0 and found.claims[0].expected == "up"
    assert column(found.tables[0], "num_sets")[:3] == [8, 35, 8]
    assert column(found.tables[0], "group")[3] == "most diverse set (fr ru zh)"
    reason = composition.diversity(figures, 3, lambda k: ({}, "no vectors"))
    assert isinstance(reason, NotDone) and reason.reason == "no vectors"


def test_recurrence() -> None:
    figures = with_figures(lambda s, t: 0.6 * ("zh" in s) + 0.4 * ("ar" in s) + 0.4 * ("de" in s))
    found = done(composition.recurrence(figures, 3))
    table = found.tables[0]
    assert set(column(table, "language")[:3]) == {"zh", "ar", "de"}
    assert column(table, "chance") == [pytest.approx(15 / 35)] * 7
    # Five sets of three languages each.
    assert sum(column(table, "top")) == pytest.approx(3.0)
    assert found.claims[0].low > 0 and found.claims[0].name == "recurrence"


def test_criteria_rank_the_set_that_they_pick() -> None:
    figures = with_figures(no_effect)
    orders = Orders(figures.study, names=["l2v_syntax", "scripts", "random"])
    ranks = orders.ranks(3)["l2v_syntax"]
    assert len(ranks) == 35 and ranks["ar", "de", "zh"] == 1  # the paper's winner, see FACTS
    figures = with_figures(lambda s, t: -0.06 * ranks.get(tuple(sorted(s)), 0))
    found = done(criteria(figures, 3, orders))
    picks, correlations = found.tables
    row = column(picks, "criterion").index("l2v_syntax")
    assert column(picks, "pick")[row] == "ar de zh"
    assert column(picks, "rank")[row] <= 4 and column(picks, "against_mean")[row] > 0.1
    assert column(correlations, "spearman")[row] > 0.9 and column(correlations, "p_adjusted")[row] < 0.05
    scripts = column(picks, "criterion").index("scripts")
    assert column(picks, "pick")[scripts] == "13 sets tie"
    assert [c.name for c in found.claims] == ["pick_l2v_syntax"] and found.claims[0].low > 0


def test_criteria_find_nothing_where_there_is_nothing(null: SetFigures) -> None:
    figures = null
    orders = Orders(figures.study, names=["l2v_syntax", "l2v_inventory", "l2v_geography"])
    found = done(criteria(figures, 3, orders))
    assert min(column(found.tables[1], "p_adjusted")) > 0.05
    assert all(claim.tested.p > 0.01 for claim in found.claims)


def test_renaming_keeps_the_overlap_of_sets_in_mind() -> None:
    """Sets that hold one language are good: shuffling sets would call any agreement with that significant, but one of
    seven languages agrees by chance in a seventh of the renamings."""
    figures = with_figures(lambda s, t: 1.0 * ("zh" in s), sets=TRIPLES, seed_sd=0.01)
    holds = np.array(["zh" in one for one in TRIPLES])
    tested = renaming.contrast(figures, np.flatnonzero(holds), np.flatnonzero(~holds))
    assert tested.p == tested.p_least == pytest.approx(1 / 7)
    assert figures.places(3).shape == (5040, 35) and (figures.places(3)[0] == np.arange(35)).all()


def test_renaming_by_hand() -> None:
    """Three languages, all three pairs: ar-de against the other two, in 6 orders of the names."""
    figures = with_figures(lambda s, t: 2.0 * (s == ("ar", "de")), sets=[("ar", "de"), ("ar", "en"), ("de", "en")])
    tested = renaming.contrast(figures, [0], [1, 2])
    y = figures.mean
    values = [y[i] - np.delete(y, i).mean() for i in range(3)]
    assert tested.p == tested.p_least == pytest.approx(1 / 3) and tested.error == pytest.approx(np.std(values))
    assert tested.by == "renaming, 6 orders of the languages' names"


def test_a_choice_of_sets_allows_no_renaming() -> None:
    sets = [("ar", "de", "zh"), ("ar", "fr", "zh"), ("de", "en", "fr"), ("en", "es", "fr"), ("en", "ru", "zh")]
    figures = with_figures(lambda s, t: 2.0 * ("zh" in s), sets=sets)
    tested = renaming.contrast(figures, [0, 1, 4], [2, 3])
    assert tested.p == tested.p_least == 1
    (claim,) = corrected([dataclasses.replace(CLAIM, tested=tested)])
    assert claim.detectable is None and claim.p_adjusted == 1
    assert "cannot be tested with these sets, +7.1 points" in sentence(claim)
    assert "renaming, no other order of the names; 3 seeds" in sentence(claim)


def test_what_renaming_could_have_seen() -> None:
    figures = with_figures(no_effect, sets=TRIPLES, seed_sd=0.3)
    some = np.arange(0, 35, 4)
    rest = np.setdiff1d(np.arange(35), some)
    tested = renaming.contrast(figures, some, rest)
    assert tested.detectable is not None
    half, most, strict = (tested.detectable(*one) for one in ((0.05, 0.5), (0.05, 0.8), (0.01, 0.8)))
    assert half is not None and most is not None and strict is not None
    assert tested.error < half < most < strict
    assert tested.detectable(0.0001, 0.8) is None  # below the smallest p
    (claim,) = corrected([dataclasses.replace(CLAIM, tested=dataclasses.replace(tested, p=0.5))])
    assert claim.detectable == most


def test_an_effect_within_the_margin_is_told_from_a_large_one_by_renaming() -> None:
    figures = with_figures(no_effect, sets=TRIPLES, num_items=2000, seed_sd=0.02)
    half = [row for row, one in enumerate(TRIPLES) if "zh" in one or "ar" in one]
    rest = [row for row in range(35) if row not in half]
    assert renaming.contrast(figures, half, rest).p_equal < 0.06  # 21 different orders: the least is 0.048
    wide = with_figures(lambda s, t: 0.5 * ("zh" in s), sets=TRIPLES, num_items=2000)
    assert renaming.contrast(wide, half, rest).p_equal > 0.06


def test_transfer_matrix_and_best_sets() -> None:
    figures = with_figures(lambda s, t: 0.8 * (t == "tr" and "de" in s))
    found = done(transfer.matrix(figures))
    heat = found.figures[0]
    assert heat.rows == POOL and heat.columns == TARGETS
    column_of_tr = [row[TARGETS.index("tr")] for row in heat.values]
    assert int(np.argmax(column_of_tr)) == POOL.index("de")
    assert len(found.tables[1].frame) == 7 * 3
    best = done(transfer.best_sets(figures, 3)).tables[0]
    assert "de" in column(best, "set")[TARGETS.index("tr")].split()
    # Chosen on other seeds is what choosing gives; the best itself is the luckiest of 35.
    assert np.mean(column(best, "other_seeds")) < np.mean(column(best, "accuracy"))


def test_similarity_is_found_and_compared_within_each_target() -> None:
    like = transfer.likeness(POOL, TARGETS)[transfer.MEAN]

    def effect(s: tuple[str, ...], t: str) -> float:
        j = TARGETS.index(t)
        return 15 * float(max(like[POOL.index(code), j] for code in s) - like[:, j].mean()) + 0.5 * j

    figures = with_figures(effect, sets=SINGLES, seed_sd=0.05, num_items=400)
    found = done(transfer.similarity(figures, 1))
    row = found.tables[0].frame.iloc[0]
    assert row["part"] == transfer.MEAN and row["spearman"] > 0.7
    figures = with_figures(lambda s, t: 2.0 * TARGETS.index(t), sets=SINGLES)
    none = done(transfer.similarity(figures, 1))
    assert min(column(none.tables[0], "p_adjusted")) > 0.05


def test_every_set_is_listed_with_its_noise(null: SetFigures) -> None:
    figures = null
    sets, noise = comparisons.every_set(figures).tables
    assert len(sets.frame) == 42 and column(noise, "num_sets") == [7, 35]
    triples = sets.frame[sets.frame["num_sources"] == 3]
    assert triples["rank"].is_monotonic_increasing
    assert (triples["like_best"] == "yes").sum() > 15  # nothing but noise tells them apart


def test_what_cannot_be_done_says_why() -> None:
    figures = with_figures(no_effect, sets=SINGLES)
    k = main_size(figures)
    reasons = [
        comparisons.single_or_several(figures, k),
        comparisons.number_of_sources(figures, k),
        composition.scripts(figures, k),
        composition.recurrence(figures, k),
        criteria(figures, k, Orders(figures.study)),
        transfer.best_sets(figures, k),
    ]
    assert all(isinstance(one, NotDone) and one.reason.endswith(".") for one in reasons)
    assert reasons[0].reason == "No set of several source languages is complete."
    assert reasons[1].reason == "Only sets of 1 are complete; it takes two sizes."


# ---------------------------------------------------------------- claims


TESTED = Evidence("renaming", 0.001, 0.01)
CLAIM = Claim("c", "3 sources against 1", 0.071, 0.05, 0.092, TESTED, value_a=0.782, value_b=0.711, basis="3 seeds")


def with_p(p: float, claim: Claim = CLAIM, **more: float) -> Claim:
    return dataclasses.replace(claim, tested=dataclasses.replace(claim.tested, p=p, **more))


def test_sentences_are_made_of_the_numbers() -> None:
    assert sentence(CLAIM) == (
        "3 sources against 1: 78.2 % against 71.1 %, +7.1 points (95 % interval for these very sets +5.0 to +9.2; "
        "adjusted p = 0.001 (renaming); 3 seeds)."
    )
    none = with_p(0.9, dataclasses.replace(CLAIM, value=-0.0001, low=-0.01, high=0.01, others=(-0.02, 0.02)))
    assert sentence(none) == (
        "3 sources against 1: no difference found for other languages like these, 0.0 points (95 % interval for these "
        "very sets -1.0 to +1.0; for other languages like these -2.0 to +2.0; adjusted p = 0.900 (renaming); 3 seeds)."
    )
    rho = Claim("r", "Similarity and gain", 0.1, -0.1, 0.3, Evidence("renaming", 0.4, 0.1), unit="number")
    assert sentence(rho) == (
        "Similarity and gain: no relation found, +0.10 (95 % interval for these very sets -0.10 to +0.30; adjusted p = "
        "0.400 (renaming))."
    )


def test_what_several_claims_take_away_is_said() -> None:
    one, *_ = corrected([with_p(0.02), *[with_p(0.5)] * 4])
    assert one.p_adjusted == pytest.approx(0.1)
    assert "no difference found, +7.1 points" in sentence(one) and "adjusted p = 0.100, alone = 0.020" in sentence(one)
    # 2.576 and 0.842 standard errors: the quantiles of 0.05 / 5, two-sided, and of a power of 0.8.
    assert one.detectable == pytest.approx(0.01 * (2.5758 + 0.8416), abs=1e-5)
    assert "found in 4 of 5 such studies from 3.4 points on" in sentence(one)


def test_no_effect_of_more_than_all_there_is_is_named() -> None:
    """Two assignments leave one degree of freedom: the smallest effect may come out at 600 points."""
    few = Claim("a", "Two sets", -0.05, -0.3, 0.2, Evidence("items and seeds", 0.3, 0.4, freedom=1))
    (one,) = corrected([few])
    assert "too few runs to find any difference that there can be" in (said := sentence(one)) and "from" not in said


def test_tests_that_can_find_nothing_cost_the_others_nothing() -> None:
    """Tarone's correction: of five, three have a smallest p of 1/35, which five claims forbid."""
    claims = [with_p(0.02), with_p(0.03), *[with_p(1 / 35, p_least=1 / 35)] * 3]
    found = corrected(claims)
    assert [one.p_adjusted for one in found] == [pytest.approx(0.04)] * 2 + [1.0] * 3
    assert [one.detectable is None for one in found] == [False, False, True, True, True]
    assert corrected(claims[4:])[0].p_adjusted == pytest.approx(1 / 35)  # alone it can be found


def test_equal_is_more_than_not_found() -> None:
    none = dataclasses.replace(CLAIM, value=0.002, margin=0.02, expected="up")
    unknown, equal = corrected([with_p(0.5, none, p_equal=0.2)]), corrected([with_p(0.5, none, p_equal=0.01)])
    assert "no difference found, +0.2 points" in sentence(unknown[0]) and verdict(unknown[0]) == "not shown here"
    assert "equal within 2.0 points, +0.2 points" in sentence(equal[0]) and verdict(equal[0]) == "not as in the paper"
    error = np.random.default_rng(0).normal(0.002, 0.005, 4000)
    tested, _ = gains.tested_by(with_figures(no_effect, sets=SINGLES), 0.002, error)
    assert tested.p_equal == pytest.approx(stats.norm.sf(0.018 / 0.005), rel=0.2)


def test_there_is_no_verdict_where_nothing_was_learned() -> None:
    chance = with_figures(lambda s, t: -1.35 + 0.4 * (len(s) > 1), num_items=100)
    assert 0.25 < chance.mean[:7].mean() < 0.4 < chance.mean[7:].mean() and chance.study.chance == 1 / 3
    assert "majority" in chance.no_verdict(range(7), range(7)) and not chance.no_verdict(range(7, 42), range(7))
    claims = done(comparisons.single_or_several(chance, 3)).claims
    assert not any(claim.no_verdict for claim in claims)  # several sources did learn
    nothing = with_figures(lambda s, t: -1.5, num_items=100)
    (claim, *_) = done(comparisons.single_or_several(nothing, 3)).claims
    assert verdict(claim) == "no verdict" and "no verdict, since these runs are not shown to be above" in sentence(
        claim
    )


def test_there_is_no_verdict_where_all_is_right() -> None:
    """At the ceiling nothing can differ, so that it does not is no finding; which set is the best is not said."""
    figures = with_figures(lambda s, t: 20.0, num_items=100)
    section = done(comparisons.single_or_several(figures, 3))
    for claim in section.claims:
        assert verdict(claim) in ("no verdict", "") and not is_equal(claim, 0.95)
        assert "no verdict, since all of these runs have nearly everything right, 0.0 points" in sentence(claim)
    assert column(done(comparisons.number_of_sources(figures, 3)).tables[0], "best") == ["7 sets tie", "35 sets tie"]
    assert set(column(done(transfer.best_sets(figures, 3)).tables[0], "set")) == {"35 sets tie"}


def test_of_one_seed_nothing_is_said_of_these_sets() -> None:
    """Items alone are drawn again, and 3 points of another seed's noise would be taken for a difference."""
    figures = with_figures(lambda s, t: 0.5 * (len(s) > 1), num_seeds=1)
    claims = corrected(done(comparisons.single_or_several(figures, 3)).claims)
    english = next(claim for claim in claims if claim.name == "mslt_en")
    assert english.low > 0 and not is_found(english, 0.95) and not english.is_tested
    said = sentence(english)
    assert (
        "cannot be tested" in said and "items drawn again (of one seed), and what another changes is not known" in said
    )
    assert all("seeds drawn" not in sentence(claim) for claim in claims)
    assert figures.of_rows.startswith("Of these very runs: items drawn again (of one seed).")


def test_unequal_numbers_of_seeds_are_said() -> None:
    study = study_in_memory(no_effect, sets=ALL)
    some = tuple(cell for cell in study.cells if cell.seed == 0 or len(cell.sources) > 1)
    figures = resample(dataclasses.replace(study, cells=some), study.slices[0], Settings(num_bootstrap=100))
    assert ", 1 to 3 seeds, " in figures.basis([0, 10])


@pytest.mark.parametrize(
    ("expected", "value", "p", "said"),
    [
        ("up", 0.1, 0.001, "as in the paper"),
        ("up", -0.1, 0.001, "opposite to the paper"),
        ("up", 0.1, 0.5, "not shown here"),
        ("down", -0.1, 0.001, "as in the paper"),
        ("not up", 0.1, 0.001, "opposite to the paper"),
        ("not up", -0.1, 0.001, "as in the paper"),
        ("not up", 0.1, 0.5, "not shown here"),
        ("", 0.1, 0.001, ""),
    ],
)
def test_verdicts(expected: str, value: float, p: float, said: str) -> None:
    assert verdict(with_p(p, dataclasses.replace(CLAIM, expected=expected, value=value))) == said


def test_intervals_of_a_table_hold_for_all_its_rows() -> None:
    drawn = np.random.default_rng(0).normal(scale=[0.01, 0.02], size=(2000, 2))
    rows = [
        {"difference": 0.1, "p": p, "drawn": ("difference", of)} for p, of in zip((0.01, 0.04), drawn.T, strict=True)
    ]
    one, other, none = with_holm([*rows, {"difference": None, "p": None}])
    assert (one["p_adjusted"], other["p_adjusted"], none["p_adjusted"]) == (0.02, 0.04, None)
    halves = [row["difference_high"] - 0.1 for row in (one, other)]
    assert halves == [pytest.approx(0.01 * 2.24, rel=0.05), pytest.approx(0.02 * 2.24, rel=0.05)]
    assert one.keys() == {"difference", "difference_low", "difference_high", "p_adjusted"}


# ---------------------------------------------------------------- whole studies


def test_a_whole_study_from_files(tmp_path: Path) -> None:
    folder = write_study(
        tmp_path / "whole", by_size, pool=POOL[:5], targets=TARGETS[:2], seeds=(0, 1), num_items=40, budgets=(300, 1500)
    )
    findings = analyse(collect(folder), Settings(num_bootstrap=200))
    assert [part.slice for part in findings.slices] == [Slice(300, "direct"), Slice(1500, "direct")]
    assert all(part.k == 3 and len(part.done) + len(part.not_done) == 11 for part in findings.slices)
    assert all(
        claim.p_adjusted is not None and claim.p_adjusted >= claim.tested.p - 1e-9 for _, claim in findings.claims
    )
    assert len({(part, claim.name) for part, claim in findings.claims}) == len(findings.claims)


@pytest.mark.slow
def test_nothing_is_found_in_studies_without_effects() -> None:
    """Of 40 reports without any effect, at most 5 (expected: 2) hold a single finding."""
    with_finding = 0
    for draw in range(40):
        study = study_in_memory(no_effect, sets=ALL, num_items=60, num_seeds=3, draw=draw)
        findings: Findings = analyse(study, Settings(num_bootstrap=1000, seed=draw))
        with_finding += any(claim.p_adjusted <= 0.05 for _, claim in findings.claims if claim.p_adjusted is not None)
    assert with_finding <= 5


# ---------------------------------------------------------------- other measurements


def write_mingling(path: Path) -> None:
    """Two systems, two languages, one layer above the embeddings, as ``mingling.write`` leaves it."""

    def groups(value: float) -> dict:
        one = {"value": value, "low": value - 0.1, "high": value + 0.1}
        return {"cka": {"seen-unseen": {"layers": [one, one], "mean": one}}, "retrieval": {}}

    square = [[[None, 0.5], [0.5, None]]] * 2
    plain = [[1.0, 1.0]] * 2
    system = {"pairs": {"cka": square, "retrieval": square}, "languages": {"mixing": plain, "centred_mixing": plain}}
    rng = np.random.default_rng(0)
    content = {
        "schema": 1,
        "languages": ["de", "fi"],
        "seen": ["de"],
        "unseen": ["fi"],
        "num_items": 20,
        "num_layers": 2,
        "settings": {},
        "chance": {},
        "texts": {},
        "systems": {
            "base": {"sources": [], **system, "groups": groups(0.3)},
            "MSLT": {"sources": ["de", "en"], **system, "groups": groups(0.6)},
        },
        "differences": [{"of": "MSLT", "minus": "base", "groups": groups(0.3)}],
        "points": {
            "map": "tsne",
            "layer": 1,
            "languages": ["de"] * 20 + ["fi"] * 20,
            "items": [*range(20), *range(20)],
            "systems": {name: rng.normal(size=(40, 2)).round(4).tolist() for name in ("base", "MSLT")},
        },
    }
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 2}'])
def test_a_damaged_or_other_file_is_refused(tmp_path: Path, content: str) -> None:
    for name in ("mingling.json", "predicted.json"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        with pytest.raises(Problem, match=rf"{name} was not written by this version\. Remove it, and start"):
            further_sections(tmp_path)
        (tmp_path / name).unlink()


def test_mingling_is_shown(tmp_path: Path) -> None:
    write_mingling(tmp_path / "mingling.json")
    (found,) = further_sections(tmp_path)
    values, differences = found.tables
    row = ["CKA (debiased)", "seen-unseen", "MSLT", "de en", 20, 0.6, 0.5, pytest.approx(0.7)]
    assert values.frame.iloc[1].tolist() == row
    assert (
        differences.frame.iloc[0, [0, -3]].tolist() == ["MSLT minus base", 0.3]
        and "seeds were not" in differences.notes[0]
    )
    assert len(found.figures) == 3 and len(found.figures[1].points) == 40
    assert {point[3] for point in found.figures[1].points} == {"de", "fi"}
