"""mslt study: what it prints, what it refuses, and that killing it changes no figure."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tiny_study import command, environment, make_model, run, tables, write_study
from waiting import until

from mslt_it.command import execute
from mslt_it.commands import study as study_command
from mslt_it.data.build import build_scored_set
from mslt_it.locks import locked
from mslt_it.problems import Problem
from mslt_it.study.config import study_files
from mslt_it.study.jobs import Job, Outcome
from mslt_it.study.manifest import StudyFolder

main = functools.partial(execute, study_command.COMMAND)


@pytest.mark.parametrize("name", sorted(study_files()))
def test_every_study_is_dry_run_clean(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reachable = ["model.path=world"] * (name == "intents")  # its own is asked for, and may be out of reach
    assert main([f"study={name}", "workers=2", f"out={tmp_path / 'out'}", "--dry-run", *reachable]) == 0
    said = capsys.readouterr().out
    cells = {
        "mini": 126,
        "paper_xnli": 381,
        "paper_wikiann": 381,
        "paper_pawsx": 93,
        "paper_tydiqa": 21,
        "paper_bactrian": 42,
        "intents": 34,
    }
    assert f"To do: {cells[name]} cells" in said
    assert re.search(r"Expected time: \d[\w ]+ of one worker, \d[\w ]+ with 2 workers \(", said)
    assert "Labelled rows (cost): " in said
    assert not (tmp_path / "out").exists()


def test_a_base_that_was_trained_on_a_target_is_refused(tmp_path: Path) -> None:
    """As mslt merge leaves it: its languages would count among the unseen."""
    base = make_model(tmp_path / "base")
    (base / "prompts.json").write_text(json.dumps({"recipe": {"sources": ["fr"]}, "trained_before": ["de", "el"]}))
    given = ["study=mini", f"model.path={base}", f"out={tmp_path / 'out'}", "--dry-run"]
    with pytest.raises(Problem, match=rf"^targets names el, and the base {base} was trained on rows in el \(its prom"):
        main(given)
    assert main([*given, "targets=[fi,he]"]) == 0


def test_own_rows_that_are_no_translations_are_told_from_translations_in_every_cell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """XNLI's rows are parallel by their order; those of a table that is read as XNLI's need not be."""
    labels, numbers = ("entailment", "neutral", "contradiction"), {"de": 60, "en": 60, "zh": 50, "tr": 21, "sw": 30}
    lines = [f"{code},{code} p{i},{code} h{i},{labels[i % 3]}" for code, n in numbers.items() for i in range(n)]
    (tmp_path / "own.csv").write_text("\n".join(["lang,premise,hypothesis,label", *lines]) + "\n", encoding="utf-8")
    file, jobs = write_study(tmp_path, mingling="{}", predict="{}"), list[Job]()
    monkeypatch.setattr(study_command, "_done", lambda own: jobs.extend(own) or {})
    data = ["model.path=world", f"task.data={tmp_path / 'own.csv'}", "scoring.num_examples_per_language=0"]
    assert main(["study=tiny", f"--config-dir={file}", f"out={tmp_path / 'out'}", "--dry-run", *data]) == 0
    assert "'de' has 60 rows and 'zh' 50, without ids: rows count as each language's own" in capsys.readouterr().out
    assert len(jobs) == 6
    for job in jobs:
        scored = {code: [item.id for item in build_scored_set(job.recipe, code)] for code in ("tr", "sw")}
        assert {code: len(ids) for code, ids in scored.items()} == {"tr": 21, "sw": 30}  # every row of a target
        assert not set(scored["tr"]) & set(scored["sw"])


def test_a_dry_run_s_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_study(tmp_path, expected="{seconds_per_step: 2, seconds_per_item: 0.5, origin: a stopwatch}")
    arguments = ["study=tiny", f"--config-dir={file}", f"out={tmp_path / 'out'}", "--dry-run", "workers=1"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    # 6 steps x 2 s, and 12 items x 0.5 s in 3 languages (3 cells of one source) or 4 (3 cells of two)
    seconds = 3 * (12 + 3 * 6) + 3 * (12 + 4 * 6)
    assert seconds == 198
    assert "Expected time: 3 min 18 s of one worker (2 s per step, 0.5 s per scored item; a stopwatch)." in said
    assert "Labelled rows (cost): 24 per cell; 144 trained on in all cells. At most 72 different ones" in said
    assert "      1      3      3      0               6  de_s0 … zh_s0" in said
    # a cell that was measured counts more; one that was interrupted does not count
    timing = tmp_path / "out" / "timing"
    timing.mkdir(parents=True)
    (timing / "de_s0.json").write_text('{"seconds": 100, "cpu_seconds": 1, "from_the_start": true}')
    (timing / "en_s0.json").write_text('{"seconds": 1, "cpu_seconds": 1, "from_the_start": false}')
    assert main(arguments) == 0
    assert "10 min 00 s of one worker (median of 1 cell of this study, 1 min 40 s each)" in capsys.readouterr().out


class FakeExecutor:
    """Fails one cell, and one has scores that are no numbers."""

    workers = 1

    def run(self, jobs: Sequence[Job], run_cell: Any, on_done: Any) -> None:
        assert run_cell is study_command.run_cell
        for job in jobs:
            folder = StudyFolder(Path(job.study)).cell(job.cell)
            folder.mkdir(parents=True)
            row = {"role": "target", "metric": "accuracy", "value": 0.5, "language": "mean of unseen"}
            (folder / "results.json").write_text(json.dumps({"results": [row]}))
            notes = ["rows: 0123456789abcdef", "tr: every item divided by id: 12 rows are scored"]
            (folder / "build_report.json").write_text(json.dumps({"notes": notes}))
            status = {"en_s0": "failed", "zh_s0": "invalid"}.get(job.cell, "ok")
            on_done(Outcome(job.cell, status, "it is raining" if status != "ok" else "", 12.0))


def test_a_failure_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(study_command, "make_executor", lambda *_: FakeExecutor())
    out = tmp_path / "out"
    assert main(["study=tiny", f"--config-dir={write_study(tmp_path)}", f"out={out}"]) == 1
    said = capsys.readouterr().out
    assert f"Study tiny: 6 cells in {out}, 0 done, 6 to do." in said
    assert "[2 of 6] en_s0: FAILED: it is raining" in said
    assert "[6 of 6] en-zh_s0: accuracy 0.500 (mean of unseen), 12 s\n" in said
    assert said.count("Note: tr: every item divided by id: 12 rows are scored\n") == 1
    assert "0123456789abcdef" not in said
    assert "5 of 6 cells are done" in said
    assert "1 of them have scores that are not numbers: zh_s0" in said
    assert f"1 failed (reasons in {out / 'failed'}):\n  en_s0: it is raining\nStart the same command again" in said
    assert json.loads((out / "manifest.json").read_text())["cells"][0]["id"] == "de_s0"


def test_work_is_told_before_the_first_cell_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(study_command, "INTERVAL", 0.01)
    progress = study_command._Progress(StudyFolder(tmp_path), 3, {"ar_s0": "ok"})
    until(lambda: re.search(r"^Running for \d+ s: 1 of 3 cells have ended\.$", capsys.readouterr().out, re.MULTILINE))
    progress.end()


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_command, "make_executor", lambda *_: FakeExecutor())
    file, out = write_study(tmp_path), tmp_path / "out"
    arguments = ["study=tiny", f"--config-dir={file}", f"out={out}"]
    with locked(StudyFolder(out).lock("study")), pytest.raises(Problem, match="Another process is at work in "):
        main(arguments)
    main(arguments)
    with pytest.raises(Problem, match=r"holds a study of other cells. Different: seeds: \[0\] before, \[0, 1\] now"):
        main([*arguments, "seeds=[0,1]"])
    with pytest.raises(Problem, match=r"Unknown option '--dryrun'. Did you mean '--dry-run'\?"):
        main([*arguments, "--dryrun"])
    with pytest.raises(Problem, match=r"study is missing. Write mslt study study=mini"):
        main([])
    with pytest.raises(Problem, match=r"workers=0 is out of range. It must be at least 1"):
        main([*arguments, "workers=0"])
    with pytest.raises(Problem, match="--config-dir needs a folder"):
        main(["study=tiny", "--config-dir"])
    with pytest.raises(Problem, match=r"Unknown key 'trainning\.num_epochs'. Did you mean 'training\.num_epochs'"):
        main([*arguments, "trainning.num_epochs=3"])


def test_help_lists_studies_and_executors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for word in ("usage: mslt study", "mini ", "paper_bactrian ", "slurm ", "--dry-run", "set_sizes", "workers"):
        assert word in said


@pytest.mark.slow
def test_killed_at_random_it_ends_with_the_same_tables(tmp_path: Path) -> None:
    """Worker or parent, kill -9 at a time drawn by seed, until the study is done."""
    model, file = make_model(tmp_path / "model"), write_study(tmp_path / "config", steps=60)
    whole = run(file, model, tmp_path / "whole", "workers=2")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "6 of 6 cells are done" in whole.stdout
    draw, out, num_kills = random.Random(3), tmp_path / "killed", 0
    saved = "cells/*/checkpoints/checkpoint-*/COMPLETE.json"
    for _ in range(3):
        start = command(file, model, out, "workers=2")
        with subprocess.Popen(start, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as parent:
            until(lambda: parent.poll() is not None or (list(out.glob(saved)) and _workers(parent.pid)), 300)
            time.sleep(draw.uniform(0, 2))
            if workers := _workers(parent.pid):
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    os.kill(draw.choice(workers), signal.SIGKILL)
                    num_kills += 1
            time.sleep(draw.uniform(0, 8))
            if parent.poll() is None:
                parent.kill()
                num_kills += 1
    assert num_kills >= 4
    last = run(file, model, out, "workers=2")
    assert last.returncode == 0, last.stdout + last.stderr
    assert "6 of 6 cells are done" in last.stdout
    assert any("Continued from checkpoint-" in log.read_text() for log in out.glob("cells/*/log.txt"))
    assert tables(out) == tables(tmp_path / "whole")
    again = run(file, model, out, "workers=2")
    assert again.returncode == 0
    assert "6 done, 0 to do" in again.stdout


def _workers(parent: int) -> list[int]:
    """Its children, the resource tracker of multiprocessing left out."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # one has just ended
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found
