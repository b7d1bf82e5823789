"""The run folder: it belongs to one run, is done only when sealed, and never holds a NaN."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from mslt_it.config.recipe import Recipe, ScoringConfig
from mslt_it.problems import Problem
from mslt_it.runs import Run
from mslt_it.store import COMPLETE


def make_recipe(folder: Path | None = None, **changes: Any) -> Recipe:
    recipe = Recipe(name="toy", sources=("en",), targets=("sw",), output_dir=str(folder) if folder else None)
    return dataclasses.replace(recipe, **changes)


@pytest.fixture
def finished(tmp_path: Path) -> Run:
    run = Run(make_recipe(tmp_path / "run"))
    run.open()
    run.write_json("build_report.json", {"rows": 3})
    run.write_json("results.json", {"status": "ok"})
    (run.predictions / "sw.jsonl").write_text('{"id": "x"}\n')
    (run.folder / "adapter").mkdir()
    (run.folder / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    run.finish()
    return run


def test_the_folder_is_named_after_recipe_and_fingerprint(tmp_path: Path) -> None:
    recipe = make_recipe()
    assert Run(recipe).folder == Path("runs") / f"toy-{recipe.run_fingerprint()}"
    assert Run(make_recipe(tmp_path / "x")).folder == tmp_path / "x"
    assert Run(make_recipe(seed=1)).folder != Run(recipe).folder


def test_opening_writes_the_recipe_and_can_be_repeated(tmp_path: Path) -> None:
    run = Run(make_recipe(tmp_path / "run"))
    run.open()
    config = (run.folder / "config.yaml").read_text(encoding="utf-8")
    assert "sources" in config and Run.fingerprint_of(run.folder) == run.recipe.run_fingerprint()
    assert run.predictions.is_dir()
    run.open()
    assert (run.folder / "config.yaml").read_text(encoding="utf-8") == config


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"targets": ("th",)}, {"scoring": ScoringConfig(num_examples_per_language=7)}]
)
def test_a_folder_of_another_run_is_refused(finished: Run, changes: dict[str, Any]) -> None:
    other = Run(make_recipe(finished.folder, **changes))
    before = (finished.folder / "config.yaml").read_bytes()
    with pytest.raises(Problem, match=r"holds another run \(fingerprint .*Choose another output_dir") as problem:
        other.open()
    assert finished.recipe.run_fingerprint() in str(problem.value)
    assert other.recipe.run_fingerprint() in str(problem.value)
    assert (finished.folder / "config.yaml").read_bytes() == before


def test_a_run_that_made_nothing_leaves_its_folder_to_the_next(tmp_path: Path) -> None:
    """Its rows could not be built: what was wrong is put right, and the same folder is named again."""
    wrong, right = Run(make_recipe(tmp_path / "run")), Run(make_recipe(tmp_path / "run", seed=1))
    wrong.open()
    wrong.say("error: too few rows")
    right.open()
    assert Run.fingerprint_of(tmp_path / "run") == right.recipe.run_fingerprint()
    (tmp_path / "run" / "checkpoints").mkdir()
    with pytest.raises(Problem, match="holds another run"):
        wrong.open()


def test_a_finished_folder_of_another_run_gives_no_results(finished: Run) -> None:
    other = Run(make_recipe(finished.folder, seed=1))
    with contextlib.suppress(Problem):
        assert other.finished_results() is None


def test_only_the_main_process_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(make_recipe(tmp_path / "run"), is_main=False)
    run.open()
    run.write_json("results.json", {})
    run.say("hello")
    run.finish()
    assert not (tmp_path / "run").exists() and capsys.readouterr().out == ""


def test_what_is_said_is_printed_and_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(make_recipe(tmp_path / "run"))
    run.say("before the folder")
    run.open()
    run.say("größer 大きい")
    run.say()
    assert capsys.readouterr().out == "before the folder\ngrößer 大きい\n\n"
    assert (run.folder / "log.txt").read_text(encoding="utf-8") == "größer 大きい\n\n"


def test_a_nan_is_never_written(tmp_path: Path) -> None:
    run = Run(make_recipe(tmp_path / "run"))
    run.open()
    for value in (float("nan"), float("inf"), -float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            run.write_json("results.json", {"value": value})
    assert not (run.folder / "results.json").exists()


def test_finished_results_come_back(finished: Run) -> None:
    found = finished.finished_results()
    assert found == {"status": "ok"}
    sealed = json.loads((finished.folder / COMPLETE).read_text(encoding="utf-8"))["files"]
    assert set(sealed) == {
        "config.yaml", "build_report.json", "results.json", "adapter/adapter_model.safetensors", "predictions/sw.jsonl"
    }  # fmt: skip


def test_a_run_without_its_seal_is_not_done(finished: Run, tmp_path: Path) -> None:
    (finished.folder / COMPLETE).unlink()
    assert finished.finished_results() is None
    assert Run(make_recipe(tmp_path / "nowhere")).finished_results() is None


@pytest.mark.parametrize(
    "name",
    ["config.yaml", "build_report.json", "results.json", "adapter/adapter_model.safetensors", "predictions/sw.jsonl"],
)
@pytest.mark.parametrize("how", ["changed", "missing"])
def test_a_changed_file_is_noticed(finished: Run, name: str, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = finished.folder / name
    if how == "changed":
        path.write_bytes(path.read_bytes() + b" ")
    else:
        path.unlink()
    assert finished.finished_results() is None
    finished.open()
    assert f"{path} has changed since the run finished" in capsys.readouterr().err
    assert not (finished.folder / COMPLETE).exists()
    assert path.exists() == (name == "config.yaml" or (how == "changed" and path.suffix != ".jsonl"))


def test_the_log_may_grow_after_the_seal(finished: Run) -> None:
    finished.say("one more line")
    assert finished.finished_results() is not None
