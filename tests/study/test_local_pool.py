"""The pool of workers on this machine: order, reuse, deaths, GPUs. Workers here run functions that take no time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pool_cells
import pytest
from waiting import text_of, until

from mslt_it.cli import main
from mslt_it.problems import Problem
from mslt_it.study import local_pool
from mslt_it.study.jobs import Outcome
from mslt_it.study.local_pool import MAX_DEATHS, LocalPool, visible_gpus


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def run(study: Path, workers: int, *cells: str) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}

    def on_done(outcome: Outcome) -> None:
        assert outcome.cell not in found, "reported twice"
        found[outcome.cell] = outcome

    LocalPool(str(study), workers).run(pool_cells.jobs(study, *cells), pool_cells.ended, on_done)
    return found


def processes(study: Path) -> dict[str, list[str]]:
    """Cell -> the processes that began it."""
    found: dict[str, list[str]] = {}
    for line in (study / "notes.txt").read_text().splitlines():
        cell, _, process = line.split()
        found.setdefault(cell, []).append(process)
    return found


def test_every_cell_is_run_once_by_workers_that_stay(tmp_path: Path) -> None:
    cells = [f"slow{i}" for i in range(5)]
    found = run(tmp_path, 2, *cells)
    assert {cell: o.status for cell, o in found.items()} == dict.fromkeys(cells, "ok")
    by = processes(tmp_path)
    assert all(len(by[cell]) == 1 for cell in cells)
    assert len(Counter(by[cell][0] for cell in cells)) == 2  # two processes, five cells
    assert str(os.getpid()) not in {p for ps in by.values() for p in ps}


def test_a_worker_that_is_killed_has_its_cell_tried_again(tmp_path: Path) -> None:
    found = run(tmp_path, 1, "killed1", "b", "doomed", "c")
    assert {cell: o.status for cell, o in found.items()} == {
        "killed1": "ok", "b": "ok", "doomed": "failed", "c": "ok",
    }  # fmt: skip
    assert found["doomed"].reason.startswith(
        f"{MAX_DEATHS} workers died while they ran it (the last by signal 9, SIGKILL). The kernel does this when "
        "memory runs out. Use fewer workers"
    )
    assert (tmp_path / "failed" / "doomed.txt").read_text().startswith(f"{MAX_DEATHS} workers died")
    by = processes(tmp_path)
    assert len(by["killed1"]) == 2 and len(by["doomed"]) == MAX_DEATHS and len(by["b"]) == 1


def test_jobs_that_come_of_a_job_come_next(tmp_path: Path) -> None:
    order: list[str] = []

    def on_done(outcome: Outcome) -> list[pool_cells.Job]:
        order.append(outcome.cell)
        return pool_cells.jobs(tmp_path, "b", "c") if outcome.cell == "a" else []

    LocalPool(str(tmp_path), 1).run(pool_cells.jobs(tmp_path, "a", "d"), pool_cells.ended, on_done)
    assert order == ["a", "b", "c", "d"]


def test_a_process_in_a_bad_state_gets_no_other_cell(tmp_path: Path) -> None:
    found = run(tmp_path, 1, "a", "broken", "c", "d")
    assert [found[cell].status for cell in ("a", "broken", "c", "d")] == ["ok", "failed", "ok", "ok"]
    by = processes(tmp_path)
    assert by["a"] == by["broken"] != by["c"] == by["d"]


def test_threads_and_gpus_of_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-ab")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(9)))
    pool = LocalPool(str(tmp_path))
    assert (pool.workers, pool.threads) == (2, 4)
    assert pool.environment(1) == {
        "OMP_NUM_THREADS": "4", "OMP_WAIT_POLICY": "PASSIVE", "CUDA_VISIBLE_DEVICES": "GPU-ab",
    }  # fmt: skip
    found = run(tmp_path, 2, "slow1", "slow2")
    assert {o.reason for o in found.values()} == {"4 PASSIVE 3", "4 PASSIVE GPU-ab"}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,GPU-ab"
    with pytest.raises(Problem, match=r"workers=3, but 2 GPUs are visible \(3, GPU-ab\).* CUDA_VISIBLE_DEVICES=3,3\."):
        LocalPool(str(tmp_path), 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,3,3")
    assert LocalPool(str(tmp_path), 3).environment(2)["CUDA_VISIBLE_DEVICES"] == "3"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert LocalPool(str(tmp_path)).workers == 9


def test_gpus_are_counted_by_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: x)'\necho '  MIG 1g: (UUID: y)'\necho 'GPU 1: B (UUID: z)'\n")
    program.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert visible_gpus() == ["0", "1"]
    program.write_text("#!/bin/sh\necho 'no driver'; exit 9\n")
    assert visible_gpus() == []


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = [sys.executable, pool_cells.__file__, str(tmp_path)]
    path = os.pathsep.join([str(Path(local_pool.__file__).parents[2]), str(Path(__file__).parent)])
    with subprocess.Popen(program, env=os.environ | {"PYTHONPATH": path}) as parent:
        until(lambda: parent.poll() is not None or text_of(tmp_path / "notes.txt").endswith("\n"))
        parent.send_signal(signal.SIGKILL)
    assert parent.returncode == -signal.SIGKILL
    [process] = processes(tmp_path)["slow-for-ever"]
    until(lambda: not _is_alive(process))


def _is_alive(process: str) -> bool:
    """One that has ended, but which nobody has waited for, is not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:  # there is none, or no longer
        return False


def test_unknown_executors_and_settings_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "study=mini", "executor=slum", "--dry-run"]) == 2
    assert "executor=slum is unknown. Did you mean 'slurm'?" in capsys.readouterr().err
    assert main(["study", "study=mini", "settings={partition:gpu}", "--dry-run"]) == 2
    assert "settings has no effect on executor=local, only on slurm and ray." in capsys.readouterr().err
