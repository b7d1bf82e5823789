"""Sweeps: several values of a recipe's key, one of them chosen for each set by held-out rows of its sources."""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finished_study import make_model, run_study
from synthetic_study import write_cell
from tiny_study import write_study

from mslt_it.command import execute
from mslt_it.commands import study as study_command
from mslt_it.evaluation.estimates import Settings
from mslt_it.problems import Problem
from mslt_it.progress import duration
from mslt_it.report.pages import render
from mslt_it.report.study_report import report_of
from mslt_it.study.analyse.analyses import analyse
from mslt_it.study.analyse.findings import Analysis
from mslt_it.study.choosing import chosen_of, tried
from mslt_it.study.collect import collect
from mslt_it.study.config import StudyConfig, load_study
from mslt_it.study.derived import check_with_recipe
from mslt_it.study.forecast import num_looked_at, num_steps
from mslt_it.study.grid import base_recipe, cell_recipe, cells
from mslt_it.study.manifest import StudyFolder, build_manifest, refuse_changed
from mslt_it.study.sweep import check_points, points
from mslt_it.training.looks import best, looks

main = functools.partial(execute, study_command.COMMAND)
RATES, RANKS = "training.learning_rate=[1e-4,3e-4]", "adapter.rank=[8,32]"
LOOKING = "training.eval_steps=2"


def loaded(folder: Path, *arguments: str, **more: str) -> StudyConfig:
    return load_study("tiny", arguments, write_study(folder, **more))


# ---------------------------------------------------------------- which cells


def test_every_value_with_every_other_on_every_set_and_seed(tmp_path: Path) -> None:
    config = loaded(tmp_path, RATES, RANKS, "seeds=[0,1]")
    assert config.grid == {"training.learning_rate": (1e-4, 3e-4), "adapter.rank": (8, 32)}
    base, found = base_recipe(config), cells(config)
    assert [cell.id for cell in found[:4]] == [
        "de_learning_rate0.0001_rank8_s0",
        "de_learning_rate0.0001_rank8_s1",
        "de_learning_rate0.0001_rank32_s0",
        "de_learning_rate0.0001_rank32_s1",
    ]
    assert len(found) == 6 * 4 * 2 == len({cell.id for cell in found})
    recipes = [cell_recipe(base, config, cell, tmp_path) for cell in found]
    assert len({recipe.run_fingerprint() for recipe in recipes}) == len(found)
    assert {(recipe.training.learning_rate, recipe.adapter.rank) for recipe in recipes} == set(
        itertools.product((1e-4, 3e-4), (8, 32))
    )
    assert all(recipe.training.max_steps == 6 for recipe in recipes)  # of the file


def test_in_a_file_and_changed_on_the_command_line(tmp_path: Path) -> None:
    file = {"grid": "{training.learning_rate: [1e-4, 0.00032], adapter.rank: [4]}"}
    assert loaded(tmp_path, **file).grid == {"training.learning_rate": (1e-4, 3.2e-4), "adapter.rank": (4,)}
    assert cells(loaded(tmp_path, **file))[1].id == "de_learning_rate0.00032_s0"  # what does not differ is not named
    one = loaded(tmp_path, "training.learning_rate=1e-3", **file)
    assert one.grid == {"adapter.rank": (4,)} and one.overrides[-1] == "training.learning_rate=1e-3"
    assert loaded(tmp_path, "training.learning_rate=[1,2,3]", **file).grid["training.learning_rate"] == (1, 2, 3)
    assert loaded(tmp_path, "grid={}", **file).grid == {}
    over = loaded(tmp_path, "training.max_steps=[2,4]")  # the file has an override of it
    assert over.grid == {"training.max_steps": (2, 4)} and not any("max_steps" in one for one in over.overrides)
    assert [num_steps(base_recipe(over), cell) for cell in cells(over)[:2]] == [2, 4]


