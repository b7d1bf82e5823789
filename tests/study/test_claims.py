"""Sentences and verdicts on what was found, the correction for several, and tests by renaming the languages."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats
from synthetic_study import (
    ALL,
    SINGLES,
    TRIPLES,
    column,
    done,
    no_effect,
    study_in_memory,
    with_figures,
)

from mslt_it.evaluation.estimates import Settings
from mslt_it.study.analyse import comparisons, gains, renaming, transfer
from mslt_it.study.analyse.claims import corrected, is_equal, is_found, sentence, verdict
from mslt_it.study.analyse.findings import Claim, Evidence
from mslt_it.study.analyse.resampling import resample
from mslt_it.study.analyse.tables import with_holm

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
    assert "of 5 such studies" not in sentence(*corrected([CLAIM]))  # which is found


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
    two = corrected([with_p(0.02, p_least=0.02), with_p(0.04, p_least=0.04)])  # at 0.05 / 2 one can be, and is alone
    assert [one.p_adjusted for one in two] == [0.02, 1.0]


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
    assert column(done(comparisons.number_of_sources(figures)).tables[0], "best") == ["7 sets tie", "35 sets tie"]
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


# ---------------------------------------------------------------- renaming


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
