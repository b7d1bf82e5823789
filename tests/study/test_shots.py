"""A few labelled rows of the target: the cells and what they cost, the curve in the report, and the front."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from synthetic_study import TARGETS, study_in_memory, write_cell
from tiny_study import write_study

from mslt_it.commands.study import _figure
from mslt_it.data.build import build_training_set, scored_examples
from mslt_it.data.rows import RowStore
from mslt_it.evaluation.estimates import Settings
from mslt_it.models.tokenizers import load_tokenizer
from mslt_it.problems import Problem
from mslt_it.report.pages import render
from mslt_it.report.study_report import report_of
from mslt_it.study.analyse.analyses import analyse
from mslt_it.study.analyse.resampling import resample
from mslt_it.study.analyse.shares import _undominated
from mslt_it.study.collect import Slice, Study, collect
from mslt_it.study.config import load_study
from mslt_it.study.grid import base_recipe, cell_recipe, cells, with_budgets
from mslt_it.study.manifest import StudyFolder
from mslt_it.training.sft import flops

THREE = [("ar", "de", "zh"), ("ar", "de", "en"), ("ar", "en", "zh"), ("de", "en", "zh")]
ARGUMENTS = ["pool=[zh,de,ar]", "set_sizes=[1,2]", "shots=[0,4]", "budgets=[24]"]


def test_every_target_in_turn_gets_rows_at_the_same_total_cost(tmp_path: Path) -> None:
    config = load_study("tiny", [*ARGUMENTS, "cost={tr: 3, ar: 2}"], write_study(tmp_path))
    config = with_budgets(config, base_recipe(config))
    found = {cell.id: cell for cell in cells(config)}
    assert list(found) == [
        *("zh_s0", "de_s0", "ar_s0"),
        *(f"{one}_{target}4_s0" for one in ("zh", "de", "ar") for target in ("tr", "sw")),
        *("zh-de_s0", "zh-ar_s0", "de-ar_s0"),
    ]  # the largest sets, which the others are held against, get none
    assert dict(found["zh_tr4_s0"].rows) == {"zh": 12, "tr": 4} and dict(found["zh_sw4_s0"].rows) == {"zh": 20, "sw": 4}
    assert dict(found["ar_tr4_s0"].rows) == {"ar": 6, "tr": 4} and dict(found["zh-ar_s0"].rows) == {"ar": 8, "zh": 8}
    recipe = cell_recipe(base_recipe(config), config, found["zh_tr4_s0"], tmp_path)
    assert recipe.sources == ("zh", "tr") and recipe.targets == ("tr", "sw") and recipe.supervised
    assert recipe.data.num_examples_total == 16 and recipe.data.num_examples == {"zh": 12, "tr": 4}
    assert not cell_recipe(base_recipe(config), config, found["zh_s0"], tmp_path).supervised


def test_what_is_left_goes_to_those_who_can_be_paid(tmp_path: Path) -> None:
    """25 at 1 and 2: 8 rows of each are 24, one more of the cheaper one is 25."""
    config = load_study("tiny", [*ARGUMENTS[:3], "cost={ar: 2}", "budgets=[25]"], write_study(tmp_path))
    [cell] = (cell for cell in cells(config) if cell.id == "zh-ar_s0")
    assert dict(cell.rows) == {"ar": 8, "zh": 9}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["shots=[4]", "pinch=[4]"], "pinch and shots: each set has several shares"),
        (["shots=[4]", "predict={set_size: 2}"], "shots and predict: each set has several shares"),
        (["shots=[24]"], "budgets: 24 pays for these rows of de_tr24_s0: 0 de, 24 tr. Every source needs one"),
        (["cost={sv: 2}"], "cost names sv, which is neither in the pool nor a target. Did you mean 'sw'?"),
        (["cost={sw: 0}"], "cost.sw=0 is out of range. It must be above 0."),
    ],
)
def test_shots_that_cannot_be(tmp_path: Path, arguments: list[str], text: str) -> None:
    with pytest.raises(Problem) as caught:
        config = load_study("tiny", arguments, write_study(tmp_path))
        with_budgets(config, base_recipe(config))
    assert text in str(caught.value)


def test_no_row_of_the_target_is_trained_on_and_scored(tmp_path: Path) -> None:
    """Nor a translation of one, in any language."""
    config = load_study("tiny", ARGUMENTS, write_study(tmp_path))
    [cell] = (cell for cell in cells(config) if cell.id == "zh_tr4_s0")
    recipe, rows = cell_recipe(base_recipe(config), config, cell, tmp_path), RowStore()
    trained, _ = build_training_set(recipe, load_tokenizer(recipe.model), rows=rows)
    assert [row.language for row in trained].count("tr") == 4
    ids = {row.id for row in trained}
    for code in ("tr", "sw", "zh"):
        scored = scored_examples(recipe, code, rows=rows)
        assert len(scored) == 12 and ids.isdisjoint(one.id for one in scored)


def shots_study(effects: dict[int, float], larger: float, *, budgets: tuple[int, ...] = (1500,)) -> Study:
    """Sets of two with shots, which add to the logit, and a set of three without."""
    sets = [("ar", "de"), ("ar", "zh"), ("de", "zh")]
    found: list = []
    study = study_in_memory(lambda sources, code: larger, sets=[("ar", "de", "zh")], num_items=300, seed_sd=0.02)
    for place, budget in enumerate(budgets):
        here = Slice(budget, "direct")
        more = [dataclasses.replace(cell, slice=here, flops=3e9 * (place + 1)) for cell in study.cells]
        for draw, (number, effect) in enumerate(effects.items()):
            own = study_in_memory(
                lambda sources, code, e=effect: e,  # type: ignore[misc]
                sets=sets, num_items=300, seed_sd=0.02, draw=draw,
            )  # fmt: skip
            more += [dataclasses.replace(cell, share=number, slice=here, flops=2e9) for cell in own.cells]
        found += more
    manifest = {"config": {"shots": list(effects), "cost": {code: 3 for code in TARGETS}}, "versions": {}}
    return dataclasses.replace(study, cells=tuple(found), manifest=manifest, pool=("ar", "de", "zh"))


def test_the_answer_says_from_how_many_rows_on() -> None:
    """A third source is worth more than 10 rows and less than 40."""
    found = analyse(shots_study({0: 0.0, 10: -0.4, 40: 1.0, 160: 1.4}, 0.3), Settings(num_bootstrap=400))
    (section,) = found.slices[0].done
    assert [claim.name for _, claim in found.claims] == ["shots_10", "shots_40", "shots_160"]
    by_name = {claim.name: claim for _, claim in found.claims}
    assert by_name["shots_10"].value < 0 < by_name["shots_40"].low and by_name["shots_40"].p_adjusted < 0.05
    frames = {table.name: table.frame for table in section.tables}
    assert list(frames["shots"]["shots"]) == [0, 10, 40, 160] and list(frames["shots"]["num_sets"]) == [3] * 4
    assert len(frames["shots_targets"]) == 9
    report = report_of(found)
    answer = report["slices"][0][2][0].found
    assert answer == (
        "Label the target in place of a third source from k = 40 rows on (up to 160 were tried), at a cost of 3 "
        "each. With 10 it is worse."
    )
    said = render("study.md.j2", report)
    assert answer in said and "fi: better than a third source from k = 40 on" in section.notes[1]
    assert "40 rows of the target, against 3 sources, at the same total cost: " in said


def test_every_target_has_its_own_answer() -> None:
    study = shots_study({0: 0.0, 10: -0.4, 40: 1.0}, 0.3)
    for cell in study.cells:
        if cell.share == 40:
            cell.counts[1, :, 0] = 0  # of tr all are wrong
    (section,) = analyse(study, Settings(num_bootstrap=200)).slices[0].done
    better = "better than a third source from k = 40 on"
    assert f"fi: {better}; tr: no such k seen; th: {better}." in section.notes[1]


def test_without_larger_sets_the_same_ones_without_rows_are_held_against() -> None:
    study = shots_study({0: 0.0, 40: 1.0}, 0.3)
    study = dataclasses.replace(study, cells=tuple(cell for cell in study.cells if len(cell.sources) == 2))
    found = analyse(study, Settings(num_bootstrap=100))
    (section,) = found.slices[0].done
    means = section.tables[0].frame["accuracy"]
    claim = found.claims[0][1]
    assert claim.value == pytest.approx(means[1] - means[0]) and claim.others is not None  # no source is in all sets
    compared = section.tables[1].frame.iloc[0]
    assert (compared["others_low"], compared["others_high"]) == pytest.approx(claim.others)
    without = dataclasses.replace(study, cells=tuple(cell for cell in study.cells if cell.share))
    (reason,) = analyse(without, Settings(num_bootstrap=100)).slices[0].not_done
    assert reason.reason == "Nothing to hold them against: put 0 into shots, or a size more into set_sizes."


def test_sets_without_rows_of_a_target_have_no_curve() -> None:
    study = shots_study({0: 0.0, 10: 0.5}, 0.3)
    study = dataclasses.replace(study, cells=tuple(cell for cell in study.cells if not cell.share))
    (reason,) = analyse(study, Settings(num_bootstrap=100)).slices[0].not_done
    assert reason.reason == "No set with rows of a target is complete in every target."


def test_of_one_seed_there_is_no_answer() -> None:
    study = shots_study({0: 0.0, 40: 1.0}, 0.3)
    study = dataclasses.replace(study, cells=tuple(cell for cell in study.cells if cell.seed == 0))
    found = analyse(study, Settings(num_bootstrap=200))
    answer = report_of(found)["slices"][0][2][0].found
    assert answer == "No answer: items drawn again (of one seed), and what another changes is not known."
    (section,) = found.slices[0].done
    assert found.claims[0][1].low > 0 and not any("from k" in note for note in section.notes)


def test_intervals_of_the_curve_hold_for_all_its_rows() -> None:
    """They are wider than each claim's own, and p is the sentence's."""
    found = analyse(shots_study({0: 0.0, 10: 0.1, 40: 0.2, 160: 0.3}, 0.2), Settings(num_bootstrap=400))
    (section,) = found.slices[0].done
    frame = next(table.frame for table in section.tables if table.name == "shots_differences")
    for (_, claim), low, high in zip(found.claims, frame["difference_low"], frame["difference_high"], strict=True):
        assert low < claim.low < claim.high < high


def test_seeds_move_a_set_with_shots_and_without_apart() -> None:
    """As much as two sets: what is drawn for the one is not drawn for the other."""
    study = study_in_memory(lambda sources, code: 0.0, sets=THREE, seed_sd=0.6, num_items=400)
    cells = (*study.cells, *(dataclasses.replace(cell, share=40) for cell in study.cells))
    figures = resample(dataclasses.replace(study, cells=cells), study.slices[0], Settings(num_bootstrap=1000))
    without, shot, other = (figures.mean_drawn[:, row] for row in range(3))
    assert (without - shot).std() == pytest.approx((without - other).std(), rel=0.15)


@pytest.mark.parametrize("shot", [[("ar", "de"), ("ar", "en"), ("de", "zh"), ("en", "zh")], THREE])
def test_sets_that_seeds_do_not_move_do_not_stand_for_those_they_move(shot: list[tuple[str, ...]]) -> None:
    """Sets with shots are always right, the sets of three move by their seeds, as if they stood alone."""
    moved = study_in_memory(lambda sources, code: 0.0, sets=THREE, seed_sd=0.6, num_items=400)
    still = study_in_memory(lambda sources, code: 20.0, sets=shot, num_items=400)
    cells = (*(dataclasses.replace(cell, share=40) for cell in still.cells), *moved.cells)
    settings = Settings(num_bootstrap=400)
    alone = resample(moved, moved.slices[0], settings).mean_drawn.std(axis=0)
    both = resample(dataclasses.replace(moved, cells=cells), moved.slices[0], settings)
    has_shots = np.array([share is not None for share in both.shares])
    assert both.mean_drawn.std(axis=0)[~has_shots] == pytest.approx(alone, rel=0.15)
    assert both.mean_drawn.std(axis=0)[has_shots].max() < 0.2 * alone.min()


def test_no_such_k_is_said_as_plainly() -> None:
    found = analyse(shots_study({10: 0.3, 40: 0.3}, 0.3), Settings(num_bootstrap=200))
    answer = report_of(found)["slices"][0][2][0].found
    assert answer == (
        "Label the target in place of a third source: no k from which that is better was seen (10 to 40 rows, at a "
        "cost of 3 each)."
    )


def test_the_front_of_figures_against_cost_and_operations() -> None:
    study = shots_study({10: 0.2, 40: 1.2}, 0.7, budgets=(300, 600))
    found = analyse(study, Settings(num_bootstrap=200))
    (section,) = found.overall
    frame = section.tables[0].frame
    best = frame[(frame["cost"] == 300) & (frame["shots"] == 40)].iloc[0]
    assert best["front_cost"] == best["front_flops"] == "yes" and best["share_cost"] > 0.95
    assert (frame["front_cost"] == "yes").sum() == 1 and len(frame) == 6  # twice the budget brings nothing here
    assert set(frame["flops"]) == {2.0, 3.0, 6.0}
    assert [figure.x_axis for figure in section.figures] == [
        "cost of the labelled rows", "floating-point operations of training, 10⁹",
    ]  # fmt: skip


def test_two_kinds_make_a_front_and_one_does_not() -> None:
    study = shots_study({10: 0.2}, 0.7)
    (section,) = analyse(study, Settings(num_bootstrap=20)).overall
    assert len(section.tables[0].frame) == 2
    one = dataclasses.replace(study, cells=tuple(cell for cell in study.cells if cell.share))
    assert not analyse(one, Settings(num_bootstrap=20)).overall


def test_what_is_on_the_front() -> None:
    x, y = np.array([1.0, 2.0, 2.0, 3.0, 3.0]), np.array([[0.5, 0.4, 0.7, 0.7, 0.8], [0.3, 0.1, 0.1 + 0.2, 0.4, 0.1]])
    assert _undominated(x, y).tolist() == [[True, False, True, False, True], [True, False, False, True, False]]


def test_a_set_s_figure_in_a_target_is_that_of_the_run_with_its_rows(tmp_path: Path) -> None:
    """Read from folders: in each target all is right in the run with rows of it, and nothing in the others."""
    gold = np.arange(30) % 3
    planned = []
    for number, target, seed in itertools.product((0, 4), ("", *TARGETS), (0, 1)):
        if bool(number) != bool(target) or (target == "th" and seed == 1):
            continue
        name = f"ar_{target}{number}_s{seed}"
        cell = {"id": name, "sources": ["ar", *[target] * bool(target)], "seed": seed, "budget": 24}
        cell |= {"variant": "direct", "fingerprint": name, "shots": number, "target": target}
        right = np.repeat(np.array(TARGETS)[:, None] == target, 30, axis=1)
        write_cell(tmp_path / "cells" / name, cell, TARGETS, gold, right, np.zeros((3, 30), dtype=int))
        planned.append(cell)
    config = {"pool": ["ar"], "targets": list(TARGETS), "shots": [0, 4]}
    manifest = {"study": "shots", "config": config, "recipe": {}, "versions": {}, "cells": planned}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    study = collect(tmp_path)
    shares = {(cell.share, cell.seed): cell.counts[:, :, 0].mean() for cell in study.cells}
    assert shares == {(0, 0): 0.0, (0, 1): 0.0, (4, 0): 1.0}  # of seed 1 a run is missing
    assert study.num_runs == 7


def test_a_cell_of_the_only_target_shows_its_figure(tmp_path: Path) -> None:
    """It is among the sources then, as the last of them, and no language is unseen."""
    rows = [
        {"language": code, "role": "source", "metric": metric, "value": value}
        for metric, values in (("accuracy", (0.5, 0.75)), ("macro_f1", (0.4, 0.6)))
        for code, value in zip(("ar", "th"), values, strict=True)
    ]
    (tmp_path / "cells" / "ar_th4_s0").mkdir(parents=True)
    (tmp_path / "cells" / "ar_th4_s0" / "results.json").write_text(json.dumps({"results": rows}), encoding="utf-8")
    assert _figure(StudyFolder(tmp_path), "ar_th4_s0") == "accuracy 0.750 (th)"


def test_operations_of_training() -> None:
    class Base:
        def num_parameters(self, only_trainable: bool, exclude_embeddings: bool) -> int:
            assert exclude_embeddings
            return 10 if only_trainable else 100

    assert flops(Base(), 5) == 5 * (2 * 100 + 2 * 100 + 2 * 10)