def test_a_list_is_one_value_and_lists_in_a_list_are_a_sweep(tmp_path: Path) -> None:
    one = loaded(tmp_path, "adapter.target_modules=[q_proj,v_proj]")
    assert one.grid == {} and base_recipe(one).adapter.target_modules == ("q_proj", "v_proj")
    several = loaded(tmp_path, "adapter.target_modules=[[q_proj,v_proj],[all-linear]]")
    assert several.grid == {"adapter.target_modules": (("q_proj", "v_proj"), ("all-linear",))}
    assert [cell.id for cell in cells(several)[:2]] == [
        "de_target_modulesq_proj-v_proj_s0",
        "de_target_modulesall-linear_s0",
    ]
    last = cell_recipe(base_recipe(several), several, cells(several)[-1], tmp_path)
    assert last.adapter.target_modules == ("all-linear",)
    named_alike = loaded(tmp_path, "adapter.target_modules=[['a.b','c'],['a.b-c']]")
    assert [cell.id for cell in cells(named_alike)[:2]] == [
        "de_target_modules1-a.b-c_s0",
        "de_target_modules2-a.b-c_s0",
    ]


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("training.learning_rate=[1e-4,fast]", "training.learning_rate=fast is not a number"),
        ("training.learning_rate=[1e-4,-1]", "training.learning_rate=-1 is out of range. It must be above 0"),
        ("training.learning_rate=[1e-4,1e-4]", "grid: training.learning_rate=[0.0001,0.0001] names a value twice"),
        ("training.learning_rate=[]", "grid: training.learning_rate=[] is empty. Give each value once"),
        ("training.learning_rat=[1,2]", "Unknown key 'training.learning_rat'. Did you mean 'training.learning_rate'?"),
        ("grid={training.learning_rat: [1]}", "Did you mean 'training.learning_rate'?"),
        ("grid={adapter.rank: 8}", "grid: adapter.rank: 8 is not a list of values. A sweep is written adapter.rank=["),
        ("grid={adapter.target_modules: [q_proj, v_proj]}", "adapter.target_modules=[[q_proj,v_proj],[q_proj,v_proj]]"),
        ("grid={targets: [[tr], [sw]]}", "grid holds targets, for which the study has targets"),
        ("grid={seed: [0, 1]}", "grid holds seed, for which the study has seeds"),
        ("data.num_examples_total=[24,48]", "grid holds data.num_examples_total, for which the study has budgets"),
        ("prompt.variant=[direct,xlt]", "grid holds prompt.variant, for which the study has variants"),
        ("scoring.confidence=[0.9,0.95]", "grid cannot hold scoring.confidence: cells of a study are compared on one"),
        ("model.path=[a,b]", "Make a study of each value, with an out=DIR of its own."),
        ("adapter.quantization=[none,nf4]", "grid cannot hold adapter.quantization: cells of a study are compared"),
        ("training.num_eval_examples=[10,20]", "grid cannot hold training.num_eval_examples: settings are chosen by"),
        ("training.save_steps=[10,20]", "grid cannot hold training.save_steps: no figure follows from it"),
        ("adapter.target_modules=[[q_proj,v_proj],[all", "Cannot read 'adapter.target_modules=[[q_proj,v_proj],[all'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(argument: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        base_recipe(loaded(tmp_path, argument))
    assert said in str(caught.value)


def test_prompts_are_swept_and_the_base_has_no_one_answer_then(tmp_path: Path) -> None:
    asked = ("prompt.language=[native,english]", "training.batch_size=[4,8]", "training.freeze_layers=[0,1]", LOOKING)
    config = loaded(tmp_path, *asked)
    base, found = base_recipe(config), cells(config)
    check_points(config.grid, base)
    assert found[-1].id == "en-zh_languageenglish_batch_size8_freeze_layers1_s0"
    recipes = [cell_recipe(base, config, cell, tmp_path) for cell in found]
    assert {(r.prompt.language, r.training.batch_size, r.training.freeze_layers) for r in recipes} == set(
        itertools.product(("native", "english"), (4, 8), (0, 1))
    )
    wanted = {"predict": "{set_size: 2, num_items: 4}"}
    with pytest.raises(Problem, match=r"predict: .* grid has several prompts\. Take one .*predict=\{\} or grid=\{\}\)"):
        check_with_recipe(loaded(tmp_path, *asked, **wanted), base)
    check_with_recipe(loaded(tmp_path, *asked, "grid={}", "predict={}", **wanted), base)
    folder = write_swept(tmp_path / "swept", against, for_two)
    assert collect(folder).base is not None
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["config"]["grid"] = {"prompt.template": ["0", "1"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert collect(folder).base is None


def test_a_key_has_one_place(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"tiny.yaml: training.max_steps stands in overrides and in grid. Keep one"):
        loaded(tmp_path, grid="{training.max_steps: [2, 4]}")
    with pytest.raises(Problem, match=r"adapter\.rank is given twice: .* Keep one"):
        loaded(tmp_path, RANKS, "adapter.rank=[1,2]")


def test_what_nothing_could_be_chosen_by_is_refused(tmp_path: Path) -> None:
    config = loaded(tmp_path, RATES)
    with pytest.raises(Problem, match=r"2 settings would be tried \(training.learning_rate 0.0001, 0.0003\).* Add for"):
        check_points(config.grid, base_recipe(config))
    config = loaded(tmp_path, RATES, LOOKING)
    check_points(config.grid, base_recipe(config))
    one = loaded(tmp_path, "training.learning_rate=[1e-4]")
    check_points(one.grid, base_recipe(one))
    assert points(one.grid) == [(("training.learning_rate", 1e-4),)] and cells(one)[0].id == "de_s0"


def test_the_manifest_has_the_grid_and_another_one_is_refused(tmp_path: Path) -> None:
    def manifest(*arguments: str) -> Any:
        config = loaded(tmp_path, LOOKING, *arguments)
        base, folder = base_recipe(config), StudyFolder(tmp_path / "out")
        return json.loads(json.dumps(build_manifest(config, base, cells(config), folder)))

    old = manifest(RATES, RANKS)
    assert old["config"]["grid"] == {"training.learning_rate": [1e-4, 3e-4], "adapter.rank": [8, 32]}
    assert old["cells"][1]["point"] == [["training.learning_rate", 1e-4], ["adapter.rank", 32]]
    assert "adapter.rank" not in old["recipe"] and old["recipe"]["training.max_steps"] == 6
    folder = StudyFolder(tmp_path / "out")
    assert refuse_changed(old, manifest(RATES, RANKS), folder) == []
    with pytest.raises(Problem, match=r"Different: grid: .*'adapter.rank': \[8, 32\]} before, [^;]*\. Put"):
        refuse_changed(old, manifest(RATES), folder)


def test_a_dry_run_tells_of_the_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_study(tmp_path, expected="{seconds_per_step: 2, seconds_per_item: 0.5, origin: a stopwatch}")
    start = ["study=tiny", f"--config-dir={file}", f"out={tmp_path / 'out'}", "--dry-run", "workers=1"]
    sweep = ["training.max_steps=[2,6]", "training.eval_steps=4", "training.num_eval_examples=5"]
    assert main([*start, *sweep]) == 0
    said = capsys.readouterr().out
    assert "sweep training.max_steps 2, 6: 2 settings of each set, of which one is chosen by held-out rows" in said
    assert "(every 4 steps, 5 rows each), never by a target" in said
    # steps x 2 s; 12 items x 0.5 s in 3 or 4 languages; one look (2 steps) or two (6) at 5 items of each source
    seconds = sum(
        2 * steps + 0.5 * (12 * (sources + 2) + looks * 5 * sources)
        for sources in (1, 1, 1, 2, 2, 2)
        for steps, looks in ((2, 1), (6, 2))
    )
    assert f"Expected time: {duration(seconds)} of one worker" in said
    assert "Labelled rows (cost): 24 per cell; 288 trained on in all cells. At most 72 different ones" in said
    assert "In addition, at most 5 labelled rows of each language of the pool are held out for the looks." in said
    assert "      1      3      6      0            2, 6  de_max_steps2_s0 … zh_max_steps6_s0" in said
    config = load_study("tiny", sweep, file)
    assert [num_looked_at(base_recipe(config), cell) for cell in cells(config)[-2:]] == [10, 20]
    # of measured cells, those with the same values count
    timing = tmp_path / "out" / "timing"
    timing.mkdir(parents=True)
    for name, taken in (("de_max_steps2_s0", 10), ("de_max_steps6_s0", 40)):
        (timing / f"{name}.json").write_text(json.dumps({"seconds": taken, "from_the_start": True}))
    assert main([*start, *sweep]) == 0
    assert "5 min 00 s of one worker (median of 2 cells of this study, 10 s to 40 s" in capsys.readouterr().out


# ---------------------------------------------------------------- choosing

POINTS = (0.1, 0.2)
SETS = (("ar",), ("de",), ("ar", "de"))


def write_swept(folder: Path, held_out: Any, right: Any, skip: tuple[str, ...] = ()) -> Path:
    """Two points of three sets with two seeds; ``held_out`` and ``right`` of (sources, point) are (metric, loss) of the
    second of three looks, and how many of ten target items are right."""
    planned = []
    for sources, rate, seed in itertools.product(SETS, POINTS, (0, 1)):
        name = f"{'-'.join(sources)}_learning_rate{rate}_s{seed}"
        point = [["training.learning_rate", rate]]
        cell: dict[str, Any] = {"id": name, "sources": list(sources), "seed": seed, "budget": 60, "variant": "direct"}
        planned.append(cell | {"point": point, "fingerprint": name})
        if name in skip:
            continue
        hits = np.zeros((2, 10), dtype=bool)
        hits[:, : right(sources, rate)] = True
        gold, base = np.zeros(10, dtype=int), np.ones((2, 10), dtype=int)
        path = write_cell(folder / "cells" / name, planned[-1], ("fi", "tr"), gold, hits, base)
        metric, loss = held_out(sources, rate)
        told = [(10, metric - 0.2, 3.0), (20, metric + 0.01 * seed, loss), (30, metric - 0.1, 0.1)]
        lines = [{"step": 5, "loss": 1.0}, *({"step": s, "eval_accuracy": m, "eval_loss": x} for s, m, x in told)]
        (path / "losses.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = {
        "recipe": "xnli_3src",
        "pool": ["ar", "de"],
        "targets": ["fi", "tr"],
        "seeds": [0, 1],
        "criteria": ["scripts"],
    }
    config["grid"] = {"training.learning_rate": list(POINTS)}  # type: ignore[assignment]
    content = {"study": "s", "config": config, "recipe": {"task.metric": "accuracy"}, "versions": {}, "cells": planned}
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def against(sources: tuple[str, ...], rate: float) -> tuple[float, float]:
    """Held-out rows want 0.1 for single sources, 0.2 for the two together."""
    return (0.8 if (rate == 0.1) == (len(sources) == 1) else 0.7), 1.0


def for_two(sources: tuple[str, ...], rate: float) -> int:
    """Targets want 0.2 throughout."""
    return 4 if rate == 0.1 else 7


def test_held_out_rows_of_the_sources_choose_and_targets_do_not(tmp_path: Path) -> None:
    study = collect(write_swept(tmp_path, against, for_two))
    picked = {one.sources: dict(one.point)["training.learning_rate"] for one in study.tried if one.is_chosen}
    assert picked == {("ar",): 0.1, ("de",): 0.1, ("ar", "de"): 0.2}
    assert len(study.cells) == 6 and len(study.tried_cells) == study.num_planned == 12 and not study.missing
    assert {cell.id for cell in study.cells} == {
        f"{'-'.join(sources)}_learning_rate{rate}_s{seed}" for sources, rate in picked.items() for seed in (0, 1)
    }
    first = study.tried[0]
    assert first.metric == pytest.approx(0.805) and first.loss == 1.0  # the mean over seeds of each one's best look
    # turned round, other labels of targets choose nothing else
    other = collect(write_swept(tmp_path / "other", against, lambda sources, rate: 11 - for_two(sources, rate)))
    assert [one.is_chosen for one in other.tried] == [one.is_chosen for one in study.tried]


def test_the_report_says_how_many_were_tried(tmp_path: Path) -> None:
    study = collect(write_swept(tmp_path, against, for_two))
    findings = analyse(study, Settings(num_bootstrap=100))
    section = findings.slices[0].done[0]
    assert isinstance(section, Analysis) and section.name == "settings"
    summary, every = (one.frame for one in section.tables)
    assert summary.setting.tolist() == ["learning_rate 0.1", "learning_rate 0.2", "chosen, set by set"]
    assert summary.times.tolist() == [2, 1, 3]
    assert summary.accuracy.tolist() == pytest.approx([0.4, 0.7, 0.5]) and len(every) == 6
    sets = next(one for one in findings.slices[0].done if one.name == "sets").tables[0].frame
    of_chosen = every.accuracy[every.chosen != ""]
    assert sorted(sets.accuracy) == pytest.approx(sorted(of_chosen))  # all else is of the chosen ones
    said = render("study.md.j2", report_of(findings))
    assert "2 settings were tried for each set, in 12 runs; of each set the one that did best on held-out rows" in said
    assert "| sweep | training.learning_rate 0.1, 0.2 |" in said and "| runs | 12 of 12 planned |" in said
    assert "2 settings were tried on 3 sets, 12 runs in all" in said and "No row of a target took part." in said


def test_ties_go_to_the_lower_loss_then_the_first_and_missing_runs_are_not_chosen(tmp_path: Path) -> None:
    def rates(held_out: Any, *skip: str) -> list[float]:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        study = collect(write_swept(folder, held_out, for_two, skip))
        return [dict(one.point)["training.learning_rate"] for one in study.tried if one.is_chosen]

    assert rates(lambda sources, rate: (0.8, 1.0)) == [0.1] * 3
    assert rates(lambda sources, rate: (0.8, 1.0 - rate)) == [0.2] * 3
    # Means of the same right answers, dealt out otherwise, differ in the last bit.
    assert rates(lambda sources, rate: (0.1 + 0.2 if rate == 0.1 else 0.3, 1.0 - rate)) == [0.2] * 3
    assert rates(lambda sources, rate: (0.8 + rate, 1.0), "de_learning_rate0.2_s1") == [0.2, 0.1, 0.2]
    folder = tmp_path / "0"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert chosen_of(folder, manifest, ["ar_learning_rate0.2_s0", "ar_learning_rate0.1_s0"]) == [
        "ar_learning_rate0.1_s0"
    ]
    plain = {"cells": [{"id": "ar_s0", "sources": ["ar"]}]}
    assert chosen_of(folder, plain, ["ar_s0"]) == ["ar_s0"] and tried(folder, plain["cells"], "accuracy") == ()
    (folder / "cells" / "ar_learning_rate0.1_s0" / "losses.jsonl").write_text('{"step": 5, "loss": 1.0}\n')
    with pytest.raises(Problem, match=r"losses.jsonl has no look at held-out rows. Remove .*_s0 and continue with"):
        collect(folder)


# ---------------------------------------------------------------- a whole study


def test_a_study_with_a_sweep_from_command_to_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_model(tmp_path / "model")
    arguments = ["training.learning_rate=[1e-6,0.02]", LOOKING, "training.num_eval_examples=6", "pool=[de,en]"]
    representations = "{sslt: [en], mslt: [de, en], seeds: [0], max_items: 10, map: none, num_bootstrap: 100}"
    more = {"mingling": representations, "criteria": "[scripts]"}
    assert run_study(tmp_path, tmp_path / "model", *arguments, **more) == 0
    said = capsys.readouterr().out
    assert "Study tiny: 6 cells in " in said and "6 of 6 cells are done" in said
    out = tmp_path / "out"
    study = collect(out)
    for one in study.tried:
        (name,) = one.cells
        lines = (out / "cells" / name / "losses.jsonl").read_text().splitlines()
        look = best(looks([json.loads(line) for line in lines], "accuracy"))
        assert look is not None and (one.metric, one.loss) == (look.value, look.loss)
    for sources in (("de",), ("en",), ("de", "en")):
        own = [one for one in study.tried if one.sources == sources]
        assert len(own) == 2
        assert next(one for one in own if one.is_chosen) == max(own, key=lambda one: (one.metric, -one.loss))
    made_of = json.loads((out / "mingling.json").read_text())["systems"]
    assert set(made_of) == {"base", "SSLT en", "MSLT de-en"}
    assert run_study(tmp_path, tmp_path / "model", *arguments, **more) == 0
    again = capsys.readouterr().out
    assert "6 done, 0 to do" in again and "mingling: made before from the same cells" in again
