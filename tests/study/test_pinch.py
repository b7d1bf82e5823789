"""A pinch of other languages in one: its cells, and the curve in the report."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from synthetic_study import study_in_memory
from tiny_study import write_study

from mslt_it.evaluation.estimates import Settings
from mslt_it.problems import Problem
from mslt_it.study.analyse.analyses import analyse
from mslt_it.study.config import load_study
from mslt_it.study.grid import base_recipe, cell_recipe, cells, with_budgets

SETS = [("en", "de", "zh"), ("en", "ar", "fr")]


def test_the_rest_is_in_the_pool_s_first_language(tmp_path: Path) -> None:
    arguments = ["pool=[zh,de,ar]", "set_sizes=[1,2,3]", "pinch=[0,4,9]", "budgets=[24]"]
    config = load_study("tiny", arguments, write_study(tmp_path))
    found = {cell.id: cell for cell in cells(config)}
    assert list(found) == [
        "zh_p0_s0", "zh-de_p4_s0", "zh-de_p9_s0", "zh-ar_p4_s0", "zh-ar_p9_s0", "zh-de-ar_p4_s0", "zh-de-ar_p9_s0",
    ]  # fmt: skip
    rows = {name: cell.rows for name, cell in found.items()}
    assert rows["zh_p0_s0"] == {"zh": 24} and rows["zh-ar_p9_s0"] == {"zh": 15, "ar": 9}
    assert rows["zh-de-ar_p9_s0"] == {"zh": 15, "ar": 5, "de": 4}
    base = base_recipe(config)
    recipe = cell_recipe(base, config, found["zh-de-ar_p9_s0"], tmp_path)
    assert recipe.data.num_examples == rows["zh-de-ar_p9_s0"] and recipe.data.num_examples_total == 24
    assert not cell_recipe(base, config, found["zh_p0_s0"], tmp_path).data.num_examples


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["pinch=[1]", "set_sizes=[3]"],
            "pinch holds 1: 2 languages beside de cannot share so few rows. Use 2 or more",
        ),
        (["pinch=[4]", "set_sizes=[1]"], "pinch needs sets of several languages with de, the first of the pool"),
        (["pinch=[4]", "predict={set_size: 2}"], "pinch and predict: each set has several shares"),
        (["pinch=[24]"], "pinch: 24 of 24 rows leave none for de. Use a pinch below every budget."),
        (["data.num_examples={de:4}"], "data.num_examples is set for each cell. Use the study's pinch"),
    ],
)
def test_a_pinch_that_cannot_be(tmp_path: Path, arguments: list[str], text: str) -> None:
    with pytest.raises(Problem) as caught:
        config = load_study("tiny", arguments, write_study(tmp_path))
        with_budgets(config, base_recipe(config))
    assert text in str(caught.value)


def test_the_curve_is_one_section_with_a_claim_for_each_pinch() -> None:
    """10 rows bring about 15 points and 40 no more; the single language is there once, at 0."""
    study = study_in_memory(
        lambda sources, code: 0.0 if len(sources) == 1 else 0.9, sets=[("en",), *SETS], seed_sd=0.02
    )
    more = study_in_memory(lambda sources, code: 0.9, sets=SETS, seed_sd=0.02)
    own = [dataclasses.replace(cell, share=0 if len(cell.sources) == 1 else 10) for cell in study.cells]
    own += [dataclasses.replace(cell, share=40) for cell in more.cells]
    pool = ("en", "ar", "de", "fr", "zh")
    found = analyse(dataclasses.replace(study, pool=pool, cells=tuple(own)), Settings(num_bootstrap=400))
    (section,) = found.slices[0].done
    curve, compared, each = (table.frame for table in section.tables)
    assert list(curve["pinch"]) == [0, 10, 40] and list(curve["num_sets"]) == [1, 2, 2]
    assert [claim.name for _, claim in found.claims] == ["pinch_10", "pinch_40"]
    for (_, claim), difference in zip(found.claims, compared["difference"], strict=True):
        assert 0.1 < claim.value == difference < 0.25 and claim.low > 0 and claim.p_adjusted < 0.05
    assert list(each["sources"]) == ["en", *["en ar fr", "en de zh"] * 2] and not found.overall
    assert each["accuracy"][1:3].mean() == pytest.approx(curve["accuracy"][1])
    assert abs(curve["accuracy"][2] - curve["accuracy"][1]) < 0.05
    assert [label for label, _, _ in section.figures[0].dots] == ["0", "10", "10", "40", "40"]  # type: ignore[union-attr]
