"""The main job as its user starts it: as a script, in a process of its own, on the shipped model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from forked import is_running, no_gpu, start, wait_for
from waiting import until

from mslt_it.cli import main
from mslt_it.notices import WORLD_NOTICE, notice

SCRIPT = Path(__file__).parent.parent / "mslt_it" / "train.py"
SMALL = [
    "recipe=xnli_3src",
    "targets=[tr,en]",
    "data.num_examples_total=61",
    "scoring.num_examples_per_language=30",
    "training.batch_size=8",
    "training.save_steps=2",
]


def command(*overrides: str) -> list[str]:
    return [sys.executable, str(SCRIPT), *SMALL, *overrides]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}


def launch(*overrides: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*overrides), cwd=cwd, env=environment(), capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    cwd = tmp_path_factory.mktemp("finished")
    done = launch("training.max_steps=12", "output_dir=run", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return cwd, done


def test_a_run_says_what_it_is_and_ends_with_the_table(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, done = finished
    assert done.stdout.startswith(WORLD_NOTICE)
    assert "61 training rows from 3 languages" in done.stdout
    assert ">>>" in done.stdout
    assert "tr Turkish      unseen  30" in done.stdout
    assert "ar Arabic       seen    30" in done.stdout
    assert done.stdout.rstrip().endswith("Run folder: run")


def test_the_run_folder_holds_what_the_readme_says(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    run = finished[0] / "run"
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    assert results["status"] == "ok"
    by_language = {row["language"]: row for row in results["results"] if row["metric"] == "accuracy"}
    assert [by_language[c]["role"] for c in ("ar", "de", "zh", "tr", "en")] == ["source"] * 3 + ["target"] * 2
    for row in results["results"]:
        assert row["low"] <= row["value"] <= row["high"]
        assert row["gain"] == pytest.approx(row["value"] - row["base_value"])
    report = json.loads((run / "build_report.json").read_text(encoding="utf-8"))
    assert sorted(part["num_kept"] for part in report["languages"]) == [20, 20, 21]
    lines = (run / "predictions" / "tr.jsonl").read_text(encoding="utf-8").splitlines()
    right = sum(json.loads(x)["label"] == json.loads(x)["adapter_prediction"] for x in lines)
    assert right / len(lines) == pytest.approx(by_language["tr"]["value"])
    for name in ("config.yaml", "environment.json", "log.txt", "COMPLETE.json", "adapter/adapter_model.safetensors"):
        assert (run / name).is_file(), name
    assert "Accuracy" not in (run / "adapter" / "README.md").read_text(encoding="utf-8").split("\n")[0]


def test_rows_and_rates_that_were_never_reached_are_told(
    finished: tuple[Path, Any], tmp_path: Path, capsys: Any
) -> None:
    """61 rows by 8 are 8 steps of a pass."""
    cwd, done = finished
    assert "of a pass" not in done.stdout
    assert "| passes over them | 1.5 |" in (cwd / "run" / "adapter" / "README.md").read_text(encoding="utf-8")
    assert main(["train", *SMALL, "training.max_steps=2", f"output_dir={tmp_path / 'run'}"]) == 0
    said = capsys.readouterr().out
    assert "Note: that is 0.25 of a pass over the training rows" in said
    assert "Note: all steps are training.warmup_steps=10: " in said and "never reached its peak" not in done.stdout
    assert "| passes over them | 0.25 |" in (tmp_path / "run" / "adapter" / "README.md").read_text(encoding="utf-8")


def test_a_finished_run_is_neither_done_twice_nor_overwritten_by_another_recipe(
    finished: tuple[Path, subprocess.CompletedProcess[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", *SMALL, f"output_dir={finished[0] / 'run'}"]
    assert main([*arguments, "training.max_steps=12"]) == 0
    again = capsys.readouterr().out
    assert "already finished" in again and "tr Turkish" in again
    assert main([*arguments, "training.max_steps=7"]) == 2
    assert "run holds another run" in capsys.readouterr().err


@no_gpu
def test_kill_9_and_a_second_start_give_the_same_adapter(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["train", *SMALL, "training.max_steps=12", "output_dir=killed"]
    monkeypatch.chdir(tmp_path)
    process = start(lambda: main(arguments), tmp_path / "said.txt")
    saved = "killed/checkpoints/checkpoint-*/COMPLETE.json"
    until(lambda: not is_running(process) or list(tmp_path.glob(saved)))
    os.kill(process, signal.SIGKILL)
    assert wait_for(process) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "results.json").exists()
    assert main(arguments) == 0
    assert "Continued from checkpoint-" in capsys.readouterr().out
    hashes = [
        json.loads((run / "results.json").read_text(encoding="utf-8"))["provenance"]["adapter_sha256"]
        for run in (finished[0] / "run", tmp_path / "killed")
    ]
    assert hashes[0] == hashes[1]


def test_the_notice_tells_the_world_from_real_data() -> None:
    from mslt_it.config.compose import load_recipe

    assert notice(load_recipe("xnli_3src", []))[0] == WORLD_NOTICE
    real_rows = load_recipe("xnli_3src", ["task.data=rows"])
    assert "expect chance" in notice(real_rows)[0]
    real_model = load_recipe("xnli_3src", ["scale=small"])
    assert "not XNLI" in notice(real_model)[0]
    assert len(notice(load_recipe("xnli_3src", ["scale=small", "task.data=rows"]))) == 1


def test_a_run_takes_its_parts_from_whoever_hands_them_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "publish"))
    from finished_run import make_base

    from mslt_it.config.compose import load_recipe
    from mslt_it.pipeline import Parts, run_recipe

    asked: list[str] = []

    class Watched(Parts):
        def __getattribute__(self, name: str) -> Any:
            if not name.startswith("_"):
                asked.append(name)
            return super().__getattribute__(name)

        def give_back(self, model: Any) -> None:
            assert "lora_" in " ".join(name for name, _ in model.named_parameters())

    own = [
        "sources=[de]",
        "targets=[tr]",
        f"model.path={make_base(tmp_path / 'base')}",
        f"output_dir={tmp_path / 'run'}",
    ]
    own += ["data.num_examples_total=8", "training.max_steps=1", "scoring.num_examples_per_language=6"]
    recipe = load_recipe("xnli_3src", own)
    assert run_recipe(recipe, Watched()) == 0
    assert [name for name in asked if name != "rows"] == ["tokenizer", "encoder", "base", "runs", "give_back"]
    asked.clear()
    assert run_recipe(recipe, Watched()) == 0  # already finished
    assert asked == []
