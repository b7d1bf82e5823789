"""Budgets that differ between sources: data.num_examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mslt_it.config.compose import load_recipe, resolved_yaml
from mslt_it.config.recipe import Recipe
from mslt_it.config.schema import FrozenDict
from mslt_it.data.build import build_training_set
from mslt_it.notices import notice
from mslt_it.problems import Problem
from mslt_it.publish.separate_training import part_recipes

UNEQUAL = "data.num_examples={zh:10,ar:300,de:40}"


def test_rows_of_each_source_decide_the_total_and_the_run(tmp_path: Path) -> None:
    recipe = load_recipe("xnli_3src", [UNEQUAL])
    assert recipe.data.num_examples_total == 350
    assert list(recipe.data.num_examples.items()) == [("ar", 300), ("de", 40), ("zh", 10)]
    assert "350 rows of xnli in ar (300), de (40), zh (10);" in "".join(notice(recipe))
    equal = load_recipe("xnli_3src", ["data.num_examples_total=350"])
    assert recipe.data_fingerprint() != equal.data_fingerprint()
    # One value, or a recipe's file, or none again.
    assert load_recipe("xnli_3src", [UNEQUAL, "data.num_examples.zh=11"]).data.num_examples_total == 351
    (tmp_path / "again.yaml").write_text(resolved_yaml(recipe), encoding="utf-8")
    assert load_recipe("again", config_dir=tmp_path).run_fingerprint() == recipe.run_fingerprint()
    cleared = load_recipe("again", ["data.num_examples={}"], tmp_path)
    assert cleared.data_fingerprint() == equal.data_fingerprint()
    with pytest.raises(Problem, match=r"data\.num_examples_total=max, but data\.num_examples={ar:300.*} makes 350\."):
        load_recipe("again", ["data.num_examples_total=max"], tmp_path)
    # Adapters that are trained apart have their own source's share.
    parts = part_recipes(load_recipe("xnli_3src_combined", [UNEQUAL]), tmp_path)
    assert [part.data.num_examples_total for part in parts] == [300, 40, 10]
    assert not any(part.data.num_examples for part in parts)


@pytest.mark.parametrize("items", ["disjoint", "parallel"])
def test_each_source_gives_its_rows_and_more_of_one_takes_none_from_another(
    items: str, toy_recipe: Callable[..., Recipe], tokenizer: Any
) -> None:
    found = []
    for english in (80, 100):  # of 120 items: more than its half
        recipe = toy_recipe(items=items, num_examples=FrozenDict(en=english, ru=7))
        built, report = build_training_set(recipe, tokenizer)
        assert Counter(row.language for row in built) == {"en": english, "ru": 7}
        assert {one.language: one.num_kept for one in report.languages} == {"en": english, "ru": 7}
        assert len({row.id for row in built}) == (english if items == "parallel" else english + 7)
        found.append({row.id for row in built if row.language == "ru"})
    assert found[0] == found[1]
    with pytest.raises(Problem, match=r"takes more training rows than there are\. Rows to choose from: en 120"):
        build_training_set(toy_recipe(items=items, num_examples=FrozenDict(en=121, ru=7)), tokenizer)
