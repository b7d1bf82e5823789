"""Which cells a study has, how they are called, and what recipe each runs."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from tiny_study import write_study

from mslt_it.config.compose import load_recipe
from mslt_it.data.rows import RowStore
from mslt_it.problems import Problem
from mslt_it.study.config import StudyConfig, load_study
from mslt_it.study.forecast import forecast
from mslt_it.study.grid import base_recipe, by_size, cell_recipe, cells, source_sets, with_budgets, with_rest
from mslt_it.study.manifest import StudyFolder


def study(**changes: object) -> StudyConfig:
    values: dict[str, object] = {"name": "s", "recipe": "xnli_3src", "pool": ("ar", "de", "zh"), "targets": ("tr",)}
    return StudyConfig(**(values | {"budgets": (60,)} | changes))  # type: ignore[arg-type]


def test_the_paper_s_grid() -> None:
    config = study(pool=("ar", "de", "en", "es", "fr", "ru", "zh"), set_sizes=(1, 3), seeds=(0, 1, 2))
    found = cells(config)
    assert {size: len(own) for size, own in by_size(found).items()} == {1: 21, 3: 105}
    assert [cell.id for cell in found[:4]] == ["ar_s0", "ar_s1", "ar_s2", "de_s0"]
    assert found[-1].id == "fr-ru-zh_s2"
    assert len({cell.id for cell in found}) == 126
    assert all(len(sets) == 1 for sets in source_sets(study(set_sizes=(1,))))
    assert len(source_sets(study(pool=config.pool, set_sizes=(1, 2, 3, 4, 5, 6, 7)))) == 2**7 - 1


def test_ids_name_budget_and_variant_where_there_are_several() -> None:
    config = study(set_sizes=(2,), budgets=(60, 90), variants=("direct", "xlt"))
    ids = [cell.id for cell in cells(config)]
    assert ids[:5] == [
        "ar-de_n60_direct_s0", "ar-de_n60_xlt_s0", "ar-de_n90_direct_s0", "ar-de_n90_xlt_s0", "ar-zh_n60_direct_s0",
    ]  # fmt: skip
    assert len(set(ids)) == len(ids) == 3 * 2 * 2


def test_assignments_of_items_are_a_factor_of_their_own(tmp_path: Path) -> None:
    config = load_study("tiny", ["seeds=[3, 5]", "assignments=2"], write_study(tmp_path))
    base = base_recipe(config)
    found = cells(config)
    assert [cell.id for cell in found[:4]] == ["de_a0_s3", "de_a0_s5", "de_a1_s3", "de_a1_s5"]
    recipes = [cell_recipe(base, config, cell, tmp_path) for cell in found[:4]]
    assert [(one.assignment_seed, one.seed) for one in recipes] == [(0, 3), (0, 5), (1, 3), (1, 5)]
    assert len({one.run_fingerprint() for one in recipes}) == 4
    plain = cell_recipe(base, config, cells(load_study("tiny", [], tmp_path))[0], tmp_path)
    assert (plain.assignment_seed, plain.data.assignment_seed) == (plain.seed, None)
    with pytest.raises(Problem, match=r"assignments=0 is out of range\. It must be at least 1\."):
        load_study("tiny", ["assignments=0"], tmp_path)
    with pytest.raises(Problem, match=r"data\.assignment_seed is set for each cell\. Use the study's assignments"):
        load_study("tiny", ["data.assignment_seed=1"], tmp_path)


def test_sets_named_beforehand_come_beside_those_of_a_size(tmp_path: Path) -> None:
    write_study(tmp_path)
    pool = ["pool=[ar,de,en,zh]", "set_sizes=[1]"]
    config = load_study("tiny", [*pool, "sets=[zh-de-ar,ar-en,zh]"], tmp_path)
    assert source_sets(config) == [("ar",), ("de",), ("en",), ("zh",), ("ar", "en"), ("ar", "de", "zh")]
    alone = load_study("tiny", [*pool[:1], "set_sizes=[]", "sets=[ar-de-zh]"], tmp_path)
    assert [cell.sources for cell in cells(with_budgets(alone, base_recipe(alone)))] == [("ar", "de", "zh")]
    for argument, message in (
        ("sets=[ar-xx]", "sets holds 'ar-xx', but xx is not in the pool"),
        ("sets=[ar-ar]", "names a language twice"),
        ("sets=[]", "set_sizes and sets are empty"),
    ):
        with pytest.raises(Problem, match=message):
            load_study("tiny", [*pool[:1], "set_sizes=[]", argument], tmp_path)


def test_a_sample_is_fixed_in_order_and_within_a_larger_one() -> None:
    pool = ("ar", "de", "en", "es", "fr", "ru", "zh")
    every = list(itertools.combinations(pool, 3))
    few, more = (source_sets(study(pool=pool, set_sizes=(3,), sample=n)) for n in (5, 12))
    assert len(few) == 5 and len(more) == 12 and set(few) < set(more) < set(every)
    assert more == [languages for languages in every if languages in more]
    assert few != every[:5]
    assert len(source_sets(study(pool=pool, set_sizes=(3,), sample=100))) == 35


@pytest.mark.parametrize("sample", [3, 7, 10, 20])
def test_a_sample_is_balanced_over_languages(sample: int) -> None:
    """By hash alone ten of the 35 sets would have held one language 6 times and another 3 times."""
    pool = ("ar", "de", "en", "es", "fr", "ru", "zh")
    sets = source_sets(study(pool=pool, set_sizes=(3,), sample=sample))
    times = [sum(code in one for one in sets) for code in pool]
    assert max(times) - min(times) <= 1 and sum(times) == 3 * sample


def test_a_cell_s_recipe(tmp_path: Path) -> None:
    config = load_study("tiny", ["seeds=[0, 5]", "variants=[direct, xlt]"], write_study(tmp_path))
    base = base_recipe(config)
    cell = cells(config)[-1]
    recipe = cell_recipe(base, config, cell, tmp_path / "x")
    assert (recipe.sources, recipe.targets, recipe.seed) == (("en", "zh"), ("tr", "sw"), 5)
    assert (recipe.data.num_examples_total, recipe.prompt.variant) == (24, "xlt")
    assert recipe.training.max_steps == 6 and recipe.output_dir == str(tmp_path / "x")
    prints = {cell_recipe(base, config, c, tmp_path).run_fingerprint() for c in cells(config)}
    assert len(prints) == len(cells(config)) == 24


def test_budgets_default_to_the_recipe_s_and_must_reach_every_source(tmp_path: Path) -> None:
    config = load_study("tiny", ["budgets=[]"], write_study(tmp_path))
    assert with_budgets(config, base_recipe(config)).budgets == (1500,)
    with pytest.raises(Problem, match="budgets: 1 row cannot be shared by 2 sources"):
        with_budgets(load_study("tiny", ["budgets=[1]"], tmp_path), base_recipe(config))


def test_targets_rest_is_every_language_of_the_data_outside_the_pool(tmp_path: Path) -> None:
    config, notes = with_rest(study(targets=("rest",)), RowStore())
    assert len(config.targets) == 17 and not set(config.targets) & {"ar", "de", "zh"}
    assert notes == [f"targets=rest: {', '.join(config.targets)} (17 of 20 languages of world)"]
    assert base_recipe(config).targets == config.targets
    assert with_rest(study(), RowStore()) == (study(), [])
    written = load_study("mini", ["targets=rest", "mingling={}", "predict={}"])
    assert written.targets == ("rest",) and with_rest(written, RowStore())[0].targets[:2] == ("bg", "el")
    with pytest.raises(Problem, match=r"would differ between cells.*budgets=\[1500\]"):
        with_budgets(study(budgets=()), load_recipe("xnli_3src", ["data.num_examples_total=max"]))


def test_how_long_a_cell_takes_is_told_by_those_like_it(tmp_path: Path) -> None:
    expected = "expected={seconds_per_step: 2, seconds_per_item: 0.5, origin: here}"
    config = load_study("tiny", ["budgets=[24,48]", expected], write_study(tmp_path))
    base, planned, folder = base_recipe(config), cells(config), StudyFolder(tmp_path / "out")
    seconds, _ = forecast(config, base, planned, folder)
    # Six steps; twelve items of the sources and of both targets.
    assert seconds == {cell.id: 6 * 2 + (len(cell.sources) + 2) * 12 * 0.5 for cell in planned}
    folder.timing("x").parent.mkdir(parents=True)
    for name, took, whole in (("de_n24_s0", 10, 1), ("en_n24_s0", 30, 1), ("zh_n24_s0", 80, 1), ("de_n48_s0", 9, 0)):
        folder.timing(name).write_text(json.dumps({"seconds": took, "from_the_start": bool(whole)}), encoding="utf-8")
    seconds, origin = forecast(config, base, planned, folder)
    assert set(seconds.values()) == {30} and origin.startswith("median of 3 cells")  # none of 48 rows was whole
    folder.timing("en_n48_s0").write_text(json.dumps({"seconds": 70.0, "from_the_start": True}), encoding="utf-8")
    seconds, _ = forecast(config, base, planned, folder)
    assert seconds == {cell.id: {24: 30, 48: 70}[cell.budget] for cell in planned}
