"""Cells that share a base, known words and the base's answers: equal, to the bit, to runs that share nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_study import make_model, tables, write_study

from mslt_it.config.recipe import Recipe
from mslt_it.evaluation.likelihood import ChoiceScorer
from mslt_it.evaluation.trained_rows import SetAside
from mslt_it.pipeline import Parts, run_recipe
from mslt_it.store import seal
from mslt_it.study import shared
from mslt_it.study.cells import run_cell, status_of
from mslt_it.study.config import load_study
from mslt_it.study.grid import base_recipe, cell_recipe, cells, with_budgets
from mslt_it.study.jobs import Job
from mslt_it.study.manifest import StudyFolder, finished_status


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    """de, en and de-en on a two-layer model."""
    folder = tmp_path_factory.mktemp("study")
    model = make_model(folder / "model")
    overrides = [f"model.path={model}", "pool=[de, en]", "targets=[tr]"]
    config = load_study("tiny", overrides, write_study(folder / "config"))
    base = base_recipe(config)
    config = with_budgets(config, base)
    study = StudyFolder(folder / "out")
    return [Job(str(study.path), c.id, cell_recipe(base, config, c, study.cell(c.id))) for c in cells(config)]


def test_cells_equal_ordinary_runs(jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    original = Parts.base

    def counted(self: Any, recipe: Recipe, tokenizer: Any) -> Any:
        loaded.append(recipe.name)
        return original(self, recipe, tokenizer)

    monkeypatch.setattr(Parts, "base", counted)
    scored: list[int] = []
    score = ChoiceScorer.score
    monkeypatch.setattr(ChoiceScorer, "score", lambda self, batch: scored.append(len(batch)) or score(self, batch))
    assert [job.cell for job in jobs] == ["de_s0", "en_s0", "de-en_s0"]
    for job in jobs:
        outcome = run_cell(job)
        assert (outcome.status, outcome.reason) == ("ok", "")
        assert finished_status(job.recipe) == "ok"
    assert loaded == ["tiny_de_s0"]  # once for all three
    # The base answers de, tr, en and each adapter its own languages, 12 items each; tr and en are asked of it once.
    assert sum(scored) == 12 * (2 + 2 + 1 + 2 + 3)
    for job in jobs:  # in another order would do as well: nothing is shared
        assert run_recipe(dataclasses.replace(job.recipe, output_dir=str(tmp_path / "cells" / job.cell))) == 0
    shared, alone = tables(Path(jobs[0].study)), tables(tmp_path)
    assert shared.keys() == alone.keys()
    assert len(shared) == 3 + 2 + 2 + 3  # results, and predictions of the sources and the target
    assert shared == alone


def test_a_study_leaves_no_checkpoints_and_says_how_long_cells_took(jobs: list[Job]) -> None:
    run_cell(jobs[0])  # already finished: nothing is done, and the time stays that of the run
    study = StudyFolder(Path(jobs[0].study))
    assert not (study.cell("de_s0") / "checkpoints").exists()
    assert '"from_the_start": true' in study.timing("de_s0").read_text()


def test_a_failing_cell_is_written_down_and_the_next_one_is_not_touched_by_it(
    jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mslt_it.training.sft as sft

    recipe = dataclasses.replace(jobs[2].recipe, output_dir=str(tmp_path / "cells" / "x"))
    job = dataclasses.replace(jobs[2], study=str(tmp_path), cell="x", recipe=recipe)
    release: Callable[..., None] = sft.AdapterTrainer.release

    def broken(self: Any) -> None:
        raise RuntimeError("the patched forward was left on the base")

    monkeypatch.setattr(sft.AdapterTrainer, "release", broken)
    failed = run_cell(job)
    assert (failed.status, failed.unexpected) == ("failed", True)
    assert failed.reason == "RuntimeError: the patched forward was left on the base"
    assert "Traceback" in (tmp_path / "failed" / "x.txt").read_text()
    monkeypatch.setattr(sft.AdapterTrainer, "release", release)
    assert run_cell(job).status == "ok"
    assert not (tmp_path / "failed" / "x.txt").exists()
    names = ("tr.jsonl", "de.jsonl", "en.jsonl")
    study = StudyFolder(Path(jobs[2].study))
    run_cell(jobs[2])
    for name in names:
        assert (tmp_path / "cells" / "x" / "predictions" / name).read_text() == (
            study.cell(jobs[2].cell) / "predictions" / name
        ).read_text()


def test_other_tasks_are_scored_by_mslt_eval_before_a_cell_counts_as_done(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    import mslt_it.evaluation.request as evaluation_request

    job = dataclasses.replace(jobs[0], also_score=("xcopa", "xwinograd"))
    run_cell(jobs[0])
    out, asked = Path(job.study) / "also" / job.cell, []
    assert status_of(jobs[0]) == "ok" and status_of(job) is None

    def parse(argv: list[str]) -> Any:
        return real([*argv, "task.data=rows"])

    def evaluate(request: Any, say: Any) -> dict[str, str]:
        names = [recipe.task.name for recipe in request.recipes]
        asked.append((request.asked.run, names, Path(request.asked.out)))
        out.mkdir(parents=True, exist_ok=True)
        (out / "results.json").write_text("{}")
        seal(out, [out / "results.json"])
        return {"status": "ok"}

    real = evaluation_request.parse_request
    monkeypatch.setattr(shared, "parse_request", parse)
    monkeypatch.setattr(evaluation_request, "_languages", lambda *_: (("tr",), ""))
    monkeypatch.setattr(evaluation_request, "with_order", lambda recipe, *_: recipe)
    monkeypatch.setattr(evaluation_request, "rows_set_aside", lambda *_: SetAside({"tr": frozenset()}, ()))
    monkeypatch.setattr(shared, "evaluate", evaluate)
    assert run_cell(job).status == "ok"
    assert asked == [((str(job.recipe.output_dir),), ["xcopa", "xwinograd"], out)]
    assert status_of(job) == "ok"
    monkeypatch.setattr(shared, "evaluate", lambda *_: {"status": "invalid"})
    failed = run_cell(job)
    assert failed.status == "failed" and "some scores are invalid. Look at its results.json" in failed.reason
