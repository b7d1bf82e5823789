"""`executor=together`: who is trained with whom, and that a study's cells end as they do one by one."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tiny_study import command, environment, make_model, tables, write_study
from tiny_study import run as run_study

from mslt_it.commands.study import Options, _workers
from mslt_it.models.base_model import read_adapter
from mslt_it.study import executors
from mslt_it.study.cells import run_cell, status_of
from mslt_it.study.config import load_study
from mslt_it.study.executors import Together, grouped, make_executor, why_alone
from mslt_it.study.forecast import seconds_of
from mslt_it.study.grid import base_recipe, cell_recipe, cells, with_budgets
from mslt_it.study.jobs import Job, Outcome
from mslt_it.study.manifest import StudyFolder


class InThisProcess:
    """`LocalPool` without processes; at one cell its process dies."""

    def __init__(self, study: str, workers: int | None = None) -> None:
        self.study = study

    def run(self, jobs: Sequence[Job], run_cell: Any, on_done: Any) -> None:
        waiting = deque(jobs)
        while waiting:
            waiting.extendleft(reversed(on_done(run_cell(waiting.popleft())) or ()))


def jobs_in(folder: Path, model: Path, *overrides: str) -> list[Job]:
    """de, en and de-en."""
    given = [f"model.path={model}", "pool=[de, en]", "targets=[tr]", *overrides]
    config = load_study("tiny", given, write_study(folder / "config"))
    base = base_recipe(config)
    config = with_budgets(config, base)
    study = StudyFolder(folder / "out")
    recipes = {c.id: cell_recipe(base, config, c, study.cell(c.id)) for c in cells(config)}
    return [Job(str(study.path), cell, recipe) for cell, recipe in recipes.items()]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("base") / "model")


def run(jobs: Sequence[Job], monkeypatch: pytest.MonkeyPatch, workers: int | None = None) -> list[Outcome]:
    monkeypatch.setattr(executors, "LocalPool", InThisProcess)
    found: list[Outcome] = []
    executor = make_executor("together", workers, {}, jobs[0].study)
    assert isinstance(executor, Together)
    executor.run(jobs, run_cell, found.append)
    return found


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and "tfevents" not in p.name}


def adapter(job: Job) -> dict[str, Any]:
    return read_adapter(Path(str(job.recipe.output_dir)) / "adapter")


def test_cells_end_as_they_do_one_by_one(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = jobs_in(tmp_path / "ours", model), jobs_in(tmp_path / "theirs", model)
    assert [outcome.status for outcome in map(run_cell, theirs)] == ["ok"] * 3
    found = run(ours, monkeypatch)
    assert [(one.cell, one.status, one.reason) for one in found] == [(job.cell, "ok", "") for job in ours]
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Trained together: 3 cells, at most 8 in one pass over the base."
    assert said[1].startswith("de_s0 and 2 more were trained together in ")
    a, b = tables(Path(ours[0].study)), tables(Path(theirs[0].study))
    assert a.keys() == b.keys()
    for job, other in zip(ours, theirs, strict=True):
        assert status_of(job) == "ok"
        folder, whole = Path(str(job.recipe.output_dir)), Path(str(other.recipe.output_dir))
        assert files(folder) == files(whole)
        assert "Continued from checkpoint-6." in (folder / "log.txt").read_text()
        for name, tensor in adapter(other).items():
            assert adapter(job)[name] == pytest.approx(tensor, abs=1e-5)
        values = [[(row["language"], row["value"]) for row in t[job.cell]["results"]] for t in (a, b)]
        assert values[0] == values[1]
        assert seconds_of(StudyFolder(Path(job.study)), job.cell) is None  # not the cell's own time


def test_what_is_wrong_with_one_is_told_by_its_own_run(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = jobs_in(tmp_path, model)
    folder = Path(str(jobs[1].recipe.output_dir))
    folder.mkdir(parents=True)
    (folder / "fingerprint.json").write_text(json.dumps({"run": "0123"}))
    (folder / "losses.jsonl").touch()
    found = {one.cell: one for one in run(jobs, monkeypatch)}
    assert [found[job.cell].status for job in jobs] == ["ok", "failed", "ok"]
    assert "holds another run" in found[jobs[1].cell].reason
    assert "de_s0 and 1 more were trained together in " in capsys.readouterr().out


def test_what_goes_wrong_together_goes_on_one_by_one(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mslt_it.study import shared

    def broken(*_: Any, **__: Any) -> None:
        raise MemoryError("8 GB are too few\nfor 3")

    monkeypatch.setattr(shared, "train_together", broken)
    found = run(jobs_in(tmp_path, model, "training.max_steps=2"), monkeypatch)
    assert [one.status for one in found] == ["ok"] * 3
    assert "de_s0 and 2 more train one by one: MemoryError: 8 GB are too few\n" in capsys.readouterr().out


def test_a_forecast_counts_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for gpus, processes in (("", 1), ("0,1", 2)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
        assert _workers(Options(study="tiny", executor="together", workers=8), StudyFolder(tmp_path)) == processes
        assert Together(str(tmp_path), 3).pool.workers == processes


def test_who_goes_with_whom(model: Path, tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, model)
    sweep = [job for rank in (4, 8) for job in jobs_in(tmp_path, model, f"adapter.rank={rank}")]
    assert grouped([*sweep[:2], *sweep[3:]], 8) == ([sweep[:2], sweep[3:]], {})  # an adapter of each rank by itself
    groups, alone = grouped(jobs, 2)
    assert (groups, alone) == ([jobs[:2]], {"no other cell is left with its adapter and batch": [jobs[2]]})
    assert grouped([], 8) == ([], {})


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        ("adapter.method=full: all weights are trained", {"adapter.method": "full"}),
        ("adapter.dropout=0.1: other random numbers would be drawn than alone", {"adapter.dropout": 0.1}),
        ("adapter.use_dora=true: an adapter is more than two matrices a layer", {"adapter.use_dora": True}),
        ("training.eval_steps=5: a cell's looks stop all others", {"training.eval_steps": 5}),
        ("training.average_checkpoints: weights of earlier steps are kept", {"training.average_checkpoints": 2}),
        ("training.freeze_layers: not all of an adapter is trained", {"training.freeze_layers": 1}),
        ("training.layer_lr_decay: a rate for each layer", {"training.layer_lr_decay": 0.9}),
        ("training.batch_size=auto: what fits is measured for one cell", {"training.batch_size": None}),
        ("training.gradient_checkpointing: memory is what is short", {"training.gradient_checkpointing": None}),
        ("training.report_to=[tensorboard,wandb]: a tracker has one run at a time",
         {"training.report_to": ("tensorboard", "wandb")}),
        ("adapters are combined", {"combine.method": "linear"}),
        (None, {"training.learning_rate": 1.0}),
    ],
)  # fmt: skip
def test_who_goes_alone(
    reason: str | None, changed: dict[str, Any], model: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    jobs = []
    for job in jobs_in(tmp_path, model):
        ((name, value),) = changed.items()
        section, key = name.split(".")
        part = dataclasses.replace(getattr(job.recipe, section), **{key: value})
        jobs.append(dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, **{section: part})))
    assert why_alone(jobs[0].recipe) == reason
    if reason is None:
        return
    monkeypatch.setattr(executors, "LocalPool", InThisProcess)
    found: list[Outcome] = []
    Together(str(tmp_path)).run(jobs, lambda job: Outcome(job.cell, "ok", str(len(job.together))), found.append)
    assert [(one.cell, one.reason) for one in found] == [(job.cell, "0") for job in jobs]
    assert capsys.readouterr().out == f"Trained one by one: 3 cells (de_s0 ...), {reason}.\n"


@pytest.mark.slow
def test_killed_it_ends_as_they_do_one_by_one(model: Path, tmp_path: Path) -> None:
    """Kill -9 while three train together; what is left is done by another executor."""
    own = ("pool=[de,en]", "targets=[tr]", "training.max_steps=40")
    file, out = write_study(tmp_path / "config"), tmp_path / "out"
    start = command(file, model, out, *own, "executor=together")
    with subprocess.Popen(start, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as parent:
        while parent.poll() is None and not list(out.glob("cells/*/checkpoints/checkpoint-6/COMPLETE.json")):
            time.sleep(0.05)
        parent.kill()
    begun = {path.parent.parent.name for path in out.glob("cells/*/checkpoints/checkpoint-*")}
    assert len(begun) == 3 and not list(out.glob("cells/*/adapter"))
    done = run_study(file, model, out, *own, "workers=1")
    assert done.returncode == 0 and "3 of 3 cells are done" in done.stdout, done.stdout + done.stderr
    for job in jobs_in(tmp_path / "whole", model, "training.max_steps=40"):
        assert run_cell(job).status == "ok"
        for name, tensor in adapter(job).items():
            found = read_adapter(out / "cells" / job.cell / "adapter")[name]
            assert found == pytest.approx(tensor, abs=1e-4)
